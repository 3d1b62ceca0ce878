"""Showing credentials from a wallet: what is shown is written down first, then signed.

Each presentation is a use of the credential and an entry of the activity log, which names the
claims and holds no value. Both are durable before anything leaves: after a crash an instance may be
wasted, and is never shown twice.

Spec: 42-credentials.md
"""

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from billfold.credentials.dcql import Answer, ClaimPath, Query
from billfold.credentials.disclosures import Place
from billfold.credentials.jose import PrivateKey
from billfold.credentials.pool import Choice
from billfold.credentials.presentation import KeptCredential, Request, present
from billfold.holdings.base import Base
from billfold.holdings.holder_keys import HolderKeys
from billfold.holdings.standing import SHOWN, pool_of, standing_of
from billfold.model import Credential, Input
from billfold.model.activity_log import claim_name
from billfold_protocol.errors import InputError, NotAuthorised

CLAIM_NAME_MAX: Final = 104
_TYPE: Final = re.compile(r"[\x21-\x7e]{1,256}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Presented:
    """What was shown."""

    presentations: Mapping[str, tuple[str, ...]] = field(repr=False)
    """By credential query: what goes into the `vp_token` of the answer."""

    notes: tuple[str, ...]
    """What the person should know, in plain sentences; usually nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Showing:
    """One credential that is about to be shown."""

    answer: Answer
    credential: Credential
    kept: KeptCredential
    key: PrivateKey | None
    use: str
    choice: Choice | None


async def show(
    base: Base,
    keys: HolderKeys,
    answers: Sequence[Answer],
    *,
    query: Query,
    request: Request,
    purpose: str | None,
) -> Presented:
    """Write down what is shown, and then make the presentations.

    Raises:
        NotAuthorised: this is a restored copy that has to catch up first.
        OutOfStock: no instance is left that may be shown.
        NotFound: the key is on another device.
        InputError: the request has no audience or nonce, or a credential cannot be shown.
        AccessError, StoreError: it could not be written down; nothing is shown.
    """
    request.check()
    async with base.lock:
        showings: list[_Showing] = []
        for answer in answers:
            showings.append(_prepare(base, keys, answer, request, showings))
        async with base.edit() as edit:
            for one in showings:
                edit.set(one.credential.record.id, f"uses/{one.use}", request.audience)
                edit.add_checked("activity", _activity(base, one, query, request, purpose))
    made: dict[str, list[str]] = {}
    for one in showings:
        made.setdefault(one.answer.query_id, []).append(
            present(one.kept, one.answer.places, request=request, key=one.key, now_s=base.now_s())
        )
    return Presented(
        presentations={name: tuple(texts) for name, texts in made.items()},
        notes=tuple(_note(one) for one in showings if one.choice and one.choice.is_repeat),
    )


def _prepare(
    base: Base,
    keys: HolderKeys,
    answer: Answer,
    request: Request,
    before: Sequence[_Showing],
) -> _Showing:
    credential = base.records.get(answer.credential_id)
    standing = standing_of(base, keys, credential)
    if standing.lifecycle not in SHOWN:
        raise InputError(f"The credential is {standing.lifecycle.value}, so it cannot be shown.")
    taken = {
        one.use: request.audience
        for one in before
        if one.credential.record.id == credential.record.id
    }
    pool = pool_of(credential, base.now_s(), taken)
    name = secrets.token_hex(8)
    choice = None
    raw: object = credential.raw
    if pool is not None:
        if base.must_catch_up:
            raise NotAuthorised(
                "This device was restored from a copy; sync it once before it shows one-time "
                "credentials, so that none is shown twice."
            )
        choice = pool.choose(base.owner, request.audience)
        name = f"{choice.instance.name}/{name}"
        raw = credential.instances[choice.instance.name]
    if not isinstance(raw, str):
        raise InputError("This credential is of a format that cannot be shown from here.")
    kept = KeptCredential.read(raw)
    key = None if kept.holder_key is None else keys.private(kept.holder_key)
    return _Showing(
        answer=answer, credential=credential, kept=kept, key=key, use=name, choice=choice
    )


def _activity(
    base: Base, one: _Showing, query: Query, request: Request, purpose: str | None
) -> dict[str, Input]:
    named = one.credential.vct or one.credential.doctype or ""
    kind = named if _TYPE.fullmatch(named) else "credential"
    asked = next(item for item in query.credentials if item.id == one.answer.query_id)
    told: dict[str, Input | None] = {
        "transaction_identifier": secrets.token_hex(16),
        "time": base.now_s(),
        "transaction_type": "Presentation",
        "transaction_result": "Completed",
        "interacting_party_identifier": request.audience,
        "purpose": purpose,
        "credential": one.credential.record.id,
    }
    fields: dict[str, Input] = {name: one for name, one in told.items() if one is not None}
    for claim in asked.claims:
        fields[f"claims_requested/{_name(claim.path)}"] = kind
    for place in one.answer.shown:
        fields[f"claims_presented/{_name(place)}"] = kind
    return fields


def _note(one: _Showing) -> str:
    return (
        f"No unused copy of {one.credential.title or one.credential.vct or 'the credential'} is "
        "left on this device, so this verifier got one that it has seen before: it can tell that "
        "it met the same person. Nobody else can."
    )


def _name(path: ClaimPath | Place) -> str:
    return claim_name(path)[:CLAIM_NAME_MAX]

"""The credentials of an open wallet: `wallet.credentials`.

Spec: 42-credentials.md
"""

import secrets
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

from billfold.credentials.dcql import Answers, Option, Query, answer_query, parse_query
from billfold.credentials.issuer_keys import IssuerKeys
from billfold.credentials.pool import share_out
from billfold.credentials.presentation import Request
from billfold.credentials.verification import MEDIA_TYPES
from billfold.document import Scalar
from billfold.holdings.adding import Addition, check_addition, fields_of
from billfold.holdings.base import Base
from billfold.holdings.holder_keys import SOFTWARE, HolderKey, HolderKeys
from billfold.holdings.presenting import Presented, show
from billfold.holdings.standing import SHOWN, Standing, read_held, standing_of
from billfold.holdings.statuses import Fetch, StatusReport, refresh
from billfold.model import Credential, Input
from billfold_protocol.errors import InputError, NotFound

BATCH_COUNT_MAX: Final = 256
"""The most instances that are added at once."""

CHANGE_SIZE_MAX: Final = 100 * 1024
"""Bytes of instances that become one change."""


class Credentials:
    """What issuers have signed about the person."""

    def __init__(self, base: Base) -> None:
        """Work on an open wallet; `wallet.credentials` is the way to get one."""
        self._base = base
        self._keys = HolderKeys(base)

    def __iter__(self) -> Iterator[Credential]:
        """Go through the credentials that are not in the trash, in order of id."""
        return iter(self._base.records)

    def all(self, *, trashed: bool = False) -> list[Credential]:
        """Return the credentials, or with `trashed` those in the trash, in order of id."""
        return self._base.records.all(trashed=trashed)

    def get(self, record: str) -> Credential:
        """Return one credential.

        Raises:
            NotFound: there is none with this id.
        """
        return self._base.records.get(record)

    def find(self, **values: Input) -> list[Credential]:
        """Return the credentials whose fields have these values, in order of id."""
        return self._base.records.find(**values)

    async def update(
        self, record: str, fields: Mapping[str, Input] | None = None, /, **named: Input
    ) -> Credential:
        """Set fields of a credential's record; what the issuer signed never changes.

        Raises:
            NotFound, InputError, AccessError, LimitExceeded, StoreError: see `TypedRecords.update`.
        """
        return await self._base.records.update(record, fields, **named)

    async def new_key(self, binding: str = SOFTWARE) -> HolderKey:
        """Make a key that an issuer binds a credential to; a batch needs one for each instance.

        Args:
            binding: `software` for one that all of the person's devices can use, or `device` for
                one whose secret never leaves this one.

        Raises:
            InputError: the binding is another.
            AccessError, StoreError: it cannot be written.
        """
        return await self._keys.make(binding)

    async def add(
        self,
        raw: str | bytes,
        *,
        issuer_keys: IssuerKeys | None = None,
        title: str | None = None,
        media_types: Collection[str] = MEDIA_TYPES,
    ) -> Credential:
        """Add a credential; an SD-JWT VC is verified first, other formats are kept as they came.

        One whose time is over is added too, and shown as such.

        Args:
            raw: what the issuer gave: text, or the bytes of an mdoc.
            issuer_keys: whom to believe; needed for SD-JWT VC.
            title: what the person calls it.
            media_types: what an SD-JWT may say that it is.

        Raises:
            InputError: an SD-JWT without anybody to believe.
            CredentialRefused: it must not be relied on; the kind of error says why.
            Malformed, LimitExceeded: it has no right form.
            AccessError, StoreError: it could not be kept.
        """
        addition = check_addition(raw, issuer_keys, media_types, self._base.now_s())
        fields = {**fields_of(addition), **self._binding(addition)}
        if title is not None:
            fields["title"] = title
        return await self._base.records.add(fields)

    async def add_batch(
        self,
        raws: Sequence[str],
        *,
        issuer_keys: IssuerKeys,
        title: str | None = None,
        into: str | None = None,
        media_types: Collection[str] = MEDIA_TYPES,
    ) -> Credential:
        """Add one-time instances of a credential, shared out among the person's devices.

        Args:
            raws: what the issuer gave, each bound to a key of its own (`new_key`).
            issuer_keys: whom to believe.
            title: what the person calls it.
            into: the record of a batch that these refill; None for a new one.
            media_types: what an SD-JWT may say that it is.

        Raises:
            InputError: there is none, or two are bound to one key, or they are not of one kind.
            CredentialRefused, Malformed, LimitExceeded: see `add`.
            NotFound: there is no batch to refill.
            AccessError, StoreError: they could not be kept; a part of them may be.
        """
        if not 0 < len(raws) <= BATCH_COUNT_MAX:
            raise InputError(f"A batch has 1 to {BATCH_COUNT_MAX} instances.")
        now_s = self._base.now_s()
        additions = [check_addition(raw, issuer_keys, media_types, now_s) for raw in raws]
        _check_batch(additions)
        async with self._base.lock:
            if into is None:
                credential = await self._base.records.add(
                    {
                        **fields_of(additions[0]),
                        **({} if title is None else {"title": title}),
                        "batch": secrets.token_hex(16),
                        "one_time": True,
                        "binding": SOFTWARE,
                    }
                )
            else:
                credential = self.get(into)
                if credential.is_one_time is not True:
                    raise InputError("This credential is no batch that could be refilled.")
            await self._add_instances(credential, additions)
        return self.get(credential.record.id)

    def standing(self, record: str) -> Standing:
        """Return how a credential stands on this device.

        Raises:
            NotFound: there is none with this id.
        """
        return standing_of(self._base, self._keys, self.get(record))

    def standings(self) -> list[Standing]:
        """Return how every credential stands on this device, in order of id."""
        return [standing_of(self._base, self._keys, one) for one in self]

    def answer(self, query: str | Query) -> Answers:
        """Return the ways to answer a verifier's question, with the least disclosed first.

        Args:
            query: in DCQL, as JSON text or parsed.

        Raises:
            Malformed, LimitExceeded: it is no query.
        """
        asked = parse_query(query) if isinstance(query, str) else query
        held = {}
        for one in self:
            if _may_fit(asked, one) and self.standing(one.record.id).lifecycle in SHOWN:
                read = read_held(one)
                if read is not None:
                    held[one.record.id] = read
        return answer_query(asked, held)

    async def present(
        self,
        query: str | Query,
        *,
        audience: str,
        nonce: str,
        option: Option | None = None,
        purpose: str | None = None,
    ) -> Presented:
        """Show what a verifier asks for; the activity log then says so.

        Args:
            query: in DCQL, as JSON text or parsed.
            audience: who asks.
            nonce: what it drew for this request.
            option: of `answer`, the person's choice; None for the first that this device can give.
            purpose: what the verifier says it is for.

        Raises:
            NotFound: the wallet has no answer, or another device alone can give it.
            OutOfStock: no one-time instance is left that may be shown.
            NotAuthorised: this is a restored copy that has to catch up first.
            Malformed, LimitExceeded, InputError: the query or the request is not acceptable.
            AccessError, StoreError: it could not be written down; nothing was shown.
        """
        asked = parse_query(query) if isinstance(query, str) else query
        chosen = option or self._first_option(asked)
        return await show(
            self._base,
            self._keys,
            chosen.answers,
            query=asked,
            request=Request(audience=audience, nonce=nonce),
            purpose=purpose,
        )

    async def refresh_status(self, fetch: Fetch, *, issuer_keys: IssuerKeys) -> StatusReport:
        """Ask the issuers whether their credentials still hold.

        Args:
            fetch: gets a status list token by its address.
            issuer_keys: whom to believe.

        Raises:
            AccessError, StoreError: what they said could not be kept.
        """
        return await refresh(self._base, self, fetch, issuer_keys)

    def _first_option(self, query: Query) -> Option:
        answers = self.answer(query)
        if not answers.options:
            said = " ".join(one.why for one in answers.missing if one.is_required)
            raise NotFound(said or "The wallet has nothing that answers this question.")
        reasons: list[str] = []
        for option in answers.options:
            blocked = [
                why
                for answer in option.answers
                if (why := self.standing(answer.credential_id).why_not_here) is not None
            ]
            if not blocked:
                return option
            reasons += blocked
        raise NotFound(" ".join(dict.fromkeys(reasons)))

    def _binding(self, addition: Addition) -> dict[str, Scalar]:
        if addition.holder_key is None:
            return {} if addition.held.is_bound else {"binding": "none"}
        record = self._keys.record_of(addition.holder_key)
        if record is None:
            return {"binding": "remote"}
        fields: dict[str, Scalar] = {"key_id": record.record.id}
        fields["binding"] = record.binding or SOFTWARE
        if record.bound_device is not None:
            fields["bound_device"] = record.bound_device
        return fields

    async def _add_instances(self, credential: Credential, additions: Sequence[Addition]) -> None:
        held = set(credential.instances.values())
        fresh = [one for one in additions if one.raw not in held]
        shares = iter(share_out(len(fresh), self._base.owners()))
        owners = self._keys.owners_of([one.holder_key for one in fresh])
        fields = {
            f"instances/{owner or next(shares)}/{one.number}": one.raw
            for owner, one in zip(owners, fresh, strict=True)
        }
        rest = list(fields.items())
        while rest:
            size = 0
            async with self._base.edit() as edit:
                while rest and (size == 0 or size + len(rest[0][1]) <= CHANGE_SIZE_MAX):
                    name, raw = rest.pop(0)
                    size += len(raw)
                    edit.set(credential.record.id, name, raw)


def _may_fit(query: Query, credential: Credential) -> bool:
    """Say whether a credential can be of a type that is asked for, without reading it whole."""
    named = credential.vct or credential.doctype
    return named is None or any(
        not one.types or any(named in types for types in one.types) for one in query.credentials
    )


def _check_batch(additions: Sequence[Addition]) -> None:
    keys = [None if one.holder_key is None else one.holder_key.thumbprint for one in additions]
    if None in keys or len(set(keys)) != len(keys):
        raise InputError(
            "Each instance of a batch is bound to a key of its own; else who got two of them could "
            "tell that they are one person's."
        )
    kinds = {(one.held.format, one.held.types, one.held.issuer) for one in additions}
    if len(kinds) != 1:
        raise InputError("The instances of a batch are of one type, from one issuer.")


__all__ = ["Credentials"]

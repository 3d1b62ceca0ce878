"""Asking issuers whether their credentials still hold, and keeping what they said last.

Of two answers the one of the later list holds, whichever device fetched it and whenever.

Spec: 42-credentials.md
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from billfold.credentials.issuer_keys import IssuerKeys
from billfold.credentials.presentation import KeptCredential
from billfold.credentials.status_list import Status, StatusList, verify_status_list
from billfold.credentials.verification import StatusReference, parse_status
from billfold.document import IssuerFact
from billfold.holdings.base import Base
from billfold.model import Credential, check_field
from billfold_protocol.errors import BillfoldError

Fetch = Callable[[str], Awaitable[str]]
"""Gets the text at an address; raises `TransportError` if it cannot."""

_WORDS = {Status.VALID: "valid", Status.SUSPENDED: "suspended", Status.REVOKED: "invalid"}
_GRAVITY = (Status.VALID, Status.OTHER, Status.SUSPENDED, Status.REVOKED)


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusReport:
    """What came of asking."""

    asked: tuple[str, ...]
    """The records whose issuer was heard."""

    failed: tuple[tuple[str, BillfoldError], ...]
    """Addresses that gave no list to believe, and why; what was known before stays."""


async def refresh(
    base: Base, credentials: Iterable[Credential], fetch: Fetch, issuer_keys: IssuerKeys
) -> StatusReport:
    """Fetch each status list that credentials name, once, and keep what it says.

    Raises:
        AccessError, StoreError: it could not be written down.
    """
    named = {one.record.id: _references(one) for one in credentials}
    lists: dict[str, StatusList] = {}
    failed: list[tuple[str, BillfoldError]] = []
    for uri in sorted({one.uri for references in named.values() for one in references}):
        try:
            text = await fetch(uri)
            lists[uri] = verify_status_list(text, issuer_keys, uri=uri, now_s=base.now_s())
        except BillfoldError as error:
            failed.append((uri, error))
    said: dict[str, IssuerFact] = {}
    for record, references in named.items():
        try:
            fact = _worst(references, lists)
        except BillfoldError as error:
            failed.append((record, error))
            continue
        if fact is not None:
            said[record] = fact
    async with base.edit() as edit:
        for record, fact in said.items():
            edit.set(record, "status", check_field("credential", "status", fact))
    return StatusReport(asked=tuple(said), failed=tuple(failed))


def _references(credential: Credential) -> tuple[StatusReference, ...]:
    """Return the places of a credential, or of all its instances, in status lists."""
    raws: list[object] = list(credential.instances.values()) or [credential.raw]
    found: dict[StatusReference, None] = {}
    for raw in raws:
        if not isinstance(raw, str):
            continue
        try:
            reference = parse_status(KeptCredential.read(raw).opened.claims.get("status"))
        except BillfoldError:
            continue  # Of a format without such a list; kept all the same.
        if reference is not None:
            found[reference] = None
    return tuple(found)


def _worst(
    references: Iterable[StatusReference], lists: dict[str, StatusList]
) -> IssuerFact | None:
    """Return the gravest that is said of any instance, with the time of the latest list."""
    heard: dict[Status, list[int]] = defaultdict(list)
    for one in references:
        if one.uri in lists:
            heard[lists[one.uri].status_of(one)].append(lists[one.uri].issued_at_s)
    if not heard:
        return None
    gravest = max(heard, key=_GRAVITY.index)
    latest = max(time_s for times in heard.values() for time_s in times)
    return IssuerFact(value=_WORDS.get(gravest, "other"), time_s=latest)

"""How the wallet's credentials stand on this device: lifecycle, stock, and where they can be shown.

Spec: 42-credentials.md
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from billfold.credentials.held import HeldCredential, read_credential
from billfold.credentials.lifecycle import Facts, Lifecycle, lifecycle_of
from billfold.credentials.pool import Pool
from billfold.credentials.sd_jwt import parse_sd_jwt
from billfold.credentials.verification import MEDIA_TYPES, time_of
from billfold.document import parse_issuer_fact
from billfold.holdings.base import Base
from billfold.holdings.holder_keys import DEVICE, HolderKeys
from billfold.model import Credential
from billfold_protocol.errors import BillfoldError

REFILL_SHARE: Final = 5
"""A batch is low when at most one in so many of this device's instances is unused."""

SHOWN: Final = frozenset({Lifecycle.VALID, Lifecycle.EXPIRING, Lifecycle.EXHAUSTED})
"""What may be shown; an exhausted one only to who has seen it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How one credential stands on this device now."""

    credential: Credential
    lifecycle: Lifecycle
    why_not_here: str | None
    """Why it cannot be shown from this device, in one sentence; None if it can."""

    unused_count: int | None
    """Of one-time instances for this device; None where it can be shown any number of times."""

    is_low: bool
    """Whether it is time to ask the issuer for more instances."""

    linkable: tuple[str, ...]
    """The instances that two parties got, who can tell that both met the same person."""


def standing_of(base: Base, keys: HolderKeys, credential: Credential) -> Standing:
    """Return how a credential stands."""
    pool = pool_of(credential, base.now_s())
    unused = None if pool is None else len(pool.unused(base.owner))
    threshold = 0 if pool is None else len(pool.share(base.owner)) // REFILL_SHARE
    state = credential.record.fields.get("status")
    fact = None if state is None else parse_issuer_fact(state.value)
    facts = Facts(
        begins_s=credential.valid_from,
        ends_s=_ends_s(credential),
        status=None if fact is None else str(fact.value),
        is_replaced=credential.replaced_by is not None,
        unused_count=unused,
    )
    return Standing(
        credential=credential,
        lifecycle=lifecycle_of(facts, base.now_s()),
        why_not_here=_why_not_here(keys, credential),
        unused_count=unused,
        is_low=pool is not None and pool.is_low(base.owner, threshold),
        linkable=() if pool is None else tuple(one.name for one in pool.linkable),
    )


def pool_of(
    credential: Credential, now_s: int, taken: Mapping[str, str] = MappingProxyType({})
) -> Pool | None:
    """Return the instances of a one-time credential; None if it can be shown at will.

    Those that were never shown and whose time is over are left out.

    Args:
        credential: its record.
        now_s: seconds since 1970.
        taken: uses that are not written down yet.
    """
    if credential.is_one_time is not True:
        return None
    uses = {name: str(party) for name, party in credential.uses.items()} | dict(taken)
    names = [
        name
        for name, ends_s in _ends(credential).items()
        if ends_s is None or now_s < ends_s or any(use.startswith(f"{name}/") for use in uses)
    ]
    return Pool.read(names, uses)


def _ends(credential: Credential) -> dict[str, int | None]:
    """Return until when each instance is valid."""
    return {name: _end_of(raw) for name, raw in credential.instances.items()}


def _ends_s(credential: Credential) -> int | None:
    """Return until when a credential is valid: a batch as long as its latest instance."""
    ends = list(_ends(credential).values()) if credential.is_one_time is True else []
    if not ends:
        return credential.expires_at
    return None if None in ends else max(one for one in ends if one is not None)


def _end_of(raw: object) -> int | None:
    try:
        return time_of(parse_sd_jwt(raw).token.payload, "exp") if isinstance(raw, str) else 0
    except BillfoldError:
        return 0  # Unreadable, so never shown.


def read_held(credential: Credential) -> HeldCredential | None:
    """Read what a credential says; None if it cannot be read here."""
    raw = credential.raw
    if raw is None:
        return None
    try:
        return read_credential(raw)
    except BillfoldError:
        return None  # Kept and exported all the same.


def _why_not_here(keys: HolderKeys, credential: Credential) -> str | None:
    if credential.format not in MEDIA_TYPES:
        return "It is of a format that this version keeps and does not show to others."
    if credential.binding == DEVICE and credential.key_id is not None:
        place = keys.place_elsewhere(credential.key_id)
        return None if place is None else f"It can be shown from {place} only."
    if credential.binding == "remote":
        return "The key that it is bound to is not in the wallet."
    return None

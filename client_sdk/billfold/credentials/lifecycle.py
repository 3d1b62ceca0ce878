"""How a credential stands: derived from what it says and what its issuer said last, never stored.

Spec: 42-credentials.md
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final

EXPIRING_S: Final = 30 * 24 * 60 * 60
"""How long before its end a credential is shown as expiring, in seconds."""


class Lifecycle(Enum):
    """How a credential stands, the first that applies."""

    REVOKED = "revoked"
    """Its issuer took it back for good."""

    REPLACED = "replaced"
    """Another has taken its place."""

    EXPIRED = "expired"
    NOT_YET_VALID = "not yet valid"
    SUSPENDED = "suspended"
    """Its issuer took it back for now."""

    EXHAUSTED = "exhausted"
    """No unused instance is left on this device."""

    EXPIRING = "expiring"
    VALID = "valid"

    @property
    def is_usable(self) -> bool:
        """Whether it can be shown."""
        return self in {Lifecycle.VALID, Lifecycle.EXPIRING}


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a lifecycle follows from."""

    begins_s: int | None = None
    ends_s: int | None = None
    status: str | None = None
    """What the issuer's list says: `valid`, `suspended` or `invalid`; None if it was not asked."""

    is_replaced: bool = False
    unused_count: int | None = None
    """Of one-time instances on this device; None where it can be shown any number of times."""


def lifecycle_of(facts: Facts, now_s: int) -> Lifecycle:
    """Return how a credential stands at a time in seconds since 1970."""
    if facts.status == "invalid":
        return Lifecycle.REVOKED
    if facts.is_replaced:
        return Lifecycle.REPLACED
    if facts.ends_s is not None and now_s >= facts.ends_s:
        return Lifecycle.EXPIRED
    if facts.begins_s is not None and now_s < facts.begins_s:
        return Lifecycle.NOT_YET_VALID
    if facts.status not in (None, "valid"):
        return Lifecycle.SUSPENDED
    if facts.unused_count == 0:
        return Lifecycle.EXHAUSTED
    if facts.ends_s is not None and now_s >= facts.ends_s - EXPIRING_S:
        return Lifecycle.EXPIRING
    return Lifecycle.VALID

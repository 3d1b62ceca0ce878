"""How a credential stands, and on which device it can be presented: derived, never stored.

Spec: 41-records.md
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final

from billfold.model.attestations import Credential

EXPIRING_S: Final = 30 * 24 * 3600
"""How long before its end a credential is told to be expiring."""


class Lifecycle(Enum):
    """How a credential stands; of several that hold, the first here."""

    REVOKED = "revoked"
    SUSPENDED = "suspended"
    EXPIRED = "expired"
    REPLACED = "replaced"
    EXHAUSTED = "exhausted"
    NOT_YET_VALID = "not yet valid"
    EXPIRING = "expiring"
    VALID = "valid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence:
    """Whether a credential can be presented here; it can be read everywhere."""

    is_here: bool
    present_from: str | None
    """The id of the device to present it from, where that is another one."""


def lifecycle_of(credential: Credential, *, now_s: int, expiring_s: int = EXPIRING_S) -> Lifecycle:
    """Return how a credential stands.

    Args:
        credential: with what its issuer's list said last, if anything.
        now_s: seconds since 1970.
        expiring_s: how long before its end it counts as expiring.
    """
    status = None if credential.status is None else credential.status.value
    ends = credential.expires_at
    begins = credential.valid_from
    if status == "invalid":
        return Lifecycle.REVOKED
    if status == "suspended":
        return Lifecycle.SUSPENDED
    if ends is not None and ends <= now_s:
        return Lifecycle.EXPIRED
    if credential.replaced_by:
        return Lifecycle.REPLACED
    if credential.is_one_time and credential.instances and not unused_instances(credential):
        return Lifecycle.EXHAUSTED
    if begins is not None and begins > now_s:
        return Lifecycle.NOT_YET_VALID
    if ends is not None and ends - expiring_s <= now_s:
        return Lifecycle.EXPIRING
    return Lifecycle.VALID


def unused_instances(credential: Credential, *, device: str | None = None) -> tuple[str, ...]:
    """Return the names of the instances that were shown to nobody, sorted.

    Args:
        credential: a batch; one that is no batch has none.
        device: the id of a device, for those that it may spend; None for all.
    """
    used = {name.partition("/")[0] for name in credential.uses}
    return tuple(
        name
        for name in sorted(credential.instances)
        if name not in used and (device is None or name.startswith(f"{device}."))
    )


def presence_of(credential: Credential, *, this_device: str) -> Presence:
    """Return whether a credential can be presented on this device, and else on which.

    Args:
        credential: any.
        this_device: its id in hexadecimal.
    """
    owner = credential.bound_device if credential.binding == "device" else None
    is_here = owner is None or owner == this_device
    return Presence(is_here=is_here, present_from=None if is_here else owner)

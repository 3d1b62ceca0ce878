"""What the person is told when the membership chain has grown by one entry.

Spec: 13-membership.md
"""

from collections.abc import Iterator

from billfold.events import (
    DeviceAdded,
    DeviceRemoved,
    DeviceReplaced,
    Event,
    RecoveryUsed,
    ThisDeviceRemoved,
)
from billfold_protocol.ids import DeviceId
from billfold_protocol.membership import (
    Kind,
    Link,
    MembershipEntry,
    MembershipState,
    Replace,
    Revoke,
    SetRole,
)


def changes_between(
    before: MembershipState, after: MembershipState, this_device: DeviceId
) -> Iterator[Event]:
    """Yield who came and who went between two states, when many entries came at once."""
    for device in after.members.keys() - before.members.keys():
        yield DeviceAdded(device=device, sponsor=after.sponsors[device])
    for device in before.members.keys() - after.members.keys():
        if device == this_device:
            yield ThisDeviceRemoved()
        else:
            yield DeviceRemoved(device=device, by=None)


def news_of(
    entry: MembershipEntry,
    before: MembershipState,
    after: MembershipState,
    this_device: DeviceId,
) -> Iterator[Event]:
    """Yield what an entry changed: who came, who went, and whether the recovery words did it."""
    if (use := use_of(entry, before)) is not None:
        yield use
    match entry.payload:
        case Link(keys=keys):
            yield DeviceAdded(device=keys.device_id, sponsor=entry.author)
        case Replace(device=device, keys=keys):
            yield DeviceReplaced(device=device, successor=keys.device_id, by=entry.author)
        case Revoke() | SetRole():
            for device in before.members.keys() - after.members.keys():
                if device == this_device:
                    yield ThisDeviceRemoved()
                else:
                    yield DeviceRemoved(device=device, by=entry.author)
        case _:
            pass


def use_of(entry: MembershipEntry, before: MembershipState) -> RecoveryUsed | None:
    """Return what a recovery member did with an entry, or None if it is another's."""
    author = before.members.get(entry.author)
    if author is None or author.kind is not Kind.RECOVERY:
        return None
    payload = entry.payload
    linked = payload.keys.device_id if isinstance(payload, Link | Replace) else None
    return RecoveryUsed(k=entry.k, recovery=entry.author, device=linked, time_s=entry.time_s)

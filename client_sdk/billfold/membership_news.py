"""What the person is told when the membership chain has grown by one entry.

Spec: 13-membership.md
"""

from collections.abc import Iterator

from billfold.events import DeviceAdded, DeviceRemoved, Event, ThisDeviceRemoved
from billfold_protocol.ids import DeviceId
from billfold_protocol.membership import (
    Link,
    MembershipEntry,
    MembershipState,
    Revoke,
    SetRole,
)


def news_of(
    entry: MembershipEntry,
    before: MembershipState,
    after: MembershipState,
    this_device: DeviceId,
) -> Iterator[Event]:
    """Yield what an entry changed: who came, who went."""
    match entry.payload:
        case Link(keys=keys):
            yield DeviceAdded(device=keys.device_id, sponsor=entry.author)
        case Revoke() | SetRole():
            for device in before.members.keys() - after.members.keys():
                if device == this_device:
                    yield ThisDeviceRemoved()
                else:
                    yield DeviceRemoved(device=device, by=entry.author)
        case _:
            pass

"""Who may write an entry, by the membership entry that it names.

Spec: 15-feeds.md
"""

from billfold_protocol.errors import DeviceRevoked, NotAuthorised, UnsignedMember
from billfold_protocol.ids import DeviceId
from billfold_protocol.membership import MembershipState


def require_writer(state: MembershipState, device: DeviceId) -> None:
    """Check that a device may write in a membership state.

    Raises:
        DeviceRevoked: it was revoked before.
        UnsignedMember: it is no member.
        NotAuthorised: it may only read.
    """
    member = state.members.get(device)
    if member is None and device in state.removed:
        raise DeviceRevoked("the entry was made by a device that was revoked before")
    if member is None:
        raise UnsignedMember("the entry was made by a device that is not a member")
    if not member.may_write:
        raise NotAuthorised("the entry was made by a member who may not write")

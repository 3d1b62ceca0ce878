"""What a membership state is made of: a member, the current epoch, and where a removed device ends.

Spec: 13-membership.md
"""

from dataclasses import dataclass

from billfold_protocol.ids import DeviceId, EntryId, EpochId, FeedId, HolderId, MembershipHash
from billfold_protocol.membership.records import Cut, DeviceKeys, Kind, Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A device that belongs to the wallet."""

    device: DeviceId
    keys: DeviceKeys
    holder: HolderId
    role: Role
    kind: Kind
    sponsor: DeviceId
    """The device that linked it; its own id for the first device."""

    since_k: int

    @property
    def may_write(self) -> bool:
        """Whether feed entries of this member count; a recovery member makes none."""
        return self.role.can_write and self.kind is not Kind.RECOVERY


@dataclass(frozen=True, slots=True, kw_only=True)
class Epoch:
    """The keys valid until the next rotation."""

    id: EpochId
    commitment: bytes
    k: int
    """Index of the entry that starts the epoch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CutRecord:
    """Where the entries of a device that lost the right to write end."""

    k: int
    """Index of the entry that made the cut."""

    device: DeviceId
    heads: Cut
    entry: MembershipHash
    """Hash of the entry that made the cut; with branches, an index alone does not name it."""

    def excludes(self, *, feed: FeedId, seq: int, entry_id: EntryId) -> bool:
        """Whether an entry of this device, made without knowing of the cut, is beyond it."""
        head = self.heads.get(feed)
        return head is None or seq > head[0] or (seq == head[0] and entry_id != head[1])

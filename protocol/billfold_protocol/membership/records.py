"""What stands in the membership chain: the entries and everything they are made of.

Values only. Their bytes are `entries`' business, their meaning is `state`'s.

Spec: 13-membership.md
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, unique

from billfold_protocol.crypto import hashing
from billfold_protocol.crypto.domains import Domain
from billfold_protocol.ids import (
    DeviceId,
    EntryId,
    EpochId,
    FeedId,
    HolderId,
    MembershipHash,
    ServerKey,
    SigningPublicKey,
    WalletId,
    WrappingPublicKey,
)


@unique
class Role(Enum):
    """What a member may do, from most to least."""

    OWNER = "owner"
    EDITOR = "editor"
    VIEWER = "viewer"

    @property
    def can_write(self) -> bool:
        """Whether feed entries of this role count."""
        return self is not Role.VIEWER

    @property
    def rank(self) -> int:
        """A number that is larger for a role that may do more."""
        return {Role.OWNER: 2, Role.EDITOR: 1, Role.VIEWER: 0}[self]


@unique
class Kind(Enum):
    """What a member is."""

    DEVICE = "device"
    RECOVERY = "recovery"
    AGENT = "agent"


@unique
class TargetKind(Enum):
    """How a `revoke` names whom it removes."""

    DEVICE = "device"
    DEVICE_AND_LINKED = "device_and_linked"
    HOLDER = "holder"


@dataclass(frozen=True, slots=True)
class DeviceKeys:
    """A device's two public keys."""

    signing: SigningPublicKey
    wrapping: WrappingPublicKey

    @property
    def device_id(self) -> DeviceId:
        """The 16-byte id: the start of the hash of both keys."""
        return DeviceId(hashing.digest(Domain.DEVICE_ID, self.signing, self.wrapping)[:16])

    def encode(self) -> list[object]:
        """Return the keys as they stand in an entry."""
        return [self.signing, self.wrapping]


Cut = Mapping[FeedId, tuple[int, EntryId]]
"""The head of each feed of a removed device, as the author of the removal knew it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """The start of an epoch."""

    commitment: bytes
    """32 bytes: the hash of the new epoch key."""

    wrap_hashes: tuple[bytes, ...]
    """32 bytes each: the hash of the wrap for each member, in ascending order of device id."""

    back_link: bytes
    """72 bytes: nonce and ciphertext of the previous epoch key under the new one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerAddress:
    """Where a wallet lives, and the key that proves it."""

    address: str
    """An http(s) origin, at most 256 bytes."""

    key: ServerKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Create:
    """The first entry: the wallet, its first device and its first epoch."""

    keys: DeviceKeys
    holder: HolderId
    commitment: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """The server on which the wallet lives from now on."""

    server: ServerAddress
    fallbacks: tuple[ServerAddress, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A new member: an own device (`link`) or another person's (`invite`)."""

    is_invite: bool
    keys: DeviceKeys
    holder: HolderId
    role: Role
    kind: Kind
    session: bytes
    """16 bytes that name the linking session."""

    acceptance: bytes
    """64 bytes: the new device's own signature, see `acceptance_parts`."""

    wrap_hash: bytes
    """32 bytes: the hash of the current epoch key's wrap for the new device."""


@dataclass(frozen=True, slots=True)
class Target:
    """Whom a `revoke` removes, resolved at its place in the chain."""

    kind: TargetKind
    id: bytes
    """16 bytes: a device id or a holder id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """A second device's word that a recovery member be removed, and for how long both belong."""

    device: DeviceId
    signature: bytes
    """64 bytes over `consent_parts`."""

    earlier: bytes
    """A server's signed checkpoint, at most 512 bytes, of when both were members already."""

    later: bytes
    """Likewise, of seven days later or more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Revoke:
    """The removal of devices, with the cut of their feeds and a new epoch, in one record."""

    target: Target
    cut: Cut
    rotation: Rotation
    consent: Consent | None = None
    """With the removal of a recovery member by two devices, and nowhere else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replace:
    """New keys for a device, which another member confirms by making this entry.

    The old keys are removed, with the cut of their feeds and a new epoch, in the same record.
    """

    device: DeviceId
    """The device, by its old keys."""

    keys: DeviceKeys
    acceptance: bytes
    """64 bytes: the signature of the new keys, see `replacement_parts`."""

    request: bytes
    """64 bytes: likewise of the old keys."""

    cut: Cut
    rotation: Rotation


@dataclass(frozen=True, slots=True, kw_only=True)
class OlderLink:
    """The key of an older epoch under the new one: a way past a back-link that leads nowhere."""

    k: int
    """Index of a membership entry of the older epoch, the last one by custom."""

    back_link: bytes
    """72 bytes, made as if that entry were the one before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotate:
    """A new epoch for the same members."""

    rotation: Rotation
    older: tuple[OlderLink, ...] = ()
    """In ascending order of index."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Complain:
    """A member says that what the current epoch gave it does not open."""

    epoch: EpochId


@dataclass(frozen=True, slots=True, kw_only=True)
class SetRole:
    """A device's new role; `cut` matters when the device may no longer write."""

    device: DeviceId
    role: Role
    cut: Cut


@dataclass(frozen=True, slots=True)
class Close:
    """The end of the wallet: nothing follows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Merge:
    """Two branches of the chain made one; it stands on one of them and carries the other."""

    branch: tuple[bytes, ...]
    """The signed entries of the other branch, in order, from the one after the fork."""

    rotation: Rotation
    """A new epoch; its back-link leads to the epoch of the branch that the entry stands on."""

    other_back_link: bytes
    """72 bytes: the key of the other branch's epoch under the new one."""

    home: Home | None
    """The home of one of the branches."""

    voided: tuple[DeviceId, ...] = ()
    """Devices added since the fork that are not to stay, ascending."""


Payload = Create | Home | Link | Revoke | Replace | Rotate | Complain | SetRole | Merge | Close


@dataclass(frozen=True, slots=True, kw_only=True)
class MembershipEntry:
    """One record of the chain."""

    k: int
    """Index in the chain, from 0."""

    time_s: int
    """The author's clock in seconds since 1970; shown, never relied on."""

    wallet_id: WalletId | None
    """None in `create`, whose hash it is."""

    previous: MembershipHash | None
    """The hash of the entry before; None in `create`."""

    author: DeviceId
    payload: Payload

"""What a replica's store holds from its first moment on, and how its small values are read.

Spec: 40-wallet-document.md
"""

from dataclasses import dataclass, replace

from billfold.authoring import create_chain
from billfold.device import DeviceSecrets
from billfold.store import DeleteMeta, PutEpochKey, PutMember, PutMeta, Write
from billfold_protocol import codec, limits
from billfold_protocol.envelope import RandomBytes
from billfold_protocol.errors import Malformed, StoreDamaged
from billfold_protocol.feed import FEED_SALT_SIZE, Dep, feed_id
from billfold_protocol.ids import DeviceId, EntryId, EpochId, EpochKey, FeedId, HolderId
from billfold_protocol.membership import MembershipChain

FORMAT_KEY = "format"
FORMAT = b"\x01"
DEVICE_KEY = "device"
HOLDER_KEY = "holder"
FEED_SALT_KEY = "feed salt"
PREVIOUS_FEED_KEY = "previous feed"
"""The head of this device's feed before the present one."""

RESTORED_KEY = "restored"
"""Present while the present feed is that of a restored copy which has not opened it yet."""

COPIED_KEY = "copied"
"""Present while the present feed, not opened yet, is to show everybody that a copy is alive."""

NAMED_KEY = "named"
"""Which heads of other feeds this feed has named in `deps`."""

SUCCESSOR_KEY = "successor"
"""New secrets of this device that another member has not confirmed yet."""

HEARD_KEY = "heard:"
"""Begins the name, which ends with a device's id, of the last beacon of that device."""

HERE_KEY = "device token"
"""The hash of the token by which a device knows that it was the last to open this store."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewReplica:
    """What a device that begins or joins a wallet stores first."""

    secrets: DeviceSecrets
    holder: HolderId
    chain: MembershipChain
    epoch_keys: dict[EpochId, EpochKey]
    feed_salt: bytes
    """16 random bytes, by which its feed is this device's and no other's."""

    heard: tuple[tuple[DeviceId, bytes], ...] = ()
    """Beacons of other devices that it has heard before it met any server."""

    @property
    def feed(self) -> FeedId:
        """The feed that this device is going to write."""
        return feed_id(self.secrets.device_id, self.feed_salt)

    @classmethod
    def create(cls, random: RandomBytes, *, now_ms: int) -> "NewReplica":
        """Begin a wallet whose first device this is; no server is needed."""
        secrets, holder, key = DeviceSecrets.generate(random), HolderId(random(16)), random(32)
        chain = create_chain(
            secrets, holder=holder, key=EpochKey(key), time_s=max(0, now_ms // 1000)
        )
        epoch = chain.state.epoch.id
        return cls(
            secrets=secrets,
            holder=holder,
            chain=chain,
            epoch_keys={epoch: EpochKey(key)},
            feed_salt=random(FEED_SALT_SIZE),
        )

    def joined(
        self,
        *,
        holder: HolderId,
        chain: MembershipChain,
        epoch_keys: dict[EpochId, EpochKey],
        heard: tuple[tuple[DeviceId, bytes], ...] = (),
    ) -> "NewReplica":
        """Return this device as a member of another wallet."""
        return replace(self, holder=holder, chain=chain, epoch_keys=epoch_keys, heard=heard)

    def writes(self) -> list[Write]:
        """Return the writes that make a store this replica's."""
        return [
            PutMeta(FORMAT_KEY, FORMAT),
            PutMeta(DEVICE_KEY, self.secrets.encode()),
            PutMeta(HOLDER_KEY, self.holder),
            PutMeta(FEED_SALT_KEY, self.feed_salt),
            *(PutMember(k, raw) for k, raw in enumerate(self.chain.raws)),
            *(PutEpochKey(epoch, key) for epoch, key in self.epoch_keys.items()),
            *(PutMeta(HEARD_KEY + device.hex(), raw) for device, raw in self.heard),
        ]


def parse_named(data: bytes | None) -> dict[FeedId, int]:
    """Read which heads of other feeds this feed has named.

    Raises:
        StoreDamaged: the bytes are something else.
    """
    if data is None:
        return {}
    try:
        items = codec.as_array(codec.decode(data, size_max=limits.FEEDS_COUNT_MAX * 32))
        pairs = [codec.as_array(item, 2) for item in items]
        return {FeedId(codec.as_bytes(feed, 16)): codec.as_integer(seq) for feed, seq in pairs}
    except Malformed as error:
        raise StoreDamaged("the wallet's file is damaged") from error


def parse_previous(data: bytes | None) -> Dep | None:
    """Read the head of this device's feed before the present one.

    Raises:
        StoreDamaged: the bytes are something else.
    """
    if data is None:
        return None
    try:
        feed, seq, id_ = codec.as_array(codec.decode(data, size_max=128), 3)
        return Dep(
            FeedId(codec.as_bytes(feed, 16)),
            codec.as_integer(seq),
            EntryId(codec.as_bytes(id_, 32)),
        )
    except Malformed as error:
        raise StoreDamaged("the wallet's file is damaged") from error


def new_feed(salt: bytes, previous: Dep | None) -> list[Write]:
    """Return the writes by which a device goes on in a new feed.

    Args:
        salt: 16 random bytes, the new feed's.
        previous: what the new feed follows.
    """
    return [
        PutMeta(FEED_SALT_KEY, salt),
        DeleteMeta(NAMED_KEY),
        DeleteMeta(PREVIOUS_FEED_KEY)
        if previous is None
        else PutMeta(PREVIOUS_FEED_KEY, encode_previous(previous)),
    ]


def encode_previous(previous: Dep) -> bytes:
    """Return the head of a feed as `parse_previous` reads it."""
    return codec.encode(list(previous))

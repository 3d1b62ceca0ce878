"""What the relay asks of a log store: its values, its writes, its questions.

A store keeps signed bytes in the order of arrival and never looks inside them. It is synchronous:
one thread writes, several may read at the same time. What `commit` returned from is durable.

Spec: 30-server-api.md
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum, unique
from typing import NamedTuple, Protocol

from billfold_protocol.ids import (
    DeviceId,
    EntryId,
    FeedId,
    InstanceId,
    SnapshotId,
    WalletId,
)

from .mailboxes import MailboxStore, MailboxWrite

NUMBER_END = 2**63 - 1
"""Every stored number is below this; a question about this or a larger one finds nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEntry:
    """One feed entry as it came."""

    n: int
    """Arrival number in its wallet, from 1, ascending; numbers may be skipped."""
    feed: FeedId
    seq: int
    """Place in its feed, from 0."""
    entry_id: EntryId
    raw: bytes
    """The signed entry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedHead:
    """The newest entry of one feed."""

    seq: int
    entry_id: EntryId
    device: DeviceId
    """The device that owns the feed."""
    k: int
    """The membership index that the head entry names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredMember:
    """One entry of the membership chain."""

    k: int
    """Index in the chain, from 0 without gaps."""
    raw: bytes
    """The signed entry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredWrap:
    """One epoch key, wrapped for one device."""

    k: int
    """Index of the membership entry that made it."""
    device: DeviceId
    raw: bytes


@unique
class SnapshotStanding(IntEnum):
    """What a snapshot is to its server."""

    OFFERED = 0
    """Nobody whose word is enough has endorsed it."""

    ACCEPTED = 1
    """A new device may begin with it."""

    RESTING = 2
    """Entries that it covers are held no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSnapshot:
    """A snapshot but for its bytes."""

    snapshot_id: SnapshotId
    number: int
    """Ascending in the order in which a wallet's snapshots came."""
    n: int
    """The wallet's last arrival number when it came: all that it covers has one up to this."""
    tail_n: int
    """All that arrived up to this number is covered."""
    standing: SnapshotStanding
    due_s: int | None
    """When something is to be done about it, by the server's clock; None if nothing is."""
    received: int
    """Bytes of its ciphertext that are held."""
    raw: bytes
    """The signed statement."""


class Run(NamedTuple):
    """Entries of one feed that are held without a gap."""

    first: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """What a step of pruning has freed."""

    count: int
    """Entries; 0 when none were left."""
    size: int
    """Their bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletLog:
    """Everything about one wallet but its entries and wraps, as of one moment."""

    wallet_id: WalletId
    members: tuple[bytes, ...]
    """The signed membership entries; the position is `k`."""
    heads: Mapping[FeedId, FeedHead]
    n: int
    """The last arrival number; 0 when nothing has arrived."""
    size: int
    """Bytes of the raw entries, membership entries and wraps."""
    beacons: Mapping[DeviceId, bytes]
    """The last beacon of each device."""
    snapshots: tuple[StoredSnapshot, ...] = ()
    """In ascending number."""
    endorsements: tuple[tuple[SnapshotId, DeviceId, bytes], ...] = ()
    """Snapshot, who endorses it, and the signed verdict."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AppendMembers:
    """Append to the membership chain; the first one of a wallet makes the wallet."""

    wallet_id: WalletId
    members: tuple[StoredMember, ...]
    wraps: tuple[StoredWrap, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AppendEntries:
    """Append feed entries, with the new head of every feed they touch."""

    wallet_id: WalletId
    entries: tuple[StoredEntry, ...]
    """Ascending by `n`."""
    heads: Mapping[FeedId, FeedHead]


@dataclass(frozen=True, slots=True, kw_only=True)
class PutBeacon:
    """Keep a device's beacon in place of its last one."""

    wallet_id: WalletId
    device: DeviceId
    raw: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class PutSnapshot:
    """Insert a snapshot without bytes, or change what is said about one."""

    wallet_id: WalletId
    snapshot: StoredSnapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class PutSnapshotPart:
    """Keep the next bytes of a snapshot."""

    wallet_id: WalletId
    snapshot_id: SnapshotId
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class PutEndorsement:
    """Keep a device's endorsement of a snapshot."""

    wallet_id: WalletId
    snapshot_id: SnapshotId
    device: DeviceId
    raw: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class DropSnapshot:
    """Forget a snapshot with its bytes and endorsements; nothing happens if there is none."""

    wallet_id: WalletId
    snapshot_id: SnapshotId


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepLocator:
    """Keep a recovery member's pin under its locator, in place of its last one."""

    wallet_id: WalletId
    device: DeviceId
    locator: bytes
    """32 bytes."""
    raw: bytes
    """The sealed pin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DropLocator:
    """Forget a recovery member's pin; nothing happens if there is none."""

    wallet_id: WalletId
    device: DeviceId


LocatorWrite = KeepLocator | DropLocator
SnapshotWrite = PutSnapshot | PutSnapshotPart | PutEndorsement | DropSnapshot
Write = AppendMembers | AppendEntries | PutBeacon | SnapshotWrite | LocatorWrite | MailboxWrite


class LogStore(Protocol):
    """Where a server keeps its wallets."""

    @property
    def instance_id(self) -> InstanceId:
        """Return the 16 random bytes that were drawn when the store was made."""

    @property
    def mail(self) -> MailboxStore:
        """Return what answers questions about mailboxes."""

    def load_wallet(self, wallet_id: WalletId) -> WalletLog | None:
        """Return one wallet as of one moment, or None when the store has never seen it.

        Raises:
            StoreError: The store is closed or damaged.
        """

    def commit(self, writes: Sequence[Write]) -> None:
        """Apply the writes in their order, all or none; they are durable when this returns.

        Many wallets share one commit and one wait for the disk.

        Raises:
            StoreFull: There is no room; nothing was kept, and a later commit may succeed.
            StoreDamaged: The bytes fail their checks, or the disk did not confirm that it holds
                them. Then the writes may or may not be found later, but whole, and the store takes
                no more: end the process.
            StoreError: A write does not continue what is stored (its `k`, `n`, feed and `seq`, or
                wrap is taken, or its wallet is unknown), or the store is closed; nothing was kept.
        """

    def read_entries(
        self, wallet_id: WalletId, *, after_n: int, count_max: int, size_max: int
    ) -> list[StoredEntry]:
        """Return entries that arrived after `after_n`, ascending by `n`.

        At most `count_max` (from 1) and `size_max` bytes of them, but at least one if there is any.

        Raises:
            StoreError: The store is closed or damaged.
        """

    def read_feed(
        self, wallet_id: WalletId, feed: FeedId, *, from_seq: int, count_max: int, size_max: int
    ) -> list[StoredEntry]:
        """Return entries of one feed at and after `from_seq`, ascending by `seq`.

        At most `count_max` (from 1) and `size_max` bytes of them, but at least one if there is any.

        Raises:
            StoreError: The store is closed or damaged.
        """

    def read_runs(self, wallet_id: WalletId) -> dict[FeedId, list[Run]]:
        """Return the sequence numbers that are held of each feed, ascending.

        One run for each feed, unless somebody has taken rows away.

        Raises:
            StoreError: The store is closed or damaged.
        """

    def find_entry(self, wallet_id: WalletId, feed: FeedId, seq: int) -> StoredEntry | None:
        """Return the entry at this place of a feed, or None.

        Raises:
            StoreError: The store is closed or damaged.
        """

    def read_wraps(
        self, wallet_id: WalletId, device: DeviceId, *, after_k: int
    ) -> list[StoredWrap]:
        """Return the wraps for one device with `k` above `after_k` (-1 for all), ascending by `k`.

        Raises:
            StoreError: The store is closed or damaged.
        """

    def read_snapshot(self, wallet_id: WalletId, snapshot_id: SnapshotId, *, offset: int) -> bytes:
        """Return some bytes of a snapshot's ciphertext from an offset on; none at its end.

        Raises:
            StoreError: The store is closed or damaged.
        """

    def due_snapshots(self, *, now_s: int, count_max: int) -> list[tuple[WalletId, SnapshotId]]:
        """Return snapshots of any wallets that are due, those that have waited longest first.

        Raises:
            StoreError: The store is closed or damaged.
        """

    def prune(
        self, wallet_id: WalletId, covered: Mapping[FeedId, int], *, count_max: int
    ) -> Pruned:
        """Forget up to `count_max` entries, of each feed the oldest up to the `seq` given for it.

        Heads and arrival numbers stay. It is durable when this returns; safe in any thread.

        Raises:
            StoreFull, StoreDamaged, StoreError: As for `commit`.
        """

    def find_locator(self, locator: bytes) -> KeepLocator | None:
        """Return what is kept under a locator, or None; of several the one kept first.

        Raises:
            StoreError: The store is closed or damaged.
        """

    def wallet_count(self) -> int:
        """Return how many wallets the store holds.

        Raises:
            StoreError: The store is closed.
        """

    def size(self) -> int:
        """Return the bytes the store takes on disk; 0 when it has none.

        Raises:
            StoreError: The store is closed.
        """

    def maintain(self) -> None:
        """Do the upkeep that should not delay a commit; call it every second or so, in any thread.

        Raises:
            StoreFull: There is no room for the upkeep; what is stored is safe, try again later.
            StoreDamaged: As for `commit`: end the process.
            StoreError: The store is closed.
        """

    def close(self) -> None:
        """Wait for reads and writes under way and release the store; again is harmless."""

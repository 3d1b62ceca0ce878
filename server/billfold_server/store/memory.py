"""A log store in memory, for tests, simulations and servers that may forget.

It keeps every promise of `LogStore` but the one to outlive the process.

Spec: 30-server-api.md
"""

import secrets
import threading
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from operator import attrgetter

from billfold_protocol import limits
from billfold_protocol.errors import StoreError
from billfold_protocol.ids import (
    DeviceId,
    FeedId,
    InstanceId,
    MailboxAddress,
    SnapshotId,
    WalletId,
    short,
)

from .interface import (
    AppendEntries,
    AppendMembers,
    DropLocator,
    DropSnapshot,
    FeedHead,
    KeepLocator,
    Pruned,
    PutBeacon,
    PutEndorsement,
    PutSnapshot,
    PutSnapshotPart,
    Run,
    SnapshotWrite,
    StoredEntry,
    StoredSnapshot,
    StoredWrap,
    WalletLog,
    Write,
)
from .mailboxes import (
    DropMail,
    DropReplies,
    EndMailbox,
    ExpireMail,
    KeepReply,
    MarkMail,
    PutMail,
    PutMailbox,
)
from .memory_mailboxes import Box, MemoryMailboxes
from .runs import runs_of
from .tail import UNBORN, Tail, follow

_arrival = attrgetter("n")
_place = attrgetter("seq")
_index = attrgetter("k")
_number = attrgetter("number")

_Place = tuple[str, bytes, int]  # What is placed, of which feed or device, at which number.


@dataclass(slots=True)
class _Wallet:
    tail: Tail = UNBORN
    members: list[bytes] = field(default_factory=list)
    entries: list[StoredEntry] = field(default_factory=list)  # Ascending by n.
    feeds: dict[FeedId, list[StoredEntry]] = field(default_factory=dict)  # Each ascending by seq.
    heads: dict[FeedId, FeedHead] = field(default_factory=dict)
    wraps: dict[DeviceId, list[StoredWrap]] = field(default_factory=dict)  # Each ascending by k.
    beacons: dict[DeviceId, bytes] = field(default_factory=dict)
    snapshots: dict[SnapshotId, StoredSnapshot] = field(default_factory=dict)
    parts: dict[SnapshotId, bytes] = field(default_factory=dict)
    endorsements: dict[tuple[SnapshotId, DeviceId], bytes] = field(default_factory=dict)


class MemoryLogStore:
    """A `LogStore` that lives and ends with its process."""

    def __init__(self) -> None:
        self._instance_id = InstanceId(secrets.token_bytes(16))
        self._wallets: dict[WalletId, _Wallet] = {}
        self._locators: dict[tuple[WalletId, DeviceId], KeepLocator] = {}
        self._lock = threading.Lock()
        self._boxes: dict[MailboxAddress, Box] = {}
        self._is_closed = False

    @property
    def instance_id(self) -> InstanceId:
        """See `LogStore.instance_id`."""
        return self._instance_id

    @property
    def mail(self) -> MemoryMailboxes:
        """See `LogStore.mail`."""
        return MemoryMailboxes(self._boxes, self._guard)

    def load_wallet(self, wallet_id: WalletId) -> WalletLog | None:
        """See `LogStore.load_wallet`."""
        with self._lock:
            wallet = self._open_wallets().get(wallet_id)
            if wallet is None:
                return None
            return WalletLog(
                wallet_id=wallet_id,
                members=tuple(wallet.members),
                heads=dict(wallet.heads),
                n=wallet.tail.n,
                size=wallet.tail.size,
                beacons=dict(wallet.beacons),
                snapshots=tuple(sorted(wallet.snapshots.values(), key=_number)),
                endorsements=tuple(
                    (*place, raw) for place, raw in sorted(wallet.endorsements.items())
                ),
            )

    def commit(self, writes: Sequence[Write]) -> None:
        """See `LogStore.commit`."""
        with self._lock:
            tails = self._check(writes)
            for write in writes:
                _apply(self._wallets.setdefault(write.wallet_id, _Wallet()), write)
                self._apply_addressed(write)
            for wallet_id, tail in tails.items():
                self._wallets[wallet_id].tail = tail

    def read_entries(
        self, wallet_id: WalletId, *, after_n: int, count_max: int, size_max: int
    ) -> list[StoredEntry]:
        """See `LogStore.read_entries`."""
        with self._lock:
            wallet = self._open_wallets().get(wallet_id, _Wallet())
            start = bisect_right(wallet.entries, after_n, key=_arrival)
            return _within(wallet.entries[start : start + count_max], size_max)

    def read_feed(
        self, wallet_id: WalletId, feed: FeedId, *, from_seq: int, count_max: int, size_max: int
    ) -> list[StoredEntry]:
        """See `LogStore.read_feed`."""
        with self._lock:
            entries = self._open_wallets().get(wallet_id, _Wallet()).feeds.get(feed, [])
            start = bisect_left(entries, from_seq, key=_place)
            return _within(entries[start : start + count_max], size_max)

    def read_runs(self, wallet_id: WalletId) -> dict[FeedId, list[Run]]:
        """See `LogStore.read_runs`."""
        with self._lock:
            feeds = self._open_wallets().get(wallet_id, _Wallet()).feeds
            return {feed: runs_of([e.seq for e in held]) for feed, held in feeds.items() if held}

    def find_entry(self, wallet_id: WalletId, feed: FeedId, seq: int) -> StoredEntry | None:
        """See `LogStore.find_entry`."""
        found = self.read_feed(wallet_id, feed, from_seq=seq, count_max=1, size_max=0)
        return found[0] if found and found[0].seq == seq else None

    def read_wraps(
        self, wallet_id: WalletId, device: DeviceId, *, after_k: int
    ) -> list[StoredWrap]:
        """See `LogStore.read_wraps`."""
        with self._lock:
            wraps = self._open_wallets().get(wallet_id, _Wallet()).wraps.get(device, [])
            return wraps[bisect_right(wraps, after_k, key=_index) :]

    def read_snapshot(self, wallet_id: WalletId, snapshot_id: SnapshotId, *, offset: int) -> bytes:
        """See `LogStore.read_snapshot`."""
        with self._lock:
            wallet = self._open_wallets().get(wallet_id, _Wallet())
            data = wallet.parts.get(snapshot_id, b"")
            return data[offset : offset + limits.SNAPSHOT_PART_SIZE]

    def due_snapshots(self, *, now_s: int, count_max: int) -> list[tuple[WalletId, SnapshotId]]:
        """See `LogStore.due_snapshots`."""
        with self._lock:
            due = sorted(
                (snapshot.due_s, wallet_id, snapshot.snapshot_id)
                for wallet_id, wallet in self._open_wallets().items()
                for snapshot in wallet.snapshots.values()
                if snapshot.due_s is not None and snapshot.due_s <= now_s
            )
            return [(wallet_id, snapshot_id) for _, wallet_id, snapshot_id in due[:count_max]]

    def prune(
        self, wallet_id: WalletId, covered: Mapping[FeedId, int], *, count_max: int
    ) -> Pruned:
        """See `LogStore.prune`."""
        with self._lock:
            wallet = self._open_wallets().get(wallet_id, _Wallet())
            gone: list[StoredEntry] = []
            for feed, seq in covered.items():
                entries = wallet.feeds.get(feed, [])
                count = min(bisect_right(entries, seq, key=_place), count_max - len(gone))
                gone += entries[:count]
                del entries[:count]
            numbers = {entry.n for entry in gone}
            wallet.entries[:] = [entry for entry in wallet.entries if entry.n not in numbers]
            size = sum(len(entry.raw) for entry in gone)
            wallet.tail = replace(wallet.tail, size=wallet.tail.size - size)
            return Pruned(count=len(gone), size=size)

    def find_locator(self, locator: bytes) -> KeepLocator | None:
        """See `LogStore.find_locator`."""
        with self._lock:
            self._open_wallets()
            kept = self._locators.values()
            return next((one for one in kept if one.locator == locator), None)

    def wallet_count(self) -> int:
        """See `LogStore.wallet_count`."""
        with self._lock:
            return len(self._open_wallets())

    def size(self) -> int:
        """See `LogStore.size`."""
        with self._lock:
            self._open_wallets()
            return 0

    def maintain(self) -> None:
        """See `LogStore.maintain`: here there is nothing to do."""
        with self._lock:
            self._open_wallets()

    def close(self) -> None:
        """See `LogStore.close`."""
        with self._lock:
            self._is_closed = True

    def _open_wallets(self) -> dict[WalletId, _Wallet]:
        if self._is_closed:
            raise StoreError("The store is closed.")
        return self._wallets

    @contextmanager
    def _guard(self) -> Iterator[None]:
        with self._lock:
            self._open_wallets()
            yield

    def _apply_addressed(self, write: Write) -> None:
        match write:
            case KeepLocator():
                self._locators[write.wallet_id, write.device] = write
            case DropLocator():
                self._locators.pop((write.wallet_id, write.device), None)
            case (
                PutMailbox()
                | EndMailbox()
                | PutMail()
                | KeepReply()
                | MarkMail()
                | DropMail()
                | DropReplies()
                | ExpireMail()
            ):
                self.mail.apply(write)
            case _:
                pass

    def _check(self, writes: Sequence[Write]) -> dict[WalletId, Tail]:
        """Refuse the writes as a whole, before any is applied, if one does not fit."""
        wallets = self._open_wallets()
        tails: dict[WalletId, Tail] = {}
        taken: set[tuple[WalletId, _Place]] = set()
        for write in writes:
            wallet = wallets.get(write.wallet_id, _Wallet())
            tails[write.wallet_id] = follow(tails.get(write.wallet_id, wallet.tail), write)
            for place, is_stored in _claims(wallet, write):
                if is_stored or (write.wallet_id, place) in taken:
                    raise StoreError(
                        f"Wallet {short(write.wallet_id)} holds an entry or wrapped key "
                        f"with number {place[2]} of {short(place[1])} already."
                    )
                taken.add((write.wallet_id, place))
        return tails


def _claims(wallet: _Wallet, write: Write) -> Iterable[tuple[_Place, bool]]:
    """Yield each place that the write takes for itself alone, and whether it is taken already."""
    match write:
        case AppendMembers():
            for wrap in write.wraps:
                held = wallet.wraps.get(wrap.device, [])
                is_stored = any(other.k == wrap.k for other in held)
                yield ("wrap", wrap.device, wrap.k), is_stored
        case AppendEntries():
            for entry in write.entries:
                entries = wallet.feeds.get(entry.feed, [])
                at = bisect_left(entries, entry.seq, key=_place)
                is_stored = at < len(entries) and entries[at].seq == entry.seq
                yield ("entry", entry.feed, entry.seq), is_stored
        case PutBeacon() | PutSnapshot() | PutSnapshotPart() | PutEndorsement() | DropSnapshot():
            pass
        case KeepLocator() | DropLocator():
            pass
        case (
            PutMailbox()
            | EndMailbox()
            | PutMail()
            | KeepReply()
            | MarkMail()
            | DropMail()
            | DropReplies()
            | ExpireMail()
        ):
            pass


def _apply(wallet: _Wallet, write: Write) -> None:
    match write:
        case AppendMembers():
            wallet.members.extend(member.raw for member in write.members)
            for wrap in write.wraps:
                insort(wallet.wraps.setdefault(wrap.device, []), wrap, key=_index)
        case AppendEntries():
            wallet.entries.extend(write.entries)
            wallet.heads.update(write.heads)
            for entry in write.entries:
                insort(wallet.feeds.setdefault(entry.feed, []), entry, key=_place)
        case PutBeacon():
            wallet.beacons[write.device] = write.raw
        case PutSnapshot() | PutSnapshotPart() | PutEndorsement() | DropSnapshot():
            _apply_to_snapshots(wallet, write)
        case KeepLocator() | DropLocator():
            pass  # They are found by locator, across wallets.
        case (
            PutMailbox()
            | EndMailbox()
            | PutMail()
            | KeepReply()
            | MarkMail()
            | DropMail()
            | DropReplies()
            | ExpireMail()
        ):
            pass  # Likewise by address.


def _apply_to_snapshots(wallet: _Wallet, write: SnapshotWrite) -> None:
    match write:
        case PutSnapshot(snapshot=snapshot):
            known = wallet.snapshots.get(snapshot.snapshot_id)
            received = 0 if known is None else known.received
            wallet.snapshots[snapshot.snapshot_id] = replace(snapshot, received=received)
        case PutSnapshotPart(snapshot_id=snapshot_id, offset=offset, data=data):
            if snapshot_id in wallet.snapshots:
                held = wallet.parts.get(snapshot_id, b"")[:offset] + data
                wallet.parts[snapshot_id] = held
                snapshot = wallet.snapshots[snapshot_id]
                wallet.snapshots[snapshot_id] = replace(snapshot, received=len(held))
        case PutEndorsement(snapshot_id=snapshot_id, device=device, raw=raw):
            if snapshot_id in wallet.snapshots:
                wallet.endorsements[snapshot_id, device] = raw
        case DropSnapshot(snapshot_id=snapshot_id):
            wallet.snapshots.pop(snapshot_id, None)
            wallet.parts.pop(snapshot_id, None)
            for place in [place for place in wallet.endorsements if place[0] == snapshot_id]:
                del wallet.endorsements[place]


def _within(entries: Iterable[StoredEntry], size_max: int) -> list[StoredEntry]:
    """Return the first entries that fit, and the very first in any case."""
    chosen: list[StoredEntry] = []
    size = 0
    for entry in entries:
        size += len(entry.raw)
        if chosen and size > size_max:
            break
        chosen.append(entry)
    return chosen

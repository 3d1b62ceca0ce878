"""A wallet store in memory, for simulations and tests; it keeps the promises of a disk.

Spec: 40-wallet-document.md
"""

import threading
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace

from billfold.store.interface import (
    AppendChanges,
    CutMembers,
    DeleteMeta,
    DocumentWrite,
    DropEntry,
    DropPending,
    DropQuarantined,
    EntryIndexRow,
    EntryWrite,
    ForgetEntries,
    ForgetSnapshot,
    KeepSnapshot,
    LocalEntry,
    MarkAcked,
    PendingEdit,
    PutEntry,
    PutEpochKey,
    PutMember,
    PutMeta,
    PutPending,
    PutQuarantined,
    ReplaceDocument,
    SetStatus,
    WalletState,
    Write,
    check_numbers,
)
from billfold_protocol.errors import LocalProtocolError, StoreFull
from billfold_protocol.ids import EntryId, EpochId, FeedId, SnapshotId


@dataclass(slots=True, repr=False)
class _Tables:
    meta: dict[str, bytes] = field(default_factory=dict)
    members: dict[int, bytes] = field(default_factory=dict)
    epoch_keys: dict[EpochId, bytes] = field(default_factory=dict)
    entries: dict[FeedId, dict[int, LocalEntry]] = field(default_factory=dict)
    unacked: dict[FeedId, set[int]] = field(default_factory=dict)
    beside: dict[EntryId, LocalEntry] = field(default_factory=dict)
    pending: dict[int, PendingEdit] = field(default_factory=dict)
    document: bytes | None = None
    changes: list[bytes] = field(default_factory=list)
    quarantined: dict[bytes, PutQuarantined] = field(default_factory=dict)
    snapshots: dict[SnapshotId, bytes] = field(default_factory=dict)


class MemoryStore:
    """A `WalletStore` whose disk is this process."""

    def __init__(self, *, size_max: int | None = None) -> None:
        self._tables = _Tables()
        self._lock = threading.Lock()
        self._size_max = size_max
        self._is_closed = False

    def reopened(self) -> "MemoryStore":
        """Return a store over the same tables, as a restart finds them, and close this one."""
        self._is_closed = True
        store = MemoryStore(size_max=self._size_max)
        store._tables = self._tables
        return store

    def copied(self) -> "MemoryStore":
        """Return a store over a copy of the tables, as a backup has it; this one goes on."""
        with self._lock:
            store = MemoryStore(size_max=self._size_max)
            store._tables = deepcopy(self._tables)
            return store

    def load(self) -> WalletState:
        """Return all but the entries.

        Raises:
            LocalProtocolError: the store is closed.
        """
        with self._lock:
            tables = self._opened()
            return WalletState(
                meta=dict(tables.meta),
                members=tuple(raw for _, raw in sorted(tables.members.items())),
                epoch_keys=dict(tables.epoch_keys),
                pending=tuple(edit for _, edit in sorted(tables.pending.items())),
                document=tables.document,
                changes=tuple(tables.changes),
                quarantined=tuple(sorted(tables.quarantined)),
            )

    def commit(self, writes: Sequence[Write]) -> None:
        """Apply the writes in order, all or none.

        Raises:
            StoreFull: they do not fit into `size_max`; nothing was kept.
            LocalProtocolError: a number is out of range, or the store is closed.
        """
        with self._lock:
            tables = self._opened()
            check_numbers(writes)
            if self._size_max is not None and (
                _size(tables) + sum(_write_size(write) for write in writes) > self._size_max
            ):
                raise StoreFull("The disk has no room for this change; free some space.")
            for write in writes:
                _apply(tables, write)

    def entry_index(self) -> list[EntryIndexRow]:
        """Return every entry without its bytes, by feed and sequence number, the line's first.

        Raises:
            LocalProtocolError: the store is closed.
        """
        with self._lock:
            tables = self._opened()
            entries = [entry for feed in tables.entries.values() for entry in feed.values()]
            rows = [
                EntryIndexRow(e.feed, e.seq, e.entry_id, e.status, e.is_acked, e.is_beside)
                for e in (*entries, *tables.beside.values())
            ]
            return sorted(rows, key=lambda row: (row.feed, row.seq, row.is_beside, row.entry_id))

    def read_entries(
        self, feed: FeedId, *, from_seq: int, count_max: int, size_max: int
    ) -> list[LocalEntry]:
        """Return entries of a feed's line in order, within the bounds, but at least one.

        Raises:
            LocalProtocolError: the store is closed.
        """
        with self._lock:
            entries = self._opened().entries.get(feed, {})
            found: list[LocalEntry] = []
            size = 0
            for seq in sorted(seq for seq in entries if seq >= from_seq)[:count_max]:
                size += len(entries[seq].raw)
                if found and size > size_max:
                    break
                found.append(entries[seq])
            return found

    def read_beside(self, feed: FeedId) -> list[LocalEntry]:
        """Return the entries beside a feed's line, by sequence number and id.

        Raises:
            LocalProtocolError: the store is closed.
        """
        with self._lock:
            return _beside(self._opened(), feed)

    def unacked(self, feed: FeedId) -> list[LocalEntry]:
        """Return the entries of a feed that are not acknowledged, in order.

        Raises:
            LocalProtocolError: the store is closed.
        """
        with self._lock:
            tables = self._opened()
            line = [tables.entries[feed][seq] for seq in sorted(tables.unacked.get(feed, ()))]
            beside = [entry for entry in _beside(tables, feed) if not entry.is_acked]
            return sorted([*line, *beside], key=lambda entry: entry.seq)

    def read_quarantined(self) -> list[PutQuarantined]:
        """Return what was set aside, in ascending order of hash.

        Raises:
            LocalProtocolError: the store is closed.
        """
        with self._lock:
            return [item for _, item in sorted(self._opened().quarantined.items())]

    def read_snapshot(self, snapshot: SnapshotId) -> bytes | None:
        """Return a snapshot as it was sealed, or None where it is not kept.

        Raises:
            LocalProtocolError: the store is closed.
        """
        with self._lock:
            return self._opened().snapshots.get(snapshot)

    def size(self) -> int:
        """Return the bytes that the stored values have.

        Raises:
            LocalProtocolError: the store is closed.
        """
        with self._lock:
            return _size(self._opened())

    def close(self) -> None:
        """Refuse every later call; what was committed stays for `reopened`."""
        self._is_closed = True

    def _opened(self) -> _Tables:
        if self._is_closed:
            raise LocalProtocolError("this store is closed")
        return self._tables


def _apply(tables: _Tables, write: Write) -> None:
    match write:
        case PutEntry() | MarkAcked() | SetStatus() | DropEntry() | ForgetEntries():
            _apply_to_entries(tables, write)
        case PutPending() | DropPending() | AppendChanges() | ReplaceDocument():
            _apply_to_document(tables, write)
        case PutMeta(key, value):
            tables.meta[key] = value
        case DeleteMeta(key):
            tables.meta.pop(key, None)
        case PutMember(k, raw):
            tables.members[k] = raw
        case CutMembers(k):
            for index in [index for index in tables.members if index >= k]:
                del tables.members[index]
        case KeepSnapshot(snapshot, ciphertext):
            tables.snapshots[snapshot] = ciphertext
        case ForgetSnapshot(snapshot):
            tables.snapshots.pop(snapshot, None)
        case PutEpochKey(epoch, epoch_key):
            tables.epoch_keys[epoch] = epoch_key
        case PutQuarantined():
            tables.quarantined[write.hash] = write
        case DropQuarantined(quarantined_hash):
            tables.quarantined.pop(quarantined_hash, None)


def _apply_to_entries(tables: _Tables, write: EntryWrite) -> None:
    match write:
        case PutEntry(entry) if entry.is_beside:
            tables.beside[entry.entry_id] = entry
        case PutEntry(entry):
            tables.entries.setdefault(entry.feed, {})[entry.seq] = entry
            unacked = tables.unacked.setdefault(entry.feed, set())
            (unacked.discard if entry.is_acked else unacked.add)(entry.seq)
        case MarkAcked(feed, last_seq):
            for seq in [seq for seq in tables.unacked.get(feed, ()) if seq <= last_seq]:
                tables.unacked[feed].remove(seq)
                tables.entries[feed][seq] = replace(tables.entries[feed][seq], is_acked=True)
            for entry in _beside(tables, feed):
                if entry.seq <= last_seq:
                    tables.beside[entry.entry_id] = replace(entry, is_acked=True)
        case DropEntry(feed, seq, entry_id):
            tables.beside.pop(entry_id, None)
            line = tables.entries.get(feed, {})
            if seq in line and line[seq].entry_id == entry_id:
                del line[seq]
                tables.unacked.get(feed, set()).discard(seq)
        case ForgetEntries(feed, last_seq):
            line = tables.entries.get(feed, {})
            for seq in [seq for seq in line if seq <= last_seq]:
                del line[seq]
                tables.unacked.get(feed, set()).discard(seq)
        case SetStatus(feed, seq, entry_id, status):
            entries = tables.entries.get(feed, {})
            if seq in entries and entries[seq].entry_id == entry_id:
                entries[seq] = replace(entries[seq], status=status)
            elif entry_id in tables.beside:
                tables.beside[entry_id] = replace(tables.beside[entry_id], status=status)


def _beside(tables: _Tables, feed: FeedId) -> list[LocalEntry]:
    found = [entry for entry in tables.beside.values() if entry.feed == feed]
    return sorted(found, key=lambda entry: (entry.seq, entry.entry_id))


def _apply_to_document(tables: _Tables, write: DocumentWrite) -> None:
    match write:
        case PutPending(edit):
            tables.pending[edit.position] = edit
        case DropPending(up_to_position):
            for position in [p for p in tables.pending if p <= up_to_position]:
                del tables.pending[position]
        case AppendChanges(changes):
            tables.changes.extend(changes)
        case ReplaceDocument(saved):
            tables.document = saved
            tables.changes.clear()


def _write_size(write: Write) -> int:
    """Return the bytes the write can add."""
    match write:
        case PutMeta(_, data) | PutEpochKey(_, data) | PutMember(_, data) | ReplaceDocument(data):
            size = len(data)
        case PutEntry(LocalEntry(raw=data)) | PutQuarantined(_, data, _) | KeepSnapshot(_, data):
            size = len(data)
        case PutPending(edit):
            size = len(edit.change) + len(edit.intents)
        case AppendChanges(changes):
            size = sum(map(len, changes))
        case DeleteMeta() | CutMembers() | MarkAcked() | SetStatus() | DropEntry():
            size = 0
        case DropPending() | DropQuarantined() | ForgetEntries() | ForgetSnapshot():
            size = 0
    return size


def _size(tables: _Tables) -> int:
    return (
        sum(map(len, tables.meta.values()))
        + sum(map(len, tables.members.values()))
        + sum(map(len, tables.epoch_keys.values()))
        + sum(len(entry.raw) for feed in tables.entries.values() for entry in feed.values())
        + sum(len(entry.raw) for entry in tables.beside.values())
        + sum(len(edit.change) + len(edit.intents) for edit in tables.pending.values())
        + len(tables.document or b"")
        + sum(map(len, tables.changes))
        + sum(len(item.raw) for item in tables.quarantined.values())
        + sum(map(len, tables.snapshots.values()))
    )

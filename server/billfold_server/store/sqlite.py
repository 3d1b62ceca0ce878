"""A log store in one SQLite file: what `commit` returned from survives a crash of the machine.

Write-ahead log, `synchronous=FULL`, one writing connection, one wait for the disk for each commit.
A few reading connections see whole commits only and never wait for the writer. Checkpoints are made
by `maintain`, on a connection of their own, so that a commit does not pay for them; only a log
grown past `wal_size_max` makes a commit wait for one.

Spec: 30-server-api.md
"""

import os
import queue
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import apsw

from billfold_protocol.errors import StoreDamaged, StoreError
from billfold_protocol.ids import (
    DeviceId,
    EntryId,
    FeedId,
    InstanceId,
    SnapshotId,
    WalletId,
)

from .interface import (
    NUMBER_END,
    FeedHead,
    KeepLocator,
    Pruned,
    Run,
    StoredEntry,
    StoredWrap,
    WalletLog,
    Write,
)
from .lock import StoreLock
from .log_room import make_room, size_of
from .sqlite_batch import Batch, KnownWallet
from .sqlite_errors import converted
from .sqlite_locators import find_kept
from .sqlite_mailboxes import SqliteMailboxes
from .sqlite_rows import held_runs, within
from .sqlite_schema import migrate, require_sound_sqlite, store_version
from .sqlite_snapshots import (
    find_due,
    give_back,
    load_endorsements,
    load_snapshots,
    prune_entries,
    read_part,
)
from .sqlite_transaction import transaction

READER_COUNT = 4
BUSY_TIMEOUT_MS = 1_000
WRITER_CACHE_SIZE = 64 << 20
READER_CACHE_SIZE = 8 << 20
KNOWN_WALLET_COUNT_MAX = 65_536

CHECKPOINT_SIZE_MIN = 4 << 20
"""A smaller log is not worth the two waits for the disk that a checkpoint costs."""
WAL_SIZE_AIM = 64 << 20
"""Above this, `maintain` makes the writer start the log over, which it does for a moment alone."""
WAL_SIZE_MAX = 512 << 20
"""Above this, the next commit starts the log over itself; it bounds the disk and the recovery."""
WAL_ROOM_MIN = 2 * CHECKPOINT_SIZE_MIN
"""So long the log is kept, whatever is in it: a commit that need not extend it is much faster."""
assert CHECKPOINT_SIZE_MIN < WAL_ROOM_MIN < WAL_SIZE_AIM < WAL_SIZE_MAX

_LOAD_WALLET = "SELECT id, n, size FROM wallet WHERE wallet_id = ?"
_LOAD_MEMBERS = "SELECT raw FROM member WHERE wallet = ? ORDER BY k"
_LOAD_HEADS = "SELECT feed, device, seq, entry_id, k FROM feed WHERE wallet = ?"
_LOAD_BEACONS = "SELECT device, raw FROM beacon WHERE wallet = ?"
# CROSS JOIN fixes the order of the loops: along the index of entries, then to the feed's row.
_READ_ENTRIES = """
    SELECT entry.n, feed.feed, entry.seq, entry.entry_id, entry.raw
    FROM entry CROSS JOIN feed ON feed.id = entry.feed
    WHERE entry.wallet = (SELECT id FROM wallet WHERE wallet_id = ?) AND entry.n > ?
    ORDER BY entry.n LIMIT ?
"""
_READ_FEED = """
    SELECT entry.n, feed.feed, entry.seq, entry.entry_id, entry.raw
    FROM feed CROSS JOIN entry ON entry.feed = feed.id
    WHERE feed.wallet = (SELECT id FROM wallet WHERE wallet_id = ?) AND feed.feed = ?
        AND entry.seq >= ?
    ORDER BY entry.seq LIMIT ?
"""
_READ_WRAPS = """
    SELECT k, raw FROM wrap
    WHERE wallet = (SELECT id FROM wallet WHERE wallet_id = ?) AND device = ? AND k > ?
    ORDER BY k
"""


class SqliteLogStore:
    """A `LogStore` in one file, made if it is not there; only one object at a time may have it.

    `vfs` names the SQLite file system to use, the machine's own by default.

    Raises:
        StoreBusy: Another server has it open.
        StoreMissing: Its folder does not exist.
        StoreFull: There is no room to make it.
        StoreDamaged: The file is no store.
        UpdateNeeded: A newer server made it.
        StoreError: It cannot be opened, or SQLite is too old to be trusted.
    """

    def __init__(
        self, path: Path, *, vfs: str | None = None, wal_size_max: int = WAL_SIZE_MAX
    ) -> None:
        require_sound_sqlite(apsw.sqlite_lib_version())
        # One file has one lock, whatever links lead to it.
        self._path = Path(os.path.realpath(path))
        self._vfs = vfs
        self._wal_size_max = wal_size_max
        self._write_lock = threading.Lock()
        self._maintain_lock = threading.Lock()  # Taken before the write lock where both are.
        self._is_closed = False
        self._is_damaged = False
        self._known: dict[WalletId, KnownWallet] = {}
        # Holds None once the store is closed.
        self._readers: queue.LifoQueue[apsw.Connection | None] = queue.LifoQueue()
        self.mail = SqliteMailboxes(self._reader)
        with ExitStack() as stack, converted():
            lock = StoreLock(self._path.with_name(self._path.name + ".lock"))
            stack.callback(lock.release)
            self._make_file()
            self._writer = self._open_writer(stack)
            self._checkpointer = self._connect(stack, apsw.SQLITE_OPEN_READWRITE)
            # A connection that has read nothing does not know that there is a log to copy.
            self._instance_id = InstanceId(
                self._checkpointer.execute("SELECT instance_id FROM store").get
            )
            for _ in range(READER_COUNT):
                reader = self._connect(stack, apsw.SQLITE_OPEN_READONLY)
                reader.pragma("cache_size", -READER_CACHE_SIZE // 1024)
                self._readers.put(reader)
            self._wallet_count = int(self._writer.execute("SELECT count(*) FROM wallet").get)
            self._wal_size = size_of(self._wal_path)
            self._resources = stack.pop_all()

    @property
    def instance_id(self) -> InstanceId:
        """See `LogStore.instance_id`."""
        return self._instance_id

    def load_wallet(self, wallet_id: WalletId) -> WalletLog | None:
        """See `LogStore.load_wallet`."""
        with self._reader() as reader, transaction(reader, "BEGIN"):
            wallet = reader.execute(_LOAD_WALLET, (wallet_id,)).fetchone()
            if wallet is None:
                return None
            row, n, size = wallet
            return WalletLog(
                wallet_id=wallet_id,
                members=tuple(raw for (raw,) in reader.execute(_LOAD_MEMBERS, (row,))),
                heads={
                    FeedId(feed): FeedHead(
                        seq=seq, entry_id=EntryId(entry_id), device=DeviceId(device), k=k
                    )
                    for feed, device, seq, entry_id, k in reader.execute(_LOAD_HEADS, (row,))
                },
                n=n,
                size=size,
                beacons={
                    DeviceId(device): raw for device, raw in reader.execute(_LOAD_BEACONS, (row,))
                },
                snapshots=load_snapshots(reader, row),
                endorsements=load_endorsements(reader, row),
            )

    def commit(self, writes: Sequence[Write]) -> None:
        """See `LogStore.commit`."""
        with self._write_lock, self._noting_damage():
            self._require_writable()
            if not writes:
                return
            if self._wal_size > self._wal_size_max:
                self._start_log_over()
            batch = Batch(self._writer, self._known)
            with transaction(self._writer, "BEGIN IMMEDIATE"):
                for write in writes:
                    batch.add(write)
                batch.insert()
            self._wallet_count += batch.new_wallet_count
            if len(self._known) + len(batch.wallets) > KNOWN_WALLET_COUNT_MAX:
                self._known.clear()
            self._known.update(batch.wallets)

    def read_entries(
        self, wallet_id: WalletId, *, after_n: int, count_max: int, size_max: int
    ) -> list[StoredEntry]:
        """See `LogStore.read_entries`."""
        bindings = (wallet_id, min(after_n, NUMBER_END), count_max)
        with self._reader() as reader:
            return within(reader.execute(_READ_ENTRIES, bindings), size_max)

    def read_feed(
        self, wallet_id: WalletId, feed: FeedId, *, from_seq: int, count_max: int, size_max: int
    ) -> list[StoredEntry]:
        """See `LogStore.read_feed`."""
        bindings = (wallet_id, feed, min(from_seq, NUMBER_END), count_max)
        with self._reader() as reader:
            return within(reader.execute(_READ_FEED, bindings), size_max)

    def read_runs(self, wallet_id: WalletId) -> dict[FeedId, list[Run]]:
        """See `LogStore.read_runs`."""
        with self._reader() as reader:
            return held_runs(reader, wallet_id)

    def find_entry(self, wallet_id: WalletId, feed: FeedId, seq: int) -> StoredEntry | None:
        """See `LogStore.find_entry`."""
        found = self.read_feed(wallet_id, feed, from_seq=seq, count_max=1, size_max=0)
        return found[0] if found and found[0].seq == seq else None

    def read_wraps(
        self, wallet_id: WalletId, device: DeviceId, *, after_k: int
    ) -> list[StoredWrap]:
        """See `LogStore.read_wraps`."""
        bindings = (wallet_id, device, min(after_k, NUMBER_END))
        with self._reader() as reader:
            rows = reader.execute(_READ_WRAPS, bindings)
            return [StoredWrap(k=k, device=device, raw=raw) for k, raw in rows]

    def read_snapshot(self, wallet_id: WalletId, snapshot_id: SnapshotId, *, offset: int) -> bytes:
        """See `LogStore.read_snapshot`."""
        with self._reader() as reader:
            return read_part(reader, wallet_id, snapshot_id, offset)

    def due_snapshots(self, *, now_s: int, count_max: int) -> list[tuple[WalletId, SnapshotId]]:
        """See `LogStore.due_snapshots`."""
        with self._reader() as reader:
            return find_due(reader, now_s, count_max)

    def prune(
        self, wallet_id: WalletId, covered: Mapping[FeedId, int], *, count_max: int
    ) -> Pruned:
        """See `LogStore.prune`."""
        with self._write_lock, self._noting_damage():
            self._require_writable()
            found = self._writer.execute(_LOAD_WALLET, (wallet_id,)).fetchone()
            if found is None:
                return Pruned(count=0, size=0)
            with transaction(self._writer, "BEGIN IMMEDIATE"):
                pruned = prune_entries(self._writer, found[0], covered, count_max)
            self._known.pop(wallet_id, None)  # Its size is another now.
            return pruned

    def find_locator(self, locator: bytes) -> KeepLocator | None:
        """See `LogStore.find_locator`."""
        with self._reader() as reader:
            return find_kept(reader, locator)

    def wallet_count(self) -> int:
        """See `LogStore.wallet_count`."""
        self._require_open()
        return self._wallet_count

    def size(self) -> int:
        """See `LogStore.size`."""
        self._require_open()
        return size_of(self._path) + size_of(self._wal_path)

    def maintain(self) -> None:
        """See `LogStore.maintain`: here it keeps room in the log and moves it into the file."""
        with self._maintain_lock, self._noting_damage():
            self._require_writable()
            room = min(max(WAL_ROOM_MIN, 2 * self._wal_size), WAL_SIZE_AIM, self._wal_size_max)
            make_room(self._wal_path, room, self._write_lock)
            if not give_back(self._writer, self._write_lock) and (
                self._wal_size < CHECKPOINT_SIZE_MIN
            ):
                return
            self._checkpointer.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
            # Under steady load no checkpoint ever ends with nothing left to copy, and the log
            # would grow for ever. Little is left now, so the writer is held up for little.
            if self._wal_size > min(WAL_SIZE_AIM, self._wal_size_max):
                with self._write_lock:
                    self._start_log_over()

    def close(self) -> None:
        """See `LogStore.close`."""
        with self._maintain_lock, self._write_lock, converted():
            if self._is_closed:
                return
            self._is_closed = True
            for _ in range(READER_COUNT):
                self._readers.get()  # Waits until a read under way is over.
            self._readers.put(None)
            self._resources.close()

    @property
    def _wal_path(self) -> Path:
        return self._path.with_name(self._path.name + "-wal")

    def _make_file(self) -> None:
        """Make an empty file that only its owner may read; SQLite's side files copy its mode."""
        try:
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        except OSError as error:
            raise StoreError(
                f"The store {self._path} cannot be opened: {error.strerror}."
            ) from error

    def _connect(self, stack: ExitStack, flags: int) -> apsw.Connection:
        connection = apsw.Connection(os.fspath(self._path), flags=flags, vfs=self._vfs)
        stack.callback(self._disconnect, connection)
        connection.set_busy_timeout(BUSY_TIMEOUT_MS)
        return connection

    def _disconnect(self, connection: apsw.Connection) -> None:
        if self._is_damaged:
            # What the disk did not confirm must not be copied over what it did.
            connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        connection.close()

    def _open_writer(self, stack: ExitStack) -> apsw.Connection:
        writer = self._connect(stack, apsw.SQLITE_OPEN_READWRITE)
        version = store_version(writer)  # Before anything changes a file that may not be ours.
        if version == 0:
            writer.pragma("auto_vacuum", "incremental")  # Before the first page, or never.
        if writer.pragma("journal_mode", "wal") != "wal":
            raise StoreError(f"The folder of {self._path} cannot hold a write-ahead log.")
        writer.pragma("synchronous", "full")
        writer.pragma("journal_size_limit", WAL_SIZE_AIM)
        writer.pragma("cache_size", -WRITER_CACHE_SIZE // 1024)
        page_size = int(writer.pragma("page_size"))

        def note_wal_size(_connection: apsw.Connection, _name: str, page_count: int) -> int:
            self._wal_size = page_count * page_size
            return apsw.SQLITE_OK

        writer.set_wal_hook(note_wal_size)  # In the place of SQLite's own automatic checkpoint.
        migrate(writer, version)
        return writer

    def _require_open(self) -> None:
        if self._is_closed:
            raise StoreError("The store is closed.")

    def _require_writable(self) -> None:
        self._require_open()
        if self._is_damaged:
            raise StoreDamaged("The disk failed under the store before; end the server.")

    @contextmanager
    def _noting_damage(self) -> Iterator[None]:
        """Convert SQLite's errors; after damage, take no more.

        A second wait for the disk may report success for bytes that the first one lost.
        """
        try:
            with converted():
                yield
        except StoreDamaged:
            self._is_damaged = True
            raise

    def _start_log_over(self) -> None:
        """Copy the rest of the log, with the write lock held, so that it is written from its start.

        A read that still needs the old log makes this wait, then give up until the next time.
        """
        with suppress(apsw.BusyError):
            self._writer.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_RESTART)
            self._wal_size = 0

    @contextmanager
    def _reader(self) -> Iterator[apsw.Connection]:
        reader = self._readers.get()
        try:
            if reader is None:
                raise StoreError("The store is closed.")
            with converted():
                yield reader
        finally:
            self._readers.put(reader)

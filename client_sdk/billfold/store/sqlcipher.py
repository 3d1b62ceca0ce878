"""A wallet store in one SQLCipher file: all of it encrypted, each commit on the disk on return.

The key is 32 raw bytes; how they are kept is the keyring's business. One connection behind a lock
serves all threads, and the wallet's lock file keeps other processes out.

Spec: 40-wallet-document.md
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from billfold.store.encrypted_file import (
    PAGE_SIZE,
    Connection,
    DatabaseError,
    check_key,
    check_salt,
    connect,
    damaged,
    migrate,
    roll_back,
    translated,
)
from billfold.store.interface import (
    EntryIndexRow,
    LocalEntry,
    PendingEdit,
    PutQuarantined,
    WalletState,
    Write,
    check_numbers,
)
from billfold.store.lock import WalletLock
from billfold.store.log_room import LogRoom
from billfold.store.private_files import create_private_file, file_error, sync_directory
from billfold.store.rows import STATUSES, besides, column, local_entry
from billfold.store.schema import MIGRATIONS, Migrations
from billfold.store.statements import execute_write
from billfold.store.write_ahead_log import check_write_ahead_log
from billfold_protocol.errors import LocalProtocolError, StoreError, StoreExists, StoreMissing
from billfold_protocol.ids import FeedId, SnapshotId

DATABASE_NAME = "wallet.db"


class SqlCipherStore:
    """A `WalletStore` in a wallet's directory; made by `create` and `open`."""

    def __init__(self, connection: Connection, path: Path, lock: WalletLock) -> None:
        self._connection: Connection | None = connection
        self._path = path
        self._wallet_lock = lock
        self._lock = threading.RLock()
        self._log_room = LogRoom(_log_path(path))
        self._has_failed = False

    @staticmethod
    def require_absent(directory: Path) -> None:
        """Check that a folder holds no wallet.

        Raises:
            StoreExists: it does.
        """
        if (directory / DATABASE_NAME).exists():
            raise StoreExists(f"there is a wallet in {directory} already")

    @classmethod
    def create(
        cls, directory: Path, key: bytes, *, lock: WalletLock | None = None
    ) -> "SqlCipherStore":
        """Make an empty store and open it; after a crash there is a whole store or none.

        Args:
            directory: made where it is missing.
            key: 32 bytes.
            lock: the directory's lock if the caller has it; the store releases it, also on failure.

        Raises:
            StoreExists: there is a store already.
            StoreBusy: another process has the wallet open.
            StoreFull: the disk has no room.
            StoreError: the directory cannot be used.
        """
        check_key(key)
        lock = lock or WalletLock(directory)
        try:
            _make_file(directory / DATABASE_NAME, key)
        except BaseException:
            lock.release()
            raise
        return cls.open(directory, key, lock=lock)

    @classmethod
    def open(
        cls,
        directory: Path,
        key: bytes,
        *,
        lock: WalletLock | None = None,
        size_max: int | None = None,
        migrations: Migrations = MIGRATIONS,
    ) -> "SqlCipherStore":
        """Open a store, bringing an older file forward.

        Args:
            directory: the wallet's directory.
            key: 32 bytes.
            lock: the directory's lock if the caller has it; the store releases it, also on failure.
            size_max: bytes that the file may grow to.
            migrations: the versions of the file, oldest first.

        Raises:
            StoreMissing: there is no store in the directory.
            StoreBusy: another process has the wallet open.
            UnlockFailed: the key is not this store's.
            UpdateNeeded: a newer version wrote the store; it is left unchanged.
            StoreDamaged: the file's bytes fail their checks.
            StoreError: the files cannot be used.
        """
        check_key(key)
        path = directory / DATABASE_NAME
        connection: Connection | None = None
        # Locking would make a directory that is missing.
        if lock is None:
            _require(path)
            lock = WalletLock(directory)
        try:
            _require(path)
            check_salt(path, key)
            check_write_ahead_log(_log_path(path))
            connection = connect(path, key)
            migrate(connection, path, migrations)
            if size_max is not None:
                with translated(path):
                    connection.execute(f"PRAGMA max_page_count = {size_max // PAGE_SIZE}")
        except BaseException:
            if connection is not None:
                connection.close()
            lock.release()
            raise
        return cls(connection, path, lock)

    def load(self) -> WalletState:
        """Return all but the entries.

        Raises:
            StoreDamaged: stored bytes fail their checks.
            StoreError: the disk fails.
        """
        with self._opened() as connection:
            document = connection.execute("SELECT saved FROM document").fetchone()
            return WalletState(
                meta=dict(connection.execute("SELECT key, value FROM meta")),
                members=column(connection, "SELECT raw FROM member ORDER BY k"),
                epoch_keys=dict(connection.execute("SELECT epoch, key FROM epoch_key")),
                pending=tuple(
                    PendingEdit(*row)
                    for row in connection.execute(
                        "SELECT position, change, intents FROM pending ORDER BY position"
                    )
                ),
                document=None if document is None else document[0],
                changes=column(connection, "SELECT raw FROM change ORDER BY number"),
                quarantined=column(connection, "SELECT hash FROM quarantined ORDER BY hash"),
            )

    def commit(self, writes: Sequence[Write]) -> None:
        """Apply the writes in order, all or none, and return when they are on the disk.

        Raises:
            StoreFull: there is no room; nothing of the writes was kept.
            StoreDamaged: stored bytes fail their checks; nothing of the writes was kept.
            StoreError: the disk failed; close the store and open it again to see what it kept.
            LocalProtocolError: a number is out of range; nothing was kept.
        """
        check_numbers(writes)
        with self._opened() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                for write in writes:
                    execute_write(connection, write)
                connection.execute("COMMIT")
            except BaseException:
                with suppress(DatabaseError):
                    roll_back(connection)
                raise
            self._log_room.renew()

    def entry_index(self) -> list[EntryIndexRow]:
        """Return every entry without its bytes, by feed and sequence number, the line's first.

        Raises:
            StoreDamaged: stored bytes fail their checks.
            StoreError: the disk fails.
        """
        with self._opened() as connection:
            rows = connection.execute(
                "SELECT feed, seq, id, status, is_acked FROM entry ORDER BY feed, seq"
            )
            found = [
                EntryIndexRow(feed, seq, entry_id, STATUSES[status], is_acked == 1)
                for feed, seq, entry_id, status, is_acked in rows
            ]
            rows = connection.execute("SELECT feed, seq, id, status, is_acked FROM entry_beside")
            beside = [
                EntryIndexRow(feed, seq, entry_id, STATUSES[status], is_acked == 1, is_beside=True)
                for feed, seq, entry_id, status, is_acked in rows
            ]
            if beside:
                found.extend(beside)
                found.sort(key=lambda row: (row.feed, row.seq, row.is_beside, row.entry_id))
            return found

    def read_entries(
        self, feed: FeedId, *, from_seq: int, count_max: int, size_max: int
    ) -> list[LocalEntry]:
        """Return entries of a feed's line in order, within the bounds, but at least one.

        Raises:
            StoreDamaged: stored bytes fail their checks.
            StoreError: the disk fails.
        """
        with self._opened() as connection:
            rows = connection.execute(
                "SELECT feed, seq, id, status, is_acked, raw"
                " FROM entry JOIN entry_raw USING (feed, seq)"
                " WHERE feed = ? AND seq >= ? ORDER BY seq LIMIT ?",
                (feed, from_seq, count_max),
            )
            found: list[LocalEntry] = []
            size = 0
            for row in rows:
                entry = local_entry(row)
                size += len(entry.raw)
                if found and size > size_max:
                    break
                found.append(entry)
            rows.close()
            return found

    def read_beside(self, feed: FeedId) -> list[LocalEntry]:
        """Return the entries beside a feed's line, by sequence number and id.

        Raises:
            StoreDamaged: stored bytes fail their checks.
            StoreError: the disk fails.
        """
        with self._opened() as connection:
            return besides(connection, feed)

    def unacked(self, feed: FeedId) -> list[LocalEntry]:
        """Return the entries of a feed that are not acknowledged, in order.

        Raises:
            StoreDamaged: stored bytes fail their checks.
            StoreError: the disk fails.
        """
        with self._opened() as connection:
            rows = connection.execute(
                "SELECT feed, seq, id, status, is_acked, raw"
                " FROM entry INDEXED BY entry_unacked JOIN entry_raw USING (feed, seq)"
                " WHERE feed = ? AND is_acked = 0 ORDER BY seq",
                (feed,),
            )
            line = [local_entry(row) for row in rows]
            beside = [entry for entry in besides(connection, feed) if not entry.is_acked]
            return sorted([*line, *beside], key=lambda entry: entry.seq)

    def read_quarantined(self) -> list[PutQuarantined]:
        """Return what was set aside, in ascending order of hash.

        Raises:
            StoreDamaged: stored bytes fail their checks.
            StoreError: the disk fails.
        """
        with self._opened() as connection:
            rows = connection.execute("SELECT hash, raw, reason FROM quarantined ORDER BY hash")
            return [PutQuarantined(*row) for row in rows]

    def read_snapshot(self, snapshot: SnapshotId) -> bytes | None:
        """Return a snapshot as it was sealed, or None where it is not kept.

        Raises:
            StoreDamaged: stored bytes fail their checks.
            StoreError: the disk fails.
        """
        with self._opened() as connection:
            query = "SELECT ciphertext FROM snapshot WHERE id = ?"
            found = connection.execute(query, (snapshot,)).fetchone()
            return None if found is None else bytes(found[0])

    def size(self) -> int:
        """Return the bytes of the database and its write-ahead log.

        Raises:
            StoreError: the files cannot be read.
        """
        with self._opened():
            try:
                log = _log_path(self._path)
                return self._path.stat().st_size + (log.stat().st_size if log.exists() else 0)
            except OSError as error:
                raise file_error(error, self._path) from error

    def check(self) -> None:
        """Read every page and compare it with its authentication code and with the others.

        Raises:
            StoreDamaged: a page is not as it was written, or the tables contradict themselves.
            StoreError: the disk fails.
        """
        with self._opened() as connection:
            # The integrity check reads the main file only, not what the log still holds.
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            findings = connection.execute("PRAGMA cipher_integrity_check").fetchall()
            findings += [
                row for row in connection.execute("PRAGMA integrity_check") if row != ("ok",)
            ]
        if findings:
            raise damaged(self._path)

    def close(self) -> None:
        """Merge the write-ahead log into the file and release the wallet's lock."""
        with self._lock:
            connection, self._connection = self._connection, None
            if connection is not None:
                try:
                    # A failed checkpoint loses nothing: the log stays and is read at next start.
                    with suppress(DatabaseError):
                        connection.close()
                finally:
                    self._wallet_lock.release()

    @contextmanager
    def _opened(self) -> Iterator[Connection]:
        with self._lock:
            if self._connection is None:
                raise LocalProtocolError("this store is closed")
            if self._has_failed:
                raise StoreError("The disk has failed; close the wallet and open it again.")
            try:
                with translated(self._path):
                    yield self._connection
            except StoreError as error:
                # After a failed fsync nobody knows what the disk holds; only a new start does.
                self._has_failed = type(error) is StoreError
                raise


def _make_file(path: Path, key: bytes) -> None:
    """Make an empty store under another name, and give it its own when it is whole."""
    if path.exists():
        raise StoreExists(f"There is a wallet in {path.parent} already.")
    draft = path.with_name(path.name + ".new")
    try:
        for left_over in (draft, _log_path(draft)):
            left_over.unlink(missing_ok=True)
        # SQLite gives its log the permissions of the file.
        create_private_file(draft)
        connection = connect(draft, key)
        try:
            migrate(connection, draft, MIGRATIONS)
        finally:
            connection.close()
        draft.rename(path)
        sync_directory(path.parent)
    except OSError as error:
        raise file_error(error, path) from error


def _require(path: Path) -> None:
    if not path.exists():
        raise StoreMissing(f"There is no wallet in {path.parent}.")


def _log_path(path: Path) -> Path:
    return path.with_name(path.name + "-wal")

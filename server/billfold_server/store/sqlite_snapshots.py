"""Snapshots in the SQLite store, and the pruning of what they cover.

Spec: 30-server-api.md
"""

import threading
from collections.abc import Mapping

import apsw

from billfold_protocol.ids import DeviceId, FeedId, SnapshotId, WalletId

from .interface import (
    DropSnapshot,
    Pruned,
    PutEndorsement,
    PutSnapshot,
    PutSnapshotPart,
    SnapshotStanding,
    SnapshotWrite,
    StoredSnapshot,
)

_PUT = """
    INSERT INTO snapshot
        (wallet, snapshot_id, number, n, tail_n, standing, due_s, received, statement)
    VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?)
    ON CONFLICT (wallet, snapshot_id) DO UPDATE SET
        n = excluded.n, tail_n = excluded.tail_n,
        standing = excluded.standing, due_s = excluded.due_s
"""
_FIND = "(SELECT id FROM snapshot WHERE wallet = ? AND snapshot_id = ?)"
_LOAD = """
    SELECT snapshot_id, number, n, tail_n, standing, due_s, received, statement
    FROM snapshot WHERE wallet = ? ORDER BY number
"""
_LOAD_ENDORSEMENTS = """
    SELECT snapshot.snapshot_id, endorsement.device, endorsement.raw
    FROM snapshot CROSS JOIN endorsement ON endorsement.snapshot = snapshot.id
    WHERE snapshot.wallet = ? ORDER BY snapshot.snapshot_id, endorsement.device
"""
_READ = """
    SELECT start, raw FROM snapshot_part
    WHERE snapshot = (
        SELECT id FROM snapshot
        WHERE wallet = (SELECT id FROM wallet WHERE wallet_id = ?) AND snapshot_id = ?
    ) AND start <= ?
    ORDER BY start DESC LIMIT 1
"""
_DUE = """
    SELECT wallet.wallet_id, snapshot.snapshot_id
    FROM snapshot CROSS JOIN wallet ON wallet.id = snapshot.wallet
    WHERE snapshot.due_s <= ? ORDER BY snapshot.due_s LIMIT ?
"""
_OLDEST = """
    SELECT seq, length(raw) FROM entry WHERE feed = ? AND seq <= ? ORDER BY seq LIMIT ?
"""


FREE_PAGES_MIN = 16
"""Pages that pruning has left empty and that are soon used again: not worth giving back."""

FREE_PAGES_STEP = 1024
"""Pages given back at a time, for which commits may have to wait."""


def give_back(writer: apsw.Connection, lock: threading.Lock) -> bool:
    """Shorten the file by some pages that hold nothing any more; whether there were any.

    Raises:
        apsw.Error: SQLite fails.
    """
    if int(writer.pragma("freelist_count")) < FREE_PAGES_MIN:
        return False
    with lock:
        before = int(writer.pragma("page_count"))
        writer.execute(f"PRAGMA incremental_vacuum({FREE_PAGES_STEP})").fetchall()
        # A store that an older server made does not get shorter, but uses its pages again.
        return int(writer.pragma("page_count")) < before


def execute_snapshot_write(connection: apsw.Connection, row: int, write: SnapshotWrite) -> None:
    """Execute one write about a wallet's snapshots inside the caller's transaction.

    Raises:
        apsw.Error: SQLite refuses it or fails.
    """
    execute = connection.execute
    match write:
        case PutSnapshot(snapshot=put):
            values = (put.number, put.n, put.tail_n, int(put.standing), put.due_s, put.raw)
            execute(_PUT, (row, put.snapshot_id, *values))
        case PutSnapshotPart(snapshot_id=snapshot_id, offset=offset, data=data):
            execute(
                "UPDATE snapshot SET received = ? WHERE wallet = ? AND snapshot_id = ?",
                (offset + len(data), row, snapshot_id),
            )
            # What is not there any more takes no bytes.
            execute(
                "INSERT INTO snapshot_part (snapshot, start, raw)"
                " SELECT id, ?, ? FROM snapshot WHERE wallet = ? AND snapshot_id = ?",
                (offset, data, row, snapshot_id),
            )
        case PutEndorsement(snapshot_id=snapshot_id, device=device, raw=raw):
            execute(
                "INSERT OR REPLACE INTO endorsement (snapshot, device, raw)"
                " SELECT id, ?, ? FROM snapshot WHERE wallet = ? AND snapshot_id = ?",
                (device, raw, row, snapshot_id),
            )
        case DropSnapshot(snapshot_id=snapshot_id):
            place = (row, snapshot_id)
            execute(f"DELETE FROM snapshot_part WHERE snapshot = {_FIND}", place)  # noqa: S608
            execute(f"DELETE FROM endorsement WHERE snapshot = {_FIND}", place)  # noqa: S608
            execute("DELETE FROM snapshot WHERE wallet = ? AND snapshot_id = ?", place)


def load_snapshots(connection: apsw.Connection, row: int) -> tuple[StoredSnapshot, ...]:
    """Return a wallet's snapshots in ascending number."""
    return tuple(
        StoredSnapshot(
            snapshot_id=SnapshotId(snapshot_id),
            number=number,
            n=n,
            tail_n=tail_n,
            standing=SnapshotStanding(standing),
            due_s=due_s,
            received=received,
            raw=raw,
        )
        for snapshot_id, number, n, tail_n, standing, due_s, received, raw in connection.execute(
            _LOAD, (row,)
        )
    )


def load_endorsements(
    connection: apsw.Connection, row: int
) -> tuple[tuple[SnapshotId, DeviceId, bytes], ...]:
    """Return the endorsements of a wallet's snapshots."""
    return tuple(
        (SnapshotId(snapshot_id), DeviceId(device), raw)
        for snapshot_id, device, raw in connection.execute(_LOAD_ENDORSEMENTS, (row,))
    )


def read_part(
    connection: apsw.Connection, wallet_id: WalletId, snapshot_id: SnapshotId, offset: int
) -> bytes:
    """Return the rest of the part in which an offset lies; nothing beyond the end."""
    found = connection.execute(_READ, (wallet_id, snapshot_id, offset)).fetchone()
    return b"" if found is None else found[1][offset - found[0] :]


def find_due(
    connection: apsw.Connection, now_s: int, count_max: int
) -> list[tuple[WalletId, SnapshotId]]:
    """Return the snapshots that are due, those that have waited longest first."""
    return [
        (WalletId(wallet_id), SnapshotId(snapshot_id))
        for wallet_id, snapshot_id in connection.execute(_DUE, (now_s, count_max))
    ]


def prune_entries(
    connection: apsw.Connection, row: int, covered: Mapping[FeedId, int], count_max: int
) -> Pruned:
    """Delete the oldest entries of some feeds inside the caller's transaction.

    Raises:
        apsw.Error: SQLite fails.
    """
    count = size = 0
    for feed, last_seq in covered.items():
        found = connection.execute(
            "SELECT id FROM feed WHERE wallet = ? AND feed = ?", (row, feed)
        ).fetchone()
        if found is None or count == count_max:
            continue
        oldest = connection.execute(_OLDEST, (found[0], last_seq, count_max - count)).fetchall()
        if oldest:
            connection.execute(
                "DELETE FROM entry WHERE feed = ? AND seq <= ?", (found[0], oldest[-1][0])
            )
        count += len(oldest)
        for _, length in oldest:
            assert isinstance(length, int)
            size += length
    connection.execute("UPDATE wallet SET size = size - ? WHERE id = ?", (size, row))
    return Pruned(count=count, size=size)

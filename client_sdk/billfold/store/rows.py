"""Rows of the SQLCipher store as the values of its interface.

Spec: 40-wallet-document.md
"""

from billfold.store.encrypted_file import Connection
from billfold.store.interface import EntryStatus, LocalEntry
from billfold_protocol.ids import EntryId, FeedId

STATUSES = tuple(EntryStatus)


def column(connection: Connection, query: str) -> tuple[bytes, ...]:
    """Return the values of a query with one column."""
    return tuple(value for (value,) in connection.execute(query))


def besides(connection: Connection, feed: FeedId) -> list[LocalEntry]:
    """Return the entries beside a feed's line, by sequence number and id."""
    rows = connection.execute(
        "SELECT feed, seq, id, status, is_acked, raw FROM entry_beside"
        " WHERE feed = ? ORDER BY seq, id",
        (feed,),
    )
    return [local_entry(row, is_beside=True) for row in rows]


def local_entry(
    row: tuple[FeedId, int, EntryId, int, int, bytes], *, is_beside: bool = False
) -> LocalEntry:
    """Return an entry: its feed, number, id, status, whether it is acknowledged, its bytes."""
    feed, seq, entry_id, status, is_acked, raw = row
    return LocalEntry(
        feed=feed,
        seq=seq,
        entry_id=entry_id,
        raw=raw,
        status=STATUSES[status],
        is_acked=is_acked == 1,
        is_beside=is_beside,
    )

"""Entries as the SQLite store gives them back, within what one answer may hold.

Spec: 30-server-api.md
"""

import apsw

from billfold_protocol.ids import EntryId, FeedId, WalletId

from .interface import Run, StoredEntry
from .runs import runs_of

# The index of feeds and places answers both; the rows themselves are not read.
_COUNT_FEEDS = """
    SELECT feed.id, feed.feed, COUNT(*), MIN(entry.seq), MAX(entry.seq)
    FROM feed CROSS JOIN entry ON entry.feed = feed.id
    WHERE feed.wallet = (SELECT id FROM wallet WHERE wallet_id = ?) GROUP BY feed.id
"""
_READ_PLACES = "SELECT seq FROM entry WHERE feed = ? ORDER BY seq"


def within(rows: apsw.Cursor, size_max: int) -> list[StoredEntry]:
    """Return the first entries that fit, and the very first in any case."""
    chosen: list[StoredEntry] = []
    size = 0
    for n, feed, seq, entry_id, raw in rows:
        size += len(raw)
        if chosen and size > size_max:
            rows.close()  # An unfinished question would hold up the checkpoints.
            break
        chosen.append(
            StoredEntry(n=n, feed=FeedId(feed), seq=seq, entry_id=EntryId(entry_id), raw=raw)
        )
    return chosen


def held_runs(reader: apsw.Connection, wallet_id: WalletId) -> dict[FeedId, list[Run]]:
    """Return the runs of entries that are held of each feed."""
    held: dict[FeedId, list[Run]] = {}
    for row, feed, count, first, last in list(reader.execute(_COUNT_FEEDS, (wallet_id,))):
        is_whole = last - first + 1 == count
        held[FeedId(feed)] = (
            [Run(first, last)]
            if is_whole
            else runs_of([seq for (seq,) in reader.execute(_READ_PLACES, (row,))])
        )
    return held

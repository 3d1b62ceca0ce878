"""Entries as the SQLite store gives them back, within what one answer may hold.

Spec: 30-server-api.md
"""

import apsw

from billfold_protocol.ids import EntryId, FeedId

from .interface import StoredEntry


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

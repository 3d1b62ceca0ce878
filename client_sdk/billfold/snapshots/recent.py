"""Reading a replica's entries back while the last commit may still be on its way to the disk.

Spec: 16-snapshots.md
"""

from collections.abc import Iterator

from billfold.core import Core
from billfold.store import PutEntry
from billfold_protocol.ids import FeedId


class RecentEntries:
    """The entries in the store, in the last commit, and noted for the next one."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._committing: dict[FeedId, dict[int, bytes]] = {}

    def note(self) -> None:
        """Take note of what the next commit stores; the one before it has ended."""
        self._committing = self._noted()

    def of_feed(self, feed: FeedId, from_seq: int) -> Iterator[bytes]:
        """Yield a feed's entries from a number on, in order.

        Raises:
            StoreDamaged: stored bytes fail their checks.
        """
        newer = {**self._committing.get(feed, {}), **self._noted().get(feed, {})}
        for seq, raw in enumerate(self._core.stored_entries(feed, from_seq), start=from_seq):
            yield newer.pop(seq, raw)
        yield from (raw for seq, raw in sorted(newer.items()) if seq >= from_seq)

    def _noted(self) -> dict[FeedId, dict[int, bytes]]:
        noted: dict[FeedId, dict[int, bytes]] = {}
        for write in self._core.journal.writes:
            if isinstance(write, PutEntry):
                noted.setdefault(write.entry.feed, {})[write.entry.seq] = write.entry.raw
        return noted

"""What a store has lost out of the middle of a feed, and how it comes back.

    held ──── lost ──── loose ──── lost ──── loose
            ▲
            └ the head that the server says it holds, until what was lost comes back

A server holds a feed as far as nothing of it is missing. What is beyond waits, loose, in the store:
the clients see the head go back, prove it, and offer what lacks. When an entry closes a hole the
head goes on over what was loose behind it.

Spec: 30-server-api.md
"""

from collections.abc import Callable, Mapping, Sequence

from billfold_protocol.feed import Entry, parse_entry
from billfold_protocol.ids import FeedId, WalletId
from billfold_protocol.snapshot import Covered
from billfold_server.store import FeedHead, Run, StoredEntry

FindEntry = Callable[[FeedId, int], StoredEntry | None]
"""Looks up a stored entry."""

PrunedAt = Callable[[FeedId], Covered | None]
"""Returns the newest entry of a feed that may be held no more."""


class Holes:
    """The feeds of one wallet that are not whole; none, mostly."""

    def __init__(self, wallet_id: WalletId, find: FindEntry) -> None:
        self._wallet_id = wallet_id
        self._find = find
        self._loose: dict[FeedId, list[Run]] = {}

    def trim(
        self,
        heads: Mapping[FeedId, FeedHead],
        runs: Mapping[FeedId, Sequence[Run]],
        pruned_at: PrunedAt,
    ) -> dict[FeedId, FeedHead]:
        """Return the heads up to which nothing is missing.

        Args:
            heads: the newest entries that were ever taken.
            runs: what is held of each feed, ascending.
            pruned_at: up to where nothing need be held.
        """
        self._loose.clear()
        whole: dict[FeedId, FeedHead] = {}
        for feed, head in heads.items():
            pruned = pruned_at(feed)
            first = 0 if pruned is None else pruned.seq + 1
            held = runs.get(feed, ())
            last = next((run.last for run in held if run.first <= first <= run.last), first - 1)
            if loose := [run for run in held if run.first > last]:
                self._loose[feed] = loose
            if last == head.seq:
                whole[feed] = head
            elif pruned is not None and last == pruned.seq:
                whole[feed] = FeedHead(
                    seq=pruned.seq, entry_id=pruned.id, device=head.device, k=head.k
                )
            elif last >= 0:
                whole[feed] = self._head_at(feed, last, head)
        return whole

    def passed(self, feed: FeedId, head: FeedHead) -> FeedHead:
        """Return the head after a new one: further on where it closes a hole."""
        loose = self._loose.get(feed)
        if loose is None:
            return head
        while loose and loose[0].first <= head.seq + 1:
            last = loose.pop(0).last
            head = self._head_at(feed, last, head) if last > head.seq else head
        if not loose:
            del self._loose[feed]
        return head

    def holds(self, entry: Entry) -> bool:
        """Whether this very entry is held beyond a hole."""
        if not self._is_loose(entry.feed, entry.seq):
            return False
        found = self._find(entry.feed, entry.seq)
        return found is not None and found.entry_id == entry.id

    def fits(self, entry: Entry) -> bool:
        """Whether what is held behind an entry, if anything is, follows it."""
        if not self._is_loose(entry.feed, entry.seq + 1):
            return True
        found = self._find(entry.feed, entry.seq + 1)
        return found is None or parse_entry(found.raw, self._wallet_id).value.prev == entry.id

    def _is_loose(self, feed: FeedId, seq: int) -> bool:
        return any(run.first <= seq <= run.last for run in self._loose.get(feed, ()))

    def _head_at(self, feed: FeedId, seq: int, head: FeedHead) -> FeedHead:
        found = self._find(feed, seq)
        assert found is not None
        k = parse_entry(found.raw, self._wallet_id).value.k
        return FeedHead(seq=seq, entry_id=found.entry_id, device=head.device, k=k)

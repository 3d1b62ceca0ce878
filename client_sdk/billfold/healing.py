"""Giving a server back what it has lost: the very same bytes, from any device that holds them.

Spec: 21-sync.md
"""

from collections.abc import Iterator

from billfold.replica import Replica
from billfold_protocol import limits
from billfold_protocol.feed import Vector, lost_heads
from billfold_protocol.ids import EntryId, FeedId
from billfold_protocol.messages import Fetch, Offer


def offers(replica: Replica, theirs: Vector) -> Iterator[Offer]:
    """Yield what a server with this vector lacks.

    Own entries that it never acknowledged are not among them: they are pushed.

    Raises:
        StoreDamaged: stored bytes fail their checks.
    """
    for feed, seq, _ in lost_heads(replica.vector_on_server(), theirs):
        their_seq = theirs[feed][0] if feed in theirs else -1
        if their_seq < seq:
            yield from _batches(replica, feed, their_seq + 1, seq)


def questions(replica: Replica, theirs: Vector) -> Iterator[Fetch]:
    """Yield requests for the entries that the server holds in the place of others."""
    for feed, seq, _ in lost_heads(replica.vector_on_server(), theirs):
        if theirs.get(feed, (-1,))[0] == seq:
            yield Fetch(wallet_id=replica.wallet_id, feed=feed, from_seq=seq, count=1)


def offered_ids(replica: Replica, theirs: Vector) -> set[EntryId]:
    """Return the newest entry of each feed that `offers` brings."""
    lost = lost_heads(replica.vector_on_server(), theirs)
    return {id_ for feed, seq, id_ in lost if theirs.get(feed, (-1,))[0] < seq}


def _batches(replica: Replica, feed: FeedId, from_seq: int, to_seq: int) -> Iterator[Offer]:
    batch: list[bytes] = []
    size = 0
    entries = replica.core.stored_entries(feed, from_seq)
    for seq, raw in zip(range(from_seq, to_seq + 1), entries, strict=False):
        batch.append(raw)
        size += len(raw)
        is_full = size + limits.ENTRY_SIZE_MAX > limits.BATCH_SIZE_MAX
        if seq == to_seq or is_full or len(batch) == limits.BATCH_COUNT_MAX:
            yield Offer(wallet_id=replica.wallet_id, entries=tuple(batch))
            batch, size = [], 0

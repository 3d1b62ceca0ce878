"""Giving a server back what it has lost: the very same bytes, from any device that holds them.

Spec: 21-sync.md
"""

from collections.abc import Iterator

from billfold.replica import Replica
from billfold_protocol import limits
from billfold_protocol.errors import BillfoldError, Equivocation, ServerRollback
from billfold_protocol.feed import Vector
from billfold_protocol.ids import FeedId
from billfold_protocol.messages import Offer


def offers(replica: Replica, theirs: Vector) -> Iterator[Offer | BillfoldError]:
    """Yield what a server with this vector lacks, and what is wrong with its vector.

    Own entries that it never acknowledged are not among them: they are pushed.

    Raises:
        StoreDamaged: stored bytes fail their checks.
    """
    has_lost = False
    for feed, (seq, id_) in replica.vector_on_server().items():
        their_seq, their_id = theirs.get(feed, (-1, b""))
        if their_seq == seq and their_id != id_:
            yield Equivocation("two entries carry one feed and sequence number")
        if their_seq < seq:
            has_lost = True
            yield from _batches(replica, feed, their_seq + 1, seq)
    if has_lost:
        yield ServerRollback("the server had lost entries; this device gave them back")


def _batches(replica: Replica, feed: FeedId, from_seq: int, to_seq: int) -> Iterator[Offer]:
    batch: list[bytes] = []
    size = 0
    entries = replica.core.stored_entries(feed, from_seq)
    for seq, raw in zip(range(from_seq, to_seq + 1), entries, strict=False):
        batch.append(raw)
        size += len(raw)
        if seq == to_seq or size + limits.ENTRY_SIZE_MAX > limits.BATCH_SIZE_MAX:
            yield Offer(wallet_id=replica.wallet_id, entries=tuple(batch))
            batch, size = [], 0

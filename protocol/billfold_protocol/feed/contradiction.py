"""Two statements of one server that cannot both be true of a server which only ever adds.

An honest server's arrival number, its chain and the head of each feed only grow. What one
statement shows and a later one lacks was lost.

Spec: 15-feeds.md
"""

from billfold_protocol.feed.checkpoint import Ack, Checkpoint
from billfold_protocol.feed.entry import Dep
from billfold_protocol.feed.vector import Vector


def lost_heads(earlier: Vector, later: Vector) -> list[Dep]:
    """Return the heads of one vector that a later one does not hold, in feed order."""
    lost = []
    for feed, (seq, id_) in sorted(earlier.items()):
        later_seq, later_id = later.get(feed, (-1, id_))
        if later_seq < seq or (later_seq == seq and later_id != id_):
            lost.append(Dep(feed, seq, id_))
    return lost


def acked_state(ack: Ack) -> Checkpoint:
    """Return what an ack says of the server's state, as a checkpoint that names no heads."""
    return Checkpoint(
        wallet_id=ack.wallet_id,
        n=ack.n,
        k=ack.k,
        head=ack.head,
        time_s=0,
        client_nonce=None,
        vector_hash=None,
    )


def contradiction(
    earlier: Checkpoint,
    later: Checkpoint,
    *,
    heads: tuple[Vector, Vector] | None = None,
    is_ordered: bool = False,
) -> str | None:
    """Return, in plain words, what cannot be true of two checkpoints of one server; None if all.

    Args:
        earlier: the one that was signed first, or has the smaller `n`.
        later: the other.
        heads: the vectors that they sign, if both are known.
        is_ordered: whether the later one is known to have been signed after the earlier one.
    """
    if is_ordered and later.n < earlier.n:
        return f"it had taken {earlier.n} entries, and later said that it had taken {later.n}"
    if (is_ordered or earlier.n < later.n) and later.k < earlier.k:
        return (
            f"it held {earlier.k + 1} membership entries, and later said that it held {later.k + 1}"
        )
    if earlier.k == later.k and earlier.head != later.head:
        return f"it named two different membership entries with the number {earlier.k}"
    hashes = {earlier.vector_hash, later.vector_hash}
    if earlier.n == later.n and None not in hashes and len(hashes) > 1:
        return f"it described what it held after {earlier.n} entries in two different ways"
    if heads is None or not (is_ordered or earlier.n <= later.n):
        return None
    lost = lost_heads(*heads)
    if not lost:
        return None
    return f"it held the newest entries of {len(lost)} feeds, and later no longer held them"

"""Giving a server back what it has lost: the very same bytes, from any device that holds them.

Of a forked feed the server is given the branch that it has; it would refuse what stands beside.

Spec: 21-sync.md
"""

from collections.abc import Iterable, Iterator
from itertools import islice

from billfold.core import read_entry
from billfold.replica import Replica
from billfold_protocol import limits
from billfold_protocol.feed import Dep, Vector, lost_heads, parse_entry
from billfold_protocol.ids import EntryId, FeedId
from billfold_protocol.messages import Fetch, Offer

ASIDE_COUNT_MAX = 16
"""Entries that are set aside of which one connection asks for another envelope."""


def lacking(replica: Replica, theirs: Vector) -> list[Dep]:
    """Return the newest entries that a server with this vector does not hold, of each feed."""
    graph = replica.core.graph
    forked = [feed for feed in sorted(replica.vector) if graph.is_forked(feed)]
    branches = [_branch(replica, feed, _head(theirs, feed)) for feed in forked]
    return [
        *lost_heads(replica.vector_on_server(), theirs),
        *(branch[-1] for branch in branches if branch),
    ]


def offers(replica: Replica, theirs: Vector) -> Iterator[Offer]:
    """Yield what a server with this vector lacks.

    Own entries that it never acknowledged are not among them: they are pushed.

    Raises:
        StoreDamaged: stored bytes fail their checks.
    """
    for dep in lacking(replica, theirs):
        if _is_offered(replica, dep, theirs):
            yield from _batches(replica, _raws(replica, dep, _head(theirs, dep.feed)))


def questions(replica: Replica, theirs: Vector) -> Iterator[Fetch]:
    """Yield requests for the entries that the server holds in the place of others."""
    graph = replica.core.graph
    for dep in lost_heads(replica.vector_on_server(), theirs):
        head = _head(theirs, dep.feed)
        if head is not None and graph.find(head) is None:
            first = max(0, head.seq - limits.BATCH_COUNT_MAX + 1)
            count = head.seq - first + 1
            yield Fetch(wallet_id=replica.wallet_id, feed=dep.feed, from_seq=first, count=count)


def questions_aside(replica: Replica) -> Iterator[Fetch]:
    """Yield requests for entries that are set aside: another envelope of one may open.

    Raises:
        StoreError: the store cannot be read.
    """
    core = replica.core
    noted = core.store.read_quarantined() if core.quarantined else ()
    raws = (item.raw for item in noted if item.hash in core.quarantined)
    for raw in islice(raws, ASIDE_COUNT_MAX):
        entry = parse_entry(raw, core.wallet_id).value
        yield Fetch(wallet_id=replica.wallet_id, feed=entry.feed, from_seq=entry.seq, count=1)


def offered_ids(replica: Replica, theirs: Vector) -> set[EntryId]:
    """Return the newest entry of each feed that `offers` brings."""
    return {dep.id for dep in lacking(replica, theirs) if _is_offered(replica, dep, theirs)}


def _head(theirs: Vector, feed: FeedId) -> Dep | None:
    named = theirs.get(feed)
    return None if named is None else Dep(feed, *named)


def _is_offered(replica: Replica, dep: Dep, theirs: Vector) -> bool:
    """Whether what leads to an entry continues what the server holds of its feed."""
    head = _head(theirs, dep.feed)
    return head is None or (head.seq < dep.seq and replica.core.graph.find(head) is not None)


def _raws(replica: Replica, dep: Dep, head: Dep | None) -> Iterator[bytes]:
    core, from_seq = replica.core, 0 if head is None else head.seq + 1
    if core.graph.is_forked(dep.feed):
        for one in _branch(replica, dep.feed, head):
            yield read_entry(core.store, core.wallet_id, one).raw
    else:
        yield from islice(core.stored_entries(dep.feed, from_seq), dep.seq + 1 - from_seq)


def _branch(replica: Replica, feed: FeedId, head: Dep | None) -> list[Dep]:
    """Return what follows a head of a forked feed: on the branch that stands, if that does."""
    graph = replica.core.graph
    for end in sorted(graph.ends_of(feed), key=graph.is_set_aside):
        branch = graph.branch(end, 0 if head is None else head.seq)
        if head is None or branch[:1] == [head]:
            return branch if head is None else branch[1:]
    return []


def _batches(replica: Replica, raws: Iterable[bytes]) -> Iterator[Offer]:
    batch: list[bytes] = []
    size = 0
    for raw in raws:
        is_full = size + limits.ENTRY_SIZE_MAX > limits.BATCH_SIZE_MAX
        if is_full or len(batch) == limits.BATCH_COUNT_MAX:
            yield Offer(wallet_id=replica.wallet_id, entries=tuple(batch))
            batch, size = [], 0
        batch.append(raw)
        size += len(raw)
    if batch:
        yield Offer(wallet_id=replica.wallet_id, entries=tuple(batch))

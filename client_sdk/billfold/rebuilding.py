"""Building the document again from the entries that count.

Needed when entries stop counting: by a cut, on a device that may not vouch for them.

Spec: 15-feeds.md
"""

from collections.abc import Iterable, Iterator, Sequence

from billfold.core import Core, verified_entry
from billfold.document import Document, MergeKinds, hash_of
from billfold.store import EntryStatus, PutEntry, SetStatus
from billfold_protocol.crypto.signing import Verified
from billfold_protocol.envelope import open_entry
from billfold_protocol.feed import Dep, Entry, parse_entry
from billfold_protocol.ids import FeedId


def rebuild_document(
    core: Core, lost: Sequence[Dep], merge_kinds: MergeKinds, *, pending: Iterable[bytes] = ()
) -> Document:
    """Stop counting some entries and return the document that the others make.

    No commit may be under way: what is not in the store yet is read from the journal.

    Args:
        core: the replica's parts.
        lost: the entries that count no more.
        merge_kinds: how fields merge.
        pending: changes that no entry carries; it is made without them.

    Raises:
        StoreDamaged: an entry that counts is missing, damaged, or its key is.
    """
    gone = frozenset(lost)
    excluded: list[Verified[Entry]] = []
    counted: list[tuple[FeedId, tuple[bytes, ...]]] = []
    carried = {hash_of(change) for change in pending}
    for feed in core.graph.vector:
        for raw in _entries(core, feed):
            entry = verified_entry(core, raw)
            dep = Dep(feed, entry.value.seq, entry.value.id)
            node, key = core.graph.find(dep), core.epoch_keys.get(entry.value.epoch)
            if dep in gone:
                excluded.append(entry)
                core.write(SetStatus(feed, dep.seq, EntryStatus.EXCLUDED))
            if node is None or key is None or entry.value.id in core.quarantined:
                continue
            changes = open_entry(entry, core.wallet_id, key).changes
            carried.update(map(hash_of, changes))
            if node.is_counted and dep not in gone:
                counted.append((feed, changes))
    document = Document(core.feed, merge_kinds)
    if core.base is not None:
        # What came with the snapshot is what no entry here carries; it counts for good.
        document.apply([raw for hash_, raw in core.document.changes() if hash_ not in carried])
    for feed, changes in counted:
        document.apply(changes, feed=feed)
    core.graph.exclude(lost, excluded)
    return document


def _entries(core: Core, feed: FeedId) -> Iterator[bytes]:
    """Return a feed's entries in order: those that are stored, then those that will be."""
    noted = {
        write.entry.seq: write.entry.raw
        for write in core.journal.writes
        if isinstance(write, PutEntry) and write.entry.feed == feed
    }
    for raw in core.stored_entries(feed):
        noted.pop(parse_entry(raw, core.wallet_id).value.seq, None)
        yield raw
    yield from (raw for _, raw in sorted(noted.items()))

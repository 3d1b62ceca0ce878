"""Building the document again from the entries that count.

Needed when entries stop counting: by a cut, on a device that may not vouch for them.

Spec: 15-feeds.md
"""

from collections.abc import Iterator, Sequence

from billfold.core import Core, verified_entry
from billfold.document import Document, MergeKinds
from billfold.store import EntryStatus, PutEntry, SetStatus
from billfold_protocol.crypto.signing import Verified
from billfold_protocol.envelope import open_entry
from billfold_protocol.feed import Dep, Entry
from billfold_protocol.ids import FeedId


def rebuild_document(core: Core, lost: Sequence[Dep], merge_kinds: MergeKinds) -> Document:
    """Stop counting some entries and return the document that the others make.

    No commit may be under way: what is not in the store yet is read from the journal.

    Raises:
        StoreDamaged: an entry that counts is missing, damaged, or its key is.
    """
    gone = frozenset(lost)
    document = Document(core.feed, merge_kinds)
    excluded: list[Verified[Entry]] = []
    for feed in core.graph.vector:
        for raw in _entries(core, feed):
            entry = verified_entry(core, raw)
            dep = Dep(feed, entry.value.seq, entry.value.id)
            if dep in gone:
                excluded.append(entry)
                core.write(SetStatus(feed, dep.seq, EntryStatus.EXCLUDED))
                continue
            node, key = core.graph.find(dep), core.epoch_keys.get(entry.value.epoch)
            if node is None or not node.is_counted or key is None:
                continue
            if entry.value.id not in core.quarantined:
                document.apply(open_entry(entry, core.wallet_id, key).changes, feed=feed)
    core.graph.exclude(lost, excluded)
    return document


def _entries(core: Core, feed: FeedId) -> Iterator[bytes]:
    """Return a feed's entries in order: those that are stored, then those that will be."""
    noted = {
        write.entry.seq: write.entry.raw
        for write in core.journal.writes
        if isinstance(write, PutEntry) and write.entry.feed == feed
    }
    count = 0
    for raw in core.stored_entries(feed):
        yield raw
        count += 1
    yield from (raw for seq, raw in sorted(noted.items()) if seq >= count)

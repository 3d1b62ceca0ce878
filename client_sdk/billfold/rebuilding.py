"""Building the document again from the entries that count, and what this device then does anew.

Needed when entries stop counting: by a cut, on a device that may not vouch for them; by a fork,
where the document held a branch that does not stand.

Spec: 15-feeds.md
"""

from collections.abc import Iterable, Iterator, Sequence

from billfold.core import Core, open_counted, read_entry, verified_entry
from billfold.document import Document, MergeKinds, hash_of
from billfold.pending import Pending
from billfold.store import (
    AppendChanges,
    DropQuarantined,
    EntryStatus,
    PutEntry,
    ReplaceDocument,
    SetStatus,
)
from billfold_protocol.crypto.signing import Verified
from billfold_protocol.feed import Dep, Entry
from billfold_protocol.ids import EntryId, FeedId


def rebuild_document(
    core: Core, lost: Sequence[Dep], merge_kinds: MergeKinds, *, pending: Iterable[bytes] = ()
) -> None:
    """Stop counting some entries and make the document of what counts.

    No commit may be under way: what is not in the store yet is read from the journal.

    Args:
        core: the replica's parts; its document is replaced.
        lost: entries that count no more.
        merge_kinds: how fields merge.
        pending: changes in the document that no entry carries; it is made without them.

    Raises:
        StoreDamaged: an entry that counts is missing, or damaged.
    """
    core.graph.exclude(lost)
    core.write(*(SetStatus(dep.feed, dep.seq, dep.id, EntryStatus.EXCLUDED) for dep in lost))
    old = core.document
    document = Document(core.feed, merge_kinds)
    covered = [] if core.base is None else _covered_changes(core, pending)
    document.apply(covered)
    quarantined, core.quarantined = core.quarantined, set()
    for feed in core.graph.vector:
        for entry in _counted_entries(core, feed):
            key = core.epoch_keys.get(entry.value.epoch)
            if entry.value.id in quarantined:
                core.quarantined.add(entry.value.id)
            elif key is not None and (content := open_counted(core, entry, key)) is not None:
                document.apply(content.changes, feed=feed)
    if core.base is not None:
        held = {row.entry_id for row in core.store.entry_index()}
        core.quarantined |= quarantined - held
    known = {item.hash for item in old.set_aside}
    core.set_aside(tuple(item for item in document.set_aside if item.hash not in known))
    gone = (known - {item.hash for item in document.set_aside}) | (quarantined - core.quarantined)
    core.write(*(DropQuarantined(hash_) for hash_ in sorted(gone)))
    core.document = document
    core.write(ReplaceDocument(document.save()), AppendChanges(document.waiting))


def _covered_changes(core: Core, pending: Iterable[bytes]) -> list[bytes]:
    """Return the changes of the document that came with the snapshot that this replica stands on.

    They are those that no entry here carries.
    """
    carried = {hash_of(change) for change in pending}
    for feed in core.graph.vector:
        for entry in _entries(core, feed):
            key = core.epoch_keys.get(entry.value.epoch)
            if key is not None and entry.value.id not in core.quarantined:
                content = open_counted(core, entry, key)
                carried.update(map(hash_of, () if content is None else content.changes))
    return [raw for hash_, raw in core.document.changes() if hash_ not in carried]


def fallen_edits(core: Core) -> list[Pending]:
    """Return what the own entries that fell with a branch did, as edits that do it again.

    The document still holds it.

    Raises:
        StoreDamaged: such an entry is missing, or damaged.
    """
    fallen = [
        dep
        for dep in dict.fromkeys(core.fallen)
        if (node := core.graph.find(dep)) is not None and not node.is_counted
    ]
    core.fallen.clear()
    return edits_in(core, fallen)


def edits_in(core: Core, entries: Iterable[Dep]) -> list[Pending]:
    """Return what own entries did, as edits that do it again; the document holds it.

    Raises:
        StoreDamaged: an entry is missing, or damaged.
    """
    found: list[Pending] = []
    for dep in entries:
        raw = core.journal.find_entry(dep.id) or read_entry(core.store, core.wallet_id, dep).raw
        entry = verified_entry(core, raw)
        key = core.epoch_keys.get(entry.value.epoch)
        content = None if key is None else open_counted(core, entry, key)
        for change in () if content is None else content.changes:
            edits = core.document.edits_of([change])
            found.append(Pending(position=0, change=change, intents=edits))
    return found


def _counted_entries(core: Core, feed: FeedId) -> Iterator[Verified[Entry]]:
    for entry in _entries(core, feed):
        node = core.graph.find(Dep(feed, entry.value.seq, entry.value.id))
        if node is not None and node.is_counted:
            yield entry


def _entries(core: Core, feed: FeedId) -> Iterator[Verified[Entry]]:
    """Return a feed's entries in order: those that are stored, and those that will be."""
    noted: dict[EntryId, PutEntry] = {
        write.entry.entry_id: write
        for write in core.journal.writes
        if isinstance(write, PutEntry) and write.entry.feed == feed
    }
    beside = {entry.entry_id: entry.raw for entry in core.store.read_beside(feed)}
    beside.update((id_, put.entry.raw) for id_, put in noted.items() if put.entry.is_beside)
    besides = sorted(
        (verified_entry(core, raw) for raw in beside.values()), key=lambda entry: entry.value.seq
    )
    line = {put.entry.seq: put.entry.raw for put in noted.values() if not put.entry.is_beside}
    for raw in core.stored_entries(feed):
        entry = verified_entry(core, raw)
        yield from _up_to(besides, entry.value.seq)
        newer = line.pop(entry.value.seq, None)
        yield entry if newer is None else verified_entry(core, newer)
    for _, raw in sorted(line.items()):
        entry = verified_entry(core, raw)
        yield from _up_to(besides, entry.value.seq)
        yield entry
    yield from besides


def _up_to(entries: list[Verified[Entry]], seq: int) -> Iterator[Verified[Entry]]:
    while entries and entries[0].value.seq <= seq:
        yield entries.pop(0)

"""Finding out whether a snapshot is what it says: every change that is covered, and no other.

What this device's own document has, without the changes of entries beyond what is covered and of
edits that no entry carries yet, is what the snapshot must hold. A change's hash names all that it
builds on, and the document library makes each hash anew when it reads a snapshot, so that equal
sets of hashes are equal histories.

Spec: 16-snapshots.md
"""

import hashlib
from collections.abc import Iterable, Iterator

from billfold.core import Core, verified_entry
from billfold.document import Document, MergeKinds, hash_of
from billfold.snapshots.content import document_of, openings_of
from billfold.snapshots.recent import RecentEntries
from billfold.snapshots.workbench import Hands
from billfold_protocol.envelope import open_entry
from billfold_protocol.errors import BillfoldError, SnapshotMismatch
from billfold_protocol.feed import Dep, parse_entry
from billfold_protocol.snapshot import Snapshot
from billfold_protocol.snapshot_sealing import SnapshotContent

HASH_SIZE = 32


def holds_all_of(core: Core, snapshot: Snapshot) -> bool:
    """Whether every entry that a snapshot covers is here and counts, so that it can be judged.

    Raises:
        SnapshotMismatch: it covers another entry than is here.
    """
    for feed, (seq, id_, device) in snapshot.covered.items():
        if core.graph.device_of(feed) is None or core.graph.vector[feed][0] < seq:
            return False
        try:
            node = core.graph.find(Dep(feed, seq, id_))
        except BillfoldError as error:
            raise SnapshotMismatch("the snapshot covers an entry of another branch") from error
        if node is None or node.device != device:
            raise SnapshotMismatch("the snapshot covers an entry of another branch")
        if not node.is_counted:
            # Its author may have counted it before a cut, and may be about to vouch for it. What
            # never counts is never endorsed.
            return False
    return True


async def changes_in(
    content: SnapshotContent, hands: Hands, *, actor: bytes, merge_kinds: MergeKinds
) -> set[bytes]:
    """Return the hashes of all changes in a snapshot: in its document, waiting and set aside.

    Raises:
        SnapshotMismatch: it holds no document.
    """
    try:
        found = await hands.apart("hashes", content.saved)
        if found is None:
            return await hands.do(
                lambda: _all_changes(document_of(content, (), actor=actor, merge_kinds=merge_kinds))
            )
    except BillfoldError as error:
        raise SnapshotMismatch("the snapshot holds no document") from error
    hashes = {found[start : start + HASH_SIZE] for start in range(0, len(found), HASH_SIZE)}
    hashes.update(hash_of(change) for change in content.waiting)
    hashes.update(item.hash for item in content.aside if item.is_change)
    return hashes


def check_content(
    core: Core,
    entries: RecentEntries,
    snapshot: Snapshot,
    content: SnapshotContent,
    theirs: set[bytes],
    *,
    pending: Iterable[bytes],
) -> None:
    """Check that a snapshot holds exactly what it covers; all of that must be here.

    Args:
        core: the replica's parts.
        entries: what is stored, or will be.
        snapshot: the statement.
        content: what it holds.
        theirs: the hashes of all changes in it.
        pending: the changes here that no entry carries yet.

    Raises:
        SnapshotMismatch: it leaves a change out, adds one, or sets aside what is in order.
        StoreDamaged: this device's own entries cannot be read.
    """
    if content.openings != openings_of(core, snapshot.covered):
        raise SnapshotMismatch("the snapshot says of a feed that it began otherwise")
    beyond = changes_beyond(core, entries, snapshot, pending)
    mine = _all_changes(core.document) - beyond
    if mine - theirs:
        raise SnapshotMismatch(f"the snapshot leaves out {len(mine - theirs)} changes")
    if theirs - mine:
        raise SnapshotMismatch(f"the snapshot adds {len(theirs - mine)} changes")
    aside = {item.hash for item in core.document.set_aside} - beyond
    if aside != {item.hash for item in content.aside if item.is_change}:
        raise SnapshotMismatch("the snapshot sets other changes aside")
    entries_aside = {item.hash for item in content.aside if not item.is_change}
    if entries_aside != set(_quarantined_in(core, snapshot)):
        raise SnapshotMismatch("the snapshot sets other entries aside")


def changes_beyond(
    core: Core, entries: RecentEntries, snapshot: Snapshot, pending: Iterable[bytes]
) -> set[bytes]:
    """Return the hashes of the changes here that a snapshot does not cover.

    Raises:
        StoreDamaged: an entry is missing from the store, or damaged.
    """
    found = {hash_of(change) for change in pending}
    for feed in core.graph.vector:
        covered = snapshot.covered.get(feed)
        from_seq = 0 if covered is None else covered.seq + 1
        for raw in entries.of_feed(feed, from_seq):
            entry = verified_entry(core, raw)
            key = core.epoch_keys.get(entry.value.epoch)
            if key is None or entry.value.id in core.quarantined:
                continue
            for change in open_entry(entry, core.wallet_id, key).changes:
                found.add(hash_of(change))
                # By this a change is set aside that came in another feed than its author's.
                found.add(hashlib.sha256(feed + change).digest())
    return found


def _all_changes(document: Document) -> set[bytes]:
    found = set(document.hashes)
    found.update(hash_of(change) for change in document.waiting)
    found.update(item.hash for item in document.set_aside)
    return found


def _quarantined_in(core: Core, snapshot: Snapshot) -> Iterator[bytes]:
    if not core.quarantined:
        return
    noted = {item.hash: item.raw for item in core.store.read_quarantined()}
    for id_ in core.quarantined & noted.keys():
        entry = parse_entry(noted[id_], core.wallet_id).value
        covered = snapshot.covered.get(entry.feed)
        if covered is not None and entry.seq <= covered.seq:
            yield id_

"""Beginning with a snapshot, or going on with one: a replica whose older entries it covers.

The document, what is set aside and what is covered become durable in one commit. A device that
has been away may have changes that the snapshot lacks: those of entries that it does not cover
are kept, any other is a reason to refuse it.

Spec: 16-snapshots.md
"""

from collections.abc import Sequence

from billfold.bases import base_heads
from billfold.core import Core, describe_set_aside
from billfold.document import Document, hash_of
from billfold.snapshots.comparison import changes_beyond
from billfold.snapshots.recent import RecentEntries
from billfold.store import AppendChanges, PutQuarantined, ReplaceDocument
from billfold_protocol.crypto.signing import Verified
from billfold_protocol.errors import SnapshotMismatch
from billfold_protocol.feed import Outcome
from billfold_protocol.snapshot import Snapshot
from billfold_protocol.snapshot_sealing import SnapshotContent


def adopt(
    core: Core,
    entries: RecentEntries,
    statement: Verified[Snapshot],
    content: SnapshotContent,
    document: Document,
    *,
    pending: Sequence[bytes],
) -> Outcome:
    """Stand on a snapshot; return which waiting entries count by it.

    Args:
        core: the replica's parts; its document is replaced.
        entries: what is stored, or will be.
        statement: the snapshot's.
        content: what it holds.
        document: the same, opened, with `pending` on top.
        pending: the changes here that no entry carries yet.

    Raises:
        SnapshotMismatch: it lacks a change that is here and that it covers.
        StoreDamaged: this device's own entries cannot be read.
    """
    snapshot = statement.value
    kept: list[bytes] = []
    if core.document.heads:
        # An edit that no entry carries yet may wait in there for an own entry that it builds on.
        pending_hashes = {hash_of(change) for change in pending}
        known = document.hashes | {item.hash for item in document.set_aside} | pending_hashes
        if not known >= core.document.hashes:
            beyond = changes_beyond(core, entries, snapshot, pending)
            missing = [(hash_, raw) for hash_, raw in core.document.changes() if hash_ not in known]
            if any(hash_ not in beyond for hash_, _ in missing):
                raise SnapshotMismatch("the snapshot lacks a change that this device holds")
            kept = [raw for _, raw in missing]
        kept += core.document.waiting
    document.apply(kept)
    core.document = document
    core.write(ReplaceDocument(content.saved), AppendChanges((*content.waiting, *kept)))
    for item in content.aside:
        if not item.is_change:
            core.quarantined.add(item.hash)
            core.write(PutQuarantined(item.hash, item.raw, "set aside before the snapshot"))
    core.write(
        *(
            PutQuarantined(item.hash, item.raw, describe_set_aside(item))
            for item in document.set_aside
        )
    )
    core.succession.adopt(content.openings)
    core.own_feeds.update(
        feed for feed, opening in content.openings if opening.device == core.device_id
    )
    return core.graph.adopt(base_heads(snapshot))

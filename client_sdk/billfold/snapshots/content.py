"""What a snapshot holds, from a replica and back.

Spec: 16-snapshots.md
"""

from collections.abc import Iterable, Mapping

from billfold.core import Core
from billfold.document import Document, MergeKinds, SetAside
from billfold_protocol.errors import (
    BillfoldError,
    LimitExceeded,
    Malformed,
    PeerPoison,
    Quarantined,
)
from billfold_protocol.feed import Opening
from billfold_protocol.ids import FeedId
from billfold_protocol.snapshot import Cover, Covered
from billfold_protocol.snapshot_sealing import Aside, SnapshotContent

_ERRORS: Mapping[str, type[BillfoldError]] = {
    error.__name__: error for error in (Malformed, Quarantined, PeerPoison, LimitExceeded)
}


def cover_of(core: Core) -> Cover:
    """Return what counts on a replica, as a snapshot covers it."""
    cover: dict[FeedId, Covered] = {}
    for dep in core.graph.counted_heads:
        device = core.graph.device_of(dep.feed)
        assert device is not None
        cover[dep.feed] = Covered(dep.seq, dep.id, device)
    return cover


def content_of(core: Core, saved: bytes | None = None) -> SnapshotContent | None:
    """Return all that a replica's document says, and what it has set aside.

    None while an entry that was set aside is on its way to the store.

    Args:
        core: the replica's parts.
        saved: the document, if it is not to be saved here.

    Raises:
        StoreDamaged: what was set aside is damaged.
    """
    quarantined = {item.hash: item for item in core.store.read_quarantined()}
    entries = [
        Aside(
            hash=id_,
            raw=quarantined[id_].raw,
            is_change=False,
            feed=None,
            stops_at=None,
            error="",
        )
        for id_ in core.quarantined
        if id_ in quarantined
    ]
    if len(entries) < len(core.quarantined):
        return None
    changes = [
        Aside(
            hash=item.hash,
            raw=item.raw,
            is_change=True,
            feed=None if item.actor is None else FeedId(item.actor),
            stops_at=item.stops_at,
            error=type(item.error).__name__,
        )
        for item in core.document.set_aside
    ]
    return SnapshotContent(
        saved=core.document.save() if saved is None else saved,
        aside=tuple(sorted((*entries, *changes), key=lambda item: item.hash)),
        waiting=core.document.waiting,
        openings=openings_of(core, cover_of(core)),
    )


def openings_of(core: Core, cover: Cover) -> tuple[tuple[FeedId, Opening], ...]:
    """Return how the feeds began that are covered, as this replica knows it."""
    openings = core.succession.openings
    return tuple((feed, openings[feed]) for feed in sorted(cover) if feed in openings)


def set_aside_of(aside: Iterable[Aside]) -> list[SetAside]:
    """Return the changes that a snapshot sets aside, as a document takes them.

    Raises:
        Malformed: one names an error that no change is set aside for.
    """
    items = []
    for item in aside:
        if not item.is_change:
            continue
        kind = _ERRORS.get(item.error)
        if kind is None:
            raise Malformed("a snapshot sets a change aside for an unknown reason")
        error = kind("A change was set aside before the snapshot was made.")
        items.append(SetAside(item.hash, item.raw, item.feed, item.stops_at, error))
    return items


def document_of(
    content: SnapshotContent,
    others: Iterable[bytes],
    *,
    actor: bytes,
    merge_kinds: MergeKinds,
) -> Document:
    """Open a snapshot's document, with other changes on top.

    Raises:
        StoreDamaged: what it holds is no document.
        Malformed: it sets a change aside for an unknown reason.
    """
    return Document.load(
        content.saved,
        (*content.waiting, *others),
        actor=actor,
        set_aside=set_aside_of(content.aside),
        merge_kinds=merge_kinds,
    )

"""The snapshot that a replica stands on: kept as it was sealed, and given back where it is lost.

What it covers is not held entry by entry any more. So a server that has lost it as well is given
the very same bytes, with the word of those who stand by it, before the entries that follow it.

Spec: 16-snapshots.md
"""

from collections.abc import Iterable, Mapping

from billfold.bases import (
    BASE_KEY,
    ENDORSEMENTS_KEY,
    KEPT_KEY,
    Base,
    Openings,
    encode_base,
    encode_kept,
    encode_verdicts,
    read_base,
    read_kept,
)
from billfold.core import Core
from billfold.store import ForgetSnapshot, KeepSnapshot, PutMeta
from billfold_protocol import limits
from billfold_protocol.crypto.signing import Verified
from billfold_protocol.feed import Vector
from billfold_protocol.ids import SnapshotId
from billfold_protocol.messages import OfferSnapshot
from billfold_protocol.snapshot import Snapshot


class Foundation:
    """What one replica keeps of snapshots."""

    def __init__(self, core: Core, meta: Mapping[str, bytes]) -> None:
        """Take up where the store left off.

        Raises:
            StoreDamaged: a value is not what it should be.
        """
        self._core = core
        self._base = read_base(meta, core.wallet_id)
        self._kept = read_kept(meta.get(KEPT_KEY))
        self._refused: set[SnapshotId] = set()
        self._given: tuple[SnapshotId, bytes] | None = None
        """The one on its way to the server."""

    @property
    def kept(self) -> Mapping[SnapshotId, int]:
        """The snapshots that this device has found right, and when, in milliseconds since 1970."""
        return self._kept

    def keep(self, snapshot: SnapshotId, ciphertext: bytes) -> None:
        """Keep a snapshot that this device has made, or has found to be what it says."""
        core = self._core
        self._kept[snapshot] = max(0, core.now_ms())
        core.write(KeepSnapshot(snapshot, ciphertext))
        base = None if self._base is None else self._base.snapshot.id
        others = sorted(self._kept.keys() - {base}, key=lambda id_: (self._kept[id_], id_))
        self._forget(others[:-KEPT_COUNT_MAX])

    def stand_on(
        self, statement: Verified[Snapshot], openings: Openings, endorsements: Iterable[bytes]
    ) -> None:
        """Note for the store that the replica stands on a snapshot that is kept."""
        core, snapshot = self._core, statement.value
        base = Base(
            raw=statement.raw,
            snapshot=snapshot,
            openings=openings,
            endorsements=tuple(endorsements),
        )
        core.write(
            PutMeta(BASE_KEY, encode_base(base.raw, openings)),
            PutMeta(ENDORSEMENTS_KEY, encode_verdicts(base.endorsements)),
        )
        core.base, self._base = snapshot, base
        self._forget([id_ for id_ in self._kept if id_ != snapshot.id])

    def offer(self, theirs: Vector) -> OfferSnapshot | None:
        """Return the offer of the snapshot to a server with this vector, if it must have it.

        It must where it holds less of a feed than what comes before the entries that are here.

        Raises:
            StoreDamaged: stored bytes fail their checks.
        """
        core, base = self._core, self._base
        if base is None or base.snapshot.id in self._refused or not self._is_behind(theirs):
            return None
        ciphertext = core.store.read_snapshot(base.snapshot.id)
        if ciphertext is None:
            return None
        self._given = (base.snapshot.id, ciphertext)
        return OfferSnapshot(
            wallet_id=core.wallet_id, statement=base.raw, verdicts=base.endorsements
        )

    def is_given(self, snapshot: SnapshotId) -> bool:
        """Whether this snapshot is on its way to the server."""
        return self._given is not None and self._given[0] == snapshot

    def part(self, offset: int) -> bytes:
        """Return bytes of the snapshot on its way; none when the server has all."""
        assert self._given is not None
        part = self._given[1][offset : offset + limits.SNAPSHOT_PART_SIZE]
        if not part:
            self._given = None
        return part

    def refused(self) -> None:
        """Take note that the server does not take the snapshot: it is not offered again."""
        assert self._given is not None
        self._refused.add(self._given[0])
        self._given = None

    def _is_behind(self, theirs: Vector) -> bool:
        graph = self._core.graph
        return any(
            theirs.get(feed, (-1, b""))[0] + 1 < graph.first_held(feed) for feed in graph.vector
        )

    def _forget(self, snapshots: Iterable[SnapshotId]) -> None:
        for id_ in snapshots:
            del self._kept[id_]
            self._core.write(ForgetSnapshot(id_))
        self._core.write(PutMeta(KEPT_KEY, encode_kept(self._kept)))


KEPT_COUNT_MAX = 2
"""Snapshots that are kept beside the one that the replica stands on."""

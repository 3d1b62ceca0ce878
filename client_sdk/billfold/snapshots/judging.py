"""Judging the snapshots of others, and what follows for what this device need not hold any more.

    known ──all covered is here──► fetched ──equal──► endorsed, kept ──rests, grace over──► stood on
                                       └──differs──► objected to, its author named

A device endorses only what it has compared change by change. Of its own entries it forgets those
that such a snapshot covers, by the server's rule: once the server rests on it, and as long after
its own comparison as others have for their objections.

Spec: 16-snapshots.md
"""

from collections.abc import Callable, Mapping

from billfold.bases import base_heads
from billfold.core import Core
from billfold.document import MergeKinds
from billfold.events import Warned
from billfold.snapshots.comparison import changes_in, check_content, holds_all_of
from billfold.snapshots.content import openings_of
from billfold.snapshots.foundation import Foundation
from billfold.snapshots.known import KnownSnapshot
from billfold.snapshots.recent import RecentEntries
from billfold.snapshots.workbench import AtOnce, Hands, Workbench
from billfold.store import ForgetEntries
from billfold_protocol import limits
from billfold_protocol.errors import (
    BillfoldError,
    CommitMismatch,
    SnapshotMismatch,
    StoreError,
)
from billfold_protocol.ids import EpochKey, SnapshotId, short
from billfold_protocol.messages import Judge
from billfold_protocol.snapshot import (
    Judgement,
    Snapshot,
    Verdict,
    is_endorsed,
    judges_of,
    was_alone,
    was_endorsed,
)
from billfold_protocol.snapshot_sealing import open_snapshot


class Judging:
    """One replica's word about snapshots."""

    def __init__(
        self,
        core: Core,
        foundation: Foundation,
        known: Mapping[SnapshotId, KnownSnapshot],
        *,
        pending: Callable[[], tuple[bytes, ...]],
        merge_kinds: MergeKinds,
    ) -> None:
        """Begin.

        Args:
            core: what the parts of the replica share.
            foundation: what is kept of snapshots.
            known: those that the server holds, as it says.
            pending: returns the changes in the document that no entry carries yet.
            merge_kinds: how fields merge.
        """
        self._core = core
        self._foundation = foundation
        self._known = known
        self._pending = pending
        self._merge_kinds = merge_kinds
        self.workbench: Workbench = AtOnce()
        self.recent = RecentEntries(core)
        self.grace_s = limits.SNAPSHOT_GRACE_S
        """How long after its own comparison this device holds what a snapshot covers."""

        self.alone_s = limits.SNAPSHOT_ALONE_S
        """Likewise where nobody else could look."""

        self.judged: set[SnapshotId] = set()
        self.declined: set[SnapshotId] = set()
        """Those that this device does not begin with."""

        self.found: list[tuple[SnapshotId, SnapshotMismatch]] = []
        """What the person has to be told of, with the snapshot that it is about."""

    def next_to_judge(self) -> KnownSnapshot | None:
        """Return a snapshot whose bytes this device should ask for, to judge it."""
        core = self._core
        for known in self._known.values():
            snapshot = known.snapshot
            if (
                snapshot.id in self.judged
                or snapshot.author == core.device_id
                or core.device_id in known.endorsements
                or known.is_resting
                or core.device_id not in judges_of(snapshot.author, core.chain, core.chain.state)
                or is_endorsed(snapshot, known.endorsements.keys(), core.chain)
                or self.is_behind(snapshot)
                or self._is_taken_on_trust(snapshot)
            ):
                continue
            try:
                if holds_all_of(core, snapshot):
                    return known
            except SnapshotMismatch as error:
                self._say(known, Judgement.OBJECTED, error)
        return None

    def next_to_keep(self) -> KnownSnapshot | None:
        """Return a snapshot that the server rests on and that this device should stand on too."""
        core, kept = self._core, self._foundation.kept
        for known in self._known.values():
            snapshot = known.snapshot
            if (
                known.is_resting
                and snapshot.id not in kept
                and snapshot.id not in self.judged
                and core.member is not None
                and self._may_stand_on(known)
            ):
                return known
        return None

    def judge(self, known: KnownSnapshot, ciphertext: bytes) -> None:
        """Endorse another's snapshot, or object to it; keep one that is what it says."""
        core, snapshot = self._core, known.snapshot
        key = core.epoch_keys.get(snapshot.epoch)
        self.judged.add(snapshot.id)
        if key is not None and core.member is not None:
            self.workbench.start(lambda hands: self._judge(hands, known, ciphertext, key))

    async def _judge(
        self, hands: Hands, known: KnownSnapshot, ciphertext: bytes, key: EpochKey
    ) -> None:
        core, snapshot = self._core, known.snapshot
        try:
            content = await hands.do(lambda: open_snapshot(known.statement, ciphertext, key))
            theirs = await changes_in(
                content, hands, actor=core.feed, merge_kinds=self._merge_kinds
            )
            if core.member is None or not holds_all_of(core, snapshot):
                self.judged.discard(snapshot.id)
                return
            check_content(core, self.recent, snapshot, content, theirs, pending=self._pending())
        except StoreError:
            raise
        except CommitMismatch as error:
            # These are not the bytes that the author signed: it is the server's doing.
            core.tell(Warned(error))
        except BillfoldError as error:
            self._say(known, Judgement.OBJECTED, error)
        else:
            self._foundation.keep(snapshot.id, ciphertext)
            if not known.is_resting:
                self._say(known, Judgement.ENDORSED, None)

    def stand_on_due(self) -> None:
        """Forget the entries that the snapshot covers which the server rests on, if it is time.

        No commit may be under way.
        """
        core, kept = self._core, self._foundation.kept
        for known in self._known.values():
            snapshot = known.snapshot
            if snapshot.id not in kept or not known.is_resting:
                continue
            if core.now_ms() - kept[snapshot.id] < self._grace_ms(snapshot):
                continue
            if not (self._may_stand_on(known) and self.is_vouched(known)):
                continue
            openings = openings_of(core, snapshot.covered)
            self._foundation.stand_on(known.statement, openings, known.endorsements.values())
            core.graph.stand_on(base_heads(snapshot))
            core.write(
                *(ForgetEntries(feed, covered.seq) for feed, covered in snapshot.covered.items())
            )
            return

    def is_vouched(self, known: KnownSnapshot) -> bool:
        """Whether somebody stands by a snapshot, or nobody could."""
        core, snapshot = self._core, known.snapshot
        # What is pruned on one cannot be had otherwise, though its endorser may have left.
        stands_by = was_endorsed if known.is_resting else is_endorsed
        return stands_by(snapshot, known.endorsements.keys(), core.chain) or was_alone(
            snapshot, core.chain
        )

    def is_behind(self, snapshot: Snapshot) -> bool:
        """Whether this replica's own base covers something that a snapshot does not."""
        base = self._core.base
        covered = snapshot.covered
        return base is not None and any(
            feed not in covered or covered[feed].seq < one.seq for feed, one in base.covered.items()
        )

    def warn(self, known: KnownSnapshot, error: BillfoldError) -> None:
        """Let the person be told whose snapshot is not used, and why."""
        author = short(known.snapshot.author)
        named = SnapshotMismatch(
            f"the snapshot that device {author} made is not used: {error}; "
            "nothing is lost, the entries themselves are used instead"
        )
        named.__cause__ = error
        self.found.append((known.snapshot.id, named))

    def _may_stand_on(self, known: KnownSnapshot) -> bool:
        """Whether all that a snapshot covers is here, counts, and is not forgotten already."""
        core, snapshot = self._core, known.snapshot
        if (
            self.is_behind(snapshot)
            or self._is_taken_on_trust(snapshot)
            # Of a forked feed both branches are held: they prove who forked it.
            or any(core.graph.is_forked(feed) for feed in core.graph.vector)
        ):
            return False
        try:
            return holds_all_of(core, snapshot)
        except SnapshotMismatch:
            return False

    def _grace_ms(self, snapshot: Snapshot) -> int:
        core = self._core
        is_alone = not judges_of(snapshot.author, core.chain, core.chain.state)
        return 1000 * (self.alone_s if is_alone else self.grace_s)

    def _say(self, known: KnownSnapshot, judgement: Judgement, error: BillfoldError | None) -> None:
        core = self._core
        self.judged.add(known.snapshot.id)
        verdict = Verdict(
            judgement=judgement,
            wallet_id=core.wallet_id,
            snapshot=known.snapshot.id,
            device=core.device_id,
            time_s=max(0, core.now_ms() // 1000),
        )
        raw = verdict.sign(core.secrets.signing_key)
        if judgement is Judgement.ENDORSED:
            known.endorsements[core.device_id] = raw
        core.journal.sends.append(Judge(wallet_id=core.wallet_id, judgement=judgement, verdict=raw))
        if error is not None:
            self.declined.add(known.snapshot.id)
            self.warn(known, error)

    def _is_taken_on_trust(self, snapshot: Snapshot) -> bool:
        """Whether this device has what a snapshot covers from another snapshot only."""
        base = self._core.base
        return base is not None and all(
            feed in base.covered and base.covered[feed].seq >= one.seq
            for feed, one in snapshot.covered.items()
        )

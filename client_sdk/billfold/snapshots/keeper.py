"""When a replica makes a snapshot, begins with one, and judges those of others.

What is said of a snapshot goes out after the commit that it rests on. Stored entries are read
with those of the last commit, which may be under way.

Spec: 16-snapshots.md
"""

from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial

from billfold.bases import Openings
from billfold.core import Core
from billfold.document import Document, MergeKinds
from billfold.events import RecordsChanged, SnapshotLoaded, Warned
from billfold.inbox import Inbox
from billfold.outbox import Outbox
from billfold.snapshots.adoption import adopt
from billfold.snapshots.content import content_of, cover_of, document_of
from billfold.snapshots.foundation import Foundation
from billfold.snapshots.judging import Judging
from billfold.snapshots.known import KnownSnapshot
from billfold.snapshots.pace import Pace
from billfold.snapshots.workbench import LARGE_SIZE, Hands
from billfold.store import ForgetEntries
from billfold_protocol import limits
from billfold_protocol.crypto.signing import Verified
from billfold_protocol.errors import (
    BillfoldError,
    Equivocation,
    LimitExceeded,
    SnapshotMismatch,
    StoreError,
    UnknownEpoch,
)
from billfold_protocol.feed import Dep
from billfold_protocol.ids import SnapshotId
from billfold_protocol.messages import OfferSnapshot, WantSnapshot, Wish
from billfold_protocol.snapshot import (
    Snapshot,
)
from billfold_protocol.snapshot_sealing import SnapshotContent, open_snapshot, seal_snapshot


class Keeper:
    """One replica's snapshots."""

    def __init__(
        self,
        core: Core,
        inbox: Inbox,
        outbox: Outbox,
        merge_kinds: MergeKinds,
        meta: Mapping[str, bytes],
    ) -> None:
        """Take up where the store left off.

        Args:
            core: what the parts of the replica share.
            inbox: its receiving side.
            outbox: its sending side.
            merge_kinds: how fields merge.
            meta: the replica's named values.

        Raises:
            StoreDamaged: a value is not what it should be.
        """
        self._core = core
        self._inbox = inbox
        self._outbox = outbox
        self._merge_kinds = merge_kinds
        self.pace = Pace(core)
        self.known: dict[SnapshotId, KnownSnapshot] = {}
        self.foundation = Foundation(core, meta)
        self.judging = Judging(
            core,
            self.foundation,
            self.known,
            pending=self._pending_changes,
            merge_kinds=merge_kinds,
        )
        self._offered: tuple[Verified[Snapshot], bytes] | None = None
        self._is_making = False

    @property
    def offered(self) -> Verified[Snapshot] | None:
        """The own snapshot that is on its way to the server."""
        return None if self._offered is None else self._offered[0]

    def learn(self, known: KnownSnapshot) -> None:
        """Take note that the server holds a snapshot."""
        newest = max((k.entries_count for k in self.known.values()), default=-1)
        self.known[known.snapshot.id] = known
        if known.entries_count > newest:
            self.pace.count_anew()
        if known.is_resting:
            self._acknowledge(known.snapshot)

    def forget(self, snapshot_id: SnapshotId) -> None:
        """Take note that the server holds a snapshot no more."""
        self.known.pop(snapshot_id, None)

    def connected(self, told: Collection[SnapshotId]) -> None:
        """Take note of what a server has told of that was asked again: it may have lost some."""
        self.judging.judged.clear()
        gone = [id_ for id_ in self.known if id_ not in told]
        if gone and len(told) < limits.SNAPSHOTS_TOLD_COUNT:
            for id_ in gone:
                del self.known[id_]
            self.pace.count_anew()

    def is_acceptable(self, known: KnownSnapshot) -> bool:
        """Whether this device may begin with a snapshot: somebody stands by it, or nobody could."""
        judging = self.judging
        return (
            known.snapshot.id not in judging.declined
            and judging.is_vouched(known)
            and not judging.is_behind(known.snapshot)
        )

    def is_needed(self, snapshot: Snapshot) -> bool:
        """Whether a snapshot covers an entry that is not here."""
        here = self._core.graph.vector
        return any(
            feed not in here or here[feed][0] < covered.seq
            for feed, covered in snapshot.covered.items()
        )

    def decline(self, known: KnownSnapshot) -> None:
        """Do not begin with a snapshot; ask for another."""
        declined_ids = self.judging.declined
        declined_ids.add(known.snapshot.id)
        core = self._core
        declined = tuple(sorted(declined_ids))[: limits.SNAPSHOTS_DECLINED_COUNT_MAX]
        wish = Wish(declined=declined)
        core.journal.sends.append(WantSnapshot(wallet_id=core.wallet_id, snapshot=None, wish=wish))

    def part(self, snapshot_id: SnapshotId, offset: int) -> bytes | None:
        """Return bytes of the own snapshot that the server asks for; None when it has all."""
        if self._offered is None or self._offered[0].value.id != snapshot_id:
            return None
        statement, ciphertext = self._offered
        if offset < len(ciphertext):
            return ciphertext[offset : offset + limits.SNAPSHOT_PART_SIZE]
        self._offered = None
        self.foundation.keep(snapshot_id, ciphertext)
        self.learn(KnownSnapshot(statement))
        return None

    def refused(self, snapshot_id: SnapshotId) -> bool:
        """Take note that the server refused a snapshot; False if it is none of this device's."""
        if self._offered is None or self._offered[0].value.id != snapshot_id:
            return False
        self._offered = None
        self.pace.rest()
        return True

    def offer_again(self) -> OfferSnapshot | None:
        """Return the offer of an own snapshot that no connection has brought to its end."""
        if self._offered is None:
            return None
        return OfferSnapshot(wallet_id=self._core.wallet_id, statement=self._offered[0].raw)

    def prepare(self, *, is_live: bool) -> None:
        """Make a snapshot if one is due; call it when everything else of a commit is noted.

        Raises:
            StoreDamaged: this device's own entries cannot be read.
        """
        self.pace.note_commit()
        self.judging.recent.note()
        self.judging.stand_on_due()
        if not is_live or self._is_making or self._offered is not None or not self._may_make():
            return
        if self.pace.is_due(max(self.known.values(), key=_entries_count, default=None)):
            self._is_making = True
            self.pace.begin_again()
            self.judging.workbench.start(self._make_one)

    @property
    def is_current(self) -> bool:
        """Whether the server holds a snapshot of all that is here, with which others may begin."""
        count = self._entries_count
        return any(
            known.entries_count == count and self.is_acceptable(known)
            for known in self.known.values()
        )

    def make_now(self) -> None:
        """Make a snapshot with the next `prepare` though it is not due, unless there is one."""
        count = self._entries_count
        if all(known.entries_count != count for known in self.known.values()):
            self.pace.hurry()

    @property
    def _entries_count(self) -> int:
        """How many entries count here."""
        return sum(dep.seq + 1 for dep in self._core.graph.counted_heads)

    def adopt(self, known: KnownSnapshot, ciphertext: bytes, then: Callable[[], None]) -> None:
        """Begin with a snapshot, or go on with it; ask for another if it is not what it says.

        Args:
            known: the snapshot.
            ciphertext: its bytes.
            then: is called when it is done, one way or the other.
        """
        self.judging.workbench.start(
            lambda hands: self._adopt(hands, known, ciphertext, then), is_awaited=True
        )

    async def _adopt(
        self, hands: Hands, known: KnownSnapshot, ciphertext: bytes, then: Callable[[], None]
    ) -> None:
        core, snapshot = self._core, known.snapshot
        try:
            key = core.epoch_keys.get(snapshot.epoch)
            if key is None:
                raise UnknownEpoch("the snapshot is of an epoch whose key is not here")
            content = await hands.do(lambda: open_snapshot(known.statement, ciphertext, key))
            document, pending = await self._opened(hands, content)
            outcome = adopt(
                core, self.judging.recent, known.statement, content, document, pending=pending
            )
        except StoreError:
            raise
        except BillfoldError as error:
            self.judging.warn(known, error)
            self.decline(known)
        else:
            self._stand_on(known, content.openings, ciphertext)
            self._inbox.settle(outcome)
            core.tell(SnapshotLoaded(entries_count=known.entries_count))
            core.tell(RecordsChanged(fields=frozenset(), device=None, is_local=False))
        then()

    async def _opened(
        self, hands: Hands, content: SnapshotContent
    ) -> tuple[Document, tuple[bytes, ...]]:
        """Return a snapshot's document with the edits on top that no entry carries yet."""
        core, kinds = self._core, self._merge_kinds
        while True:
            feed, pending = core.feed, self._pending_changes()
            opening = partial(document_of, content, pending, actor=feed, merge_kinds=kinds)
            try:
                document = await hands.do(opening)
            except BillfoldError as error:
                raise SnapshotMismatch("the snapshot holds no document") from error
            if (feed, pending) == (core.feed, self._pending_changes()):
                return document, pending

    def _stand_on(self, known: KnownSnapshot, openings: Openings, ciphertext: bytes) -> None:
        core, snapshot = self._core, known.snapshot
        self.foundation.keep(snapshot.id, ciphertext)
        self.foundation.stand_on(known.statement, openings, known.endorsements.values())
        core.write(
            *(
                ForgetEntries(feed, covered.seq)
                for feed, covered in snapshot.covered.items()
                if core.graph.first_held(feed) == covered.seq + 1
            )
        )
        for feed, covered in snapshot.covered.items():
            if feed in core.own_feeds:
                self._outbox.covered(feed, covered.seq)

    def _acknowledge(self, snapshot: Snapshot) -> None:
        """Take own entries as acknowledged that were pruned before the ack had come.

        The id of the last one covered names all that come before it in the feed.
        """
        core = self._core
        for feed in sorted(snapshot.covered.keys() & core.own_feeds):
            covered = snapshot.covered[feed]
            if core.graph.vector.get(feed, (-1, b""))[0] < covered.seq:
                continue
            with suppress(Equivocation):
                if core.graph.find(Dep(feed, covered.seq, covered.id)) is not None:
                    self._outbox.covered(feed, covered.seq)

    def _pending_changes(self) -> tuple[bytes, ...]:
        """The changes in the document that no entry carries yet."""
        if self._core.is_reader:
            return ()
        return tuple(pending.change for pending in self._outbox.pending)

    def _may_make(self) -> bool:
        core, outbox = self._core, self._outbox
        return (
            core.may_write
            and core.epoch_key is not None
            and outbox.pending_count == 0
            and outbox.unacked_count == 0
            and core.graph.waiting_count == 0
            and self._inbox.unopened_count == 0
            and bool(core.graph.vector)
        )

    async def _make(self, hands: Hands) -> None:
        """Make a snapshot of what is here now; what comes meanwhile is in the next one."""
        core = self._core
        key, state, cover, time_ms = core.epoch_key, core.chain.state, cover_of(core), core.now_ms()
        assert key is not None
        kept = core.document.kept
        if len(kept) < LARGE_SIZE:
            content = content_of(core)
        else:
            content = content_of(core, b"")
            if content is not None:
                content = replace(content, saved=await self._saved(hands, kept))
        if content is None:
            self.pace.count_anew()
            return
        sealing = partial(
            seal_snapshot,
            content,
            cover,
            maker=core.secrets.maker,
            state=state,
            key=key,
            time_s=max(0, time_ms // 1000),
            random=core.random,
        )
        try:
            statement, ciphertext = await hands.do(sealing)
        except LimitExceeded as error:
            self.pace.give_up()
            core.tell(Warned(error))
            return
        if not core.may_write:
            return
        self._offered = (statement, ciphertext)
        core.journal.sends.append(OfferSnapshot(wallet_id=core.wallet_id, statement=statement.raw))

    async def _saved(self, hands: Hands, kept: bytes) -> bytes:
        """Return a document in its shortest form."""
        saved = await hands.apart("save", kept)
        if saved is None:
            feed, kinds = self._core.feed, self._merge_kinds
            opening = partial(Document.load, kept, actor=feed, merge_kinds=kinds)
            saved = await hands.do(lambda: opening().save())
        return saved

    async def _make_one(self, hands: Hands) -> None:
        try:
            await self._make(hands)
        finally:
            self._is_making = False


def _entries_count(known: KnownSnapshot) -> int:
    return known.entries_count

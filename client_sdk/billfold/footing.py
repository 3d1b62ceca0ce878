"""The footing on which a replica writes: what it does when cuts, its rights or its feed change.

    writer ──loses the right──► reader: rebuilt without what does not count
       ▲                           │
       └───────right comes back────┘ what was made before is shown and vouched for

    own feed ──another copy writes it──► leaving ──store opened anew──► new feed, opened as an alarm
    builds on a fork's branch that falls ──► rebuilt; own edits are made anew in a new feed

    own feed ──store restored──────────► new feed, opened once caught up

Spec: 15-feeds.md
"""

from collections.abc import Sequence

from billfold.core import Core
from billfold.device import DeviceSecrets
from billfold.document import MergeKinds
from billfold.events import RecordsChanged
from billfold.inbox import Inbox
from billfold.outbox import Outbox
from billfold.pending import Pending
from billfold.rebuilding import edits_in, fallen_edits, rebuild_document
from billfold.reexpressing import drop_what_came, express_again
from billfold.restoring import leave_feed
from billfold.store import DropEntry, MarkAcked
from billfold_protocol.feed import FEED_SALT_SIZE, Dep, Entry
from billfold_protocol.ids import EntryId


class Footing:
    """What one replica may write, and in which feed."""

    def __init__(
        self,
        core: Core,
        inbox: Inbox,
        outbox: Outbox,
        merge_kinds: MergeKinds,
        *,
        is_elsewhere: bool,
    ) -> None:
        """Begin, and do what the store left to be done.

        Args:
            core: what the parts of the replica share.
            inbox: its receiving side.
            outbox: its sending side.
            merge_kinds: how fields merge.
            is_elsewhere: whether what waits in the outbox was made in another feed.
        """
        self._core, self._inbox, self._outbox = core, inbox, outbox
        self._merge_kinds = merge_kinds
        self._is_elsewhere = is_elsewhere
        self._is_set_back = core.is_reader
        """Whether the document lacks what this device made and what does not count now."""

        self._is_rebuild_due = False
        self._fallen: list[Pending] = []
        """Own edits that a fork took while this device might not write."""

        self.is_leaving = False
        """Whether another copy of this device writes its feed: the replica opens anew after the
        next commit, with a feed of its own."""

        self.settle()
        self.rebuild_if_needed()
        self._express_again_if_needed()

    def settle(self) -> None:
        """Do what a cut asks of a device that had applied entries beyond it.

        A writer vouches for them; anyone else stops counting them and rebuilds, with the next
        `rebuild_if_needed`. A device that was itself revoked keeps everything as it is, so that
        its edits can be exported.
        """
        core = self._core
        if core.successor is not None and core.successor.device_id in core.chain.state.members:
            self._go_on_as(core.successor)
        self._is_rebuild_due = core.is_reader
        if not core.may_write:
            return
        if has_fallen(core):
            core.is_rebuild_due = True
        if core.is_rebuild_due:
            return  # What counts is not in the document yet, nor perhaps a feed to vouch in.
        base = self._outbox.base
        own = () if base is None else core.graph.excluded_under(base)
        if self._is_set_back:
            # The right to write has come back, and with it what was made before it was lost:
            # the next own entry builds on that, and so does the document from now on.
            self._is_set_back = False
            self._inbox.take_back(own)
            if not self._is_elsewhere:
                pending = [edit.change for edit in self._outbox.pending]
                core.document.apply(pending, feed=core.feed)
            self._express_again_if_needed()
        if core.epoch_key is not None and (own or core.graph.cut_off()):
            self._outbox.vouch()

    def rebuild_if_needed(self) -> None:
        """Stop showing what does not count: a reader by a cut, anyone by a fork.

        No commit may be under way.

        Raises:
            StoreDamaged: an entry is missing from the store, or damaged.
        """
        core = self._core
        if core.is_rebuild_due and core.may_write:
            self._follow_fork()
        elif core.is_reader and (self._is_rebuild_due or core.is_rebuild_due):
            self._rebuild_as_reader()

    def _rebuild_as_reader(self) -> None:
        core = self._core
        self._is_rebuild_due = False
        lost = core.graph.cut_off()
        is_whole = self._is_set_back or self._outbox.pending_count == 0
        if not lost and not core.is_rebuild_due and is_whole:
            return
        self._fallen += fallen_edits(core)
        core.is_rebuild_due = False
        changes = [*self._pending_changes(), *(one.change for one in self._fallen)]
        rebuild_document(core, lost, self._merge_kinds, pending=changes)
        self._is_set_back = True
        core.tell(RecordsChanged(fields=frozenset(), device=None, is_local=False))

    def _follow_fork(self) -> None:
        """Show the branch that stands, and make anew what this device had built on another."""
        core = self._core
        fallen = [*self._fallen, *fallen_edits(core)]
        self._fallen.clear()
        if has_fallen(core) and not self.is_leaving:
            self._outbox.begin_feed()
        core.is_rebuild_due = self._is_elsewhere = False
        # What was taken back is in no entry any more, and in the document still.
        changes = [*self._pending_changes(), *(one.change for one in fallen)]
        rebuild_document(core, (), self._merge_kinds, pending=changes)
        express_again(core, self._outbox, [*fallen, *self._outbox.pending])
        core.tell(RecordsChanged(fields=frozenset(), device=None, is_local=False))
        self.settle()

    def _pending_changes(self) -> list[bytes]:
        return [edit.change for edit in self._outbox.pending]

    @property
    def may_seal(self) -> bool:
        """Whether entries may be sealed in the present feed."""
        core = self._core
        return core.may_write and core.epoch_key is not None and not self.is_leaving

    def before_sealing(self) -> None:
        """Do what comes before other entries, now that all that the server holds is here.

        No commit may be under way.

        Raises:
            StoreDamaged: stored bytes fail their checks.
        """
        if not self._outbox.is_opened:
            drop_what_came(self._core, self._outbox, self._merge_kinds)
        self._outbox.vouch_if_due()

    def after_sealing(self) -> None:
        """Show what counts again since the present feed was opened on top of it."""
        recounted = self._outbox.recounted
        if recounted:
            self._outbox.recounted = []
            self._inbox.take_back(recounted)

    def leave_feed(self, alien: Entry) -> None:
        """Note that the next opening goes on in a new feed, which follows what was still ours."""
        if self.is_leaving:
            return
        self.is_leaving = True
        core, base = self._core, self._outbox.base
        if base is not None and base.feed == core.feed and base.seq >= alien.seq:
            before = alien.prev
            base = Dep(core.feed, alien.seq - 1, before) if isinstance(before, bytes) else None
        core.write(*leave_feed(core.random(FEED_SALT_SIZE), base))
        self._withdraw(self._outbox.unacked_of(core.feed, alien.seq))

    def _go_on_as(self, successor: DeviceSecrets) -> None:
        """Go on with the new keys that another member has confirmed.

        The feeds of the old keys are another device's from now on. What no server has promised to
        hold is made anew; the document is built again, as that of the first feed of the new keys.
        """
        core, outbox = self._core, self._outbox
        feeds = sorted(core.own_feeds, key=lambda feed: (feed == core.feed, feed))
        self._withdraw([dep for feed in feeds for dep in outbox.unacked_of(feed, 0)])
        outbox.begin_as(successor)
        # What waits was made for another feed; a reader makes it anew once it may write again.
        self._is_elsewhere = core.is_rebuild_due = True

    def refused_as_fork(self, ids: Sequence[EntryId]) -> None:
        """Take note that a server holds other entries at the places of own ones of a feed before.

        It never takes them, so they are made anew. Those of the present feed wait: the server
        shows what it holds there, and that feed is left.
        """
        core = self._core
        for feed in core.own_feeds - {core.feed}:
            entries = self._outbox.unacked_of(feed, 0)
            places = [index for index, dep in enumerate(entries) if dep.id in ids]
            if places:
                self._withdraw(entries[places[0] :])

    def _withdraw(self, entries: Sequence[Dep]) -> None:
        """Take own entries back that no server will give to others, and make their edits anew."""
        core = self._core
        if not entries:
            return
        edits = [] if core.is_rebuild_due else edits_in(core, entries)
        outcome = None if core.is_rebuild_due else core.graph.withdraw(entries)
        self._outbox.give_up(entries)
        if outcome is None:
            # Somebody has them: they are given to others as anybody's.
            core.write(*(MarkAcked(dep.feed, dep.seq) for dep in entries))
            return
        core.write(*(DropEntry(*dep) for dep in entries))
        self._fallen += edits
        core.is_rebuild_due = True
        self._inbox.settle(outcome)

    def _express_again_if_needed(self) -> None:
        """Make what waits in the outbox anew, if it was made in another feed."""
        if self._is_elsewhere and self._core.may_write:
            self._is_elsewhere = False
            express_again(self._core, self._outbox, self._outbox.pending)


def has_fallen(core: Core) -> bool:
    """Whether something of the present feed is set aside: the device goes on in a new one then."""
    return any(core.graph.is_set_aside(end) for end in core.graph.ends_of(core.feed))

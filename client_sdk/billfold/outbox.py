"""This device's own feed: edits that wait to be sealed, entries that wait to be acknowledged.

    edit ──► pending ──seal──► unacked ──push──► in flight ──ack──► done
                                  ▲                  │
                                  └──refused, lost───┘     sealed again first under a new epoch

A pending edit and an unacked entry are both in the store, so that neither a crash nor a server
can lose them. A sequence number is never used for another body.

Spec: 21-sync.md
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from billfold.core import Core
from billfold.device import DeviceSecrets
from billfold.document import Edit
from billfold.entry_writes import counts_now, own_put
from billfold.founding import (
    COPIED_KEY,
    DEVICE_KEY,
    NAMED_KEY,
    PREVIOUS_FEED_KEY,
    RESTORED_KEY,
    SUCCESSOR_KEY,
    new_feed,
    parse_named,
    parse_previous,
)
from billfold.journal import PushDue
from billfold.pending import Pending
from billfold.store import (
    AppendChanges,
    DeleteMeta,
    DropPending,
    MarkAcked,
    PendingEdit,
    PutMeta,
    PutPending,
)
from billfold_protocol import codec, limits
from billfold_protocol.crypto.signing import Verified
from billfold_protocol.envelope import Content, Place
from billfold_protocol.feed import FEED_SALT_SIZE, Dep, Entry, Opening, feed_id, parse_entry
from billfold_protocol.ids import EntryId, FeedId


@dataclass(slots=True)
class Unacked:
    """An own entry that the server has not promised to hold."""

    entry: Entry
    raw: bytes
    is_in_flight: bool = False


class Outbox:
    """The sending side of a replica."""

    def __init__(
        self,
        core: Core,
        *,
        pending: Sequence[PendingEdit],
        meta: Mapping[str, bytes],
    ) -> None:
        """Take up where the store left off.

        Args:
            core: what the parts of the replica share.
            pending: edits that no entry carries yet.
            meta: the replica's named values.

        Raises:
            StoreDamaged: a value is not what it should be.
        """
        self._core = core
        self._pending = deque(map(Pending.read, pending))
        self._position = self._stored_position = pending[-1].position if pending else 0
        self._named = parse_named(meta.get(NAMED_KEY))
        """The newest sequence number of each other feed that this feed has named."""

        self._previous = parse_previous(meta.get(PREVIOUS_FEED_KEY))
        """The head of this device's feed before this one, if there was one."""

        self._is_restored = RESTORED_KEY in meta
        """Whether that feed may have grown since; then this one is opened when everything that
        the server holds is here."""

        self._is_copied = COPIED_KEY in meta
        if self._is_copied:
            # The person was told when it was found.
            core.succession.suspect(core.device_id)
        self._is_vouch_due = False
        self._unstored: list[Pending] = []
        self._unacked: dict[EntryId, Unacked] = {}
        self.recounted: list[Verified[Entry]] = []
        """Entries of a feed before, which count again since this feed was opened."""

        # What was sealed in a feed before goes first: the present one builds on it.
        for feed in sorted(core.own_feeds, key=lambda feed: (feed == core.feed, feed)):
            for local in core.store.unacked(feed):
                entry = parse_entry(local.raw, core.wallet_id).value
                self._unacked[entry.id] = Unacked(entry, local.raw)

    @property
    def pending_count(self) -> int:
        """How many edits no entry carries yet."""
        return len(self._pending)

    @property
    def pending(self) -> tuple[Pending, ...]:
        """The edits that no entry carries yet, in order."""
        return tuple(self._pending)

    @property
    def unacked_count(self) -> int:
        """How many own entries the server has not acknowledged."""
        return len(self._unacked)

    @property
    def unacked_raws(self) -> list[bytes]:
        """The own entries that the server has not acknowledged, in order."""
        return [unacked.raw for unacked in self._unacked.values()]

    @property
    def first_unacked(self) -> dict[FeedId, Entry]:
        """The oldest entry of each own feed that the server has not acknowledged."""
        first: dict[FeedId, Entry] = {}
        for unacked in self._unacked.values():
            first.setdefault(unacked.entry.feed, unacked.entry)
        return first

    @property
    def is_opened(self) -> bool:
        """Whether the present feed has an entry."""
        return self._core.graph.device_of(self._core.feed) is not None

    @property
    def base(self) -> Dep | None:
        """The own entry that the next one continues, in this feed or the one before."""
        core = self._core
        head = core.graph.head_of(core.feed)
        if head is not None:
            return head
        before = self._previous
        if self._is_restored:
            before = core.succession.head_before(core.device_id, before)
        if before is None or not core.graph.is_set_aside(before):
            return before
        counted = core.graph.feeds_of([core.device_id]).get(before.feed)
        return None if counted is None else Dep(before.feed, *counted)

    @property
    def is_alarm_due(self) -> bool:
        """Whether the other devices must be told that a copy of this one is alive.

        By opening a feed when another copy wrote the one before, or by one more entry when another
        copy followed this feed: either shows it to everybody.
        """
        core = self._core
        if not self.is_opened:
            return self._is_copied
        is_followed = core.succession.is_followed(core.feed)
        return is_followed and core.device_id not in core.succession.copied

    @property
    def in_flight_count(self) -> int:
        """How many own entries were pushed and not answered."""
        return sum(unacked.is_in_flight for unacked in self._unacked.values())

    def add(self, change: bytes, edits: Sequence[Edit]) -> None:
        """Take a local change and what it was to do; it goes to the store with the next commit."""
        self._position += 1
        pending = Pending(position=self._position, change=change, intents=edits)
        self._pending.append(pending)
        self._unstored.append(pending)

    def store_pending(self) -> None:
        """Note the edits that were neither sealed nor stored yet, for the store."""
        if self._unstored:
            self._stored_position = self._unstored[-1].position
            self._core.write(*(PutPending(pending.stored()) for pending in self._unstored))
            self._unstored.clear()

    def express_again(self, pending: Sequence[Pending]) -> None:
        """Put other changes in the place of those that no entry carries yet."""
        if self._pending:
            self._core.write(DropPending(self._pending[-1].position))
        self._unstored.clear()
        self._pending = deque(pending)
        self._position = self._stored_position = pending[-1].position if pending else 0
        self._core.write(*(PutPending(one.stored()) for one in pending))

    def begin_feed(self) -> None:
        """Go on in a new feed, which follows what counts of the old one.

        Entries of the old one are pushed as they are: they speak for the branch that they are on.
        """
        core, before = self._core, self._previous
        counted = core.graph.feeds_of([core.device_id]).get(core.feed)
        self._begin(before if counted is None else Dep(core.feed, *counted))

    def begin_as(self, successor: DeviceSecrets) -> None:
        """Go on as a device with other keys, in its first feed; nothing may be unacknowledged."""
        core = self._core
        core.secrets, core.successor = successor, None
        core.own_feeds.clear()
        # A restored copy may have had these keys before, and a feed of theirs.
        self._is_copied = self._is_vouch_due = False
        core.write(PutMeta(DEVICE_KEY, successor.encode()))
        core.write(DeleteMeta(SUCCESSOR_KEY), DeleteMeta(COPIED_KEY))
        self._begin(None)

    def _begin(self, previous: Dep | None) -> None:
        core = self._core
        self._previous, self._named = previous, {}
        core.feed_salt = core.random(FEED_SALT_SIZE)
        core.feed = feed_id(core.device_id, core.feed_salt)
        core.own_feeds.add(core.feed)
        core.write(*new_feed(core.feed_salt, previous))

    def seal(self, size_max: int) -> bool:
        """Seal as many pending edits as fit into one entry; False if there is nothing to seal.

        The epoch's key must be here and this device allowed to write.
        """
        changes: list[bytes] = []
        size, first, last = 64, self._position + 1, 0
        while self._pending and len(changes) < limits.CHANGES_COUNT_MAX:
            size += len(self._pending[0].change) + 8
            if changes and size > size_max:
                break
            edit = self._pending.popleft()
            changes.append(edit.change)
            first, last = min(first, edit.position), edit.position
        if not changes:
            return False
        self._unstored = [pending for pending in self._unstored if pending.position > last]
        self._append(tuple(changes))
        if first <= self._stored_position:
            self._core.write(DropPending(last))
        self._core.write(AppendChanges(tuple(changes)))
        return True

    def vouch(self) -> None:
        """Append an entry without changes, which names all heads of other feeds.

        A feed of a restored copy is opened later, by `vouch_if_due`.
        """
        if self._is_restored:
            self._is_vouch_due = True
        else:
            self._append(())

    def vouch_if_due(self) -> None:
        """Append an entry without changes, if one is due; all that the server holds is here."""
        if self._is_vouch_due or self.is_alarm_due:
            self._append(())

    def due(self, room: int) -> None:
        """Note for sending what is not in flight and fits into the credit.

        What was sealed for an older epoch is sealed again first.

        The epoch's key must be here and this device allowed to write.
        """
        batch: list[tuple[EntryId, bytes]] = []
        size = 0
        for unacked in self._unacked.values():
            if unacked.is_in_flight:
                continue
            if unacked.entry.epoch != self._core.chain.state.epoch.id:
                self._reseal(unacked)
            if size + len(unacked.raw) > room:
                break
            if size + len(unacked.raw) > limits.BATCH_SIZE_MAX or (
                len(batch) == limits.BATCH_COUNT_MAX
            ):
                self._core.journal.sends.append(PushDue(tuple(batch)))
                room -= size
                batch, size = [], 0
            unacked.is_in_flight = True
            batch.append((unacked.entry.id, unacked.raw))
            size += len(unacked.raw)
        if batch:
            self._core.journal.sends.append(PushDue(tuple(batch)))

    def acked(self, ids: Sequence[EntryId]) -> Dep | None:
        """Take note that entries are durable on the server; return the newest of this feed."""
        acked = [item.entry for id_ in ids if (item := self._unacked.pop(id_, None)) is not None]
        if not acked:
            return None
        # Acks may come in any order; the store keeps how far all are there.
        first, vector = self.first_unacked, self._core.graph.vector
        for feed in {entry.feed for entry in acked}:
            last = first[feed].seq - 1 if feed in first else vector[feed][0]
            if last >= 0:
                self._core.write(MarkAcked(feed, last))
        own = [entry for entry in acked if entry.feed == self._core.feed]
        newest = max(own, key=lambda entry: entry.seq, default=None)
        return None if newest is None else Dep(newest.feed, newest.seq, newest.id)

    def covered(self, feed: FeedId, seq: int) -> None:
        """Take note that own entries of a feed up to `seq` are in a snapshot that rests."""
        entries = [unacked.entry for unacked in self._unacked.values()]
        self.acked([entry.id for entry in entries if entry.feed == feed and entry.seq <= seq])

    def unacked_of(self, feed: FeedId, from_seq: int) -> list[Dep]:
        """Return the own entries of a feed from a place on that are not acknowledged, in order."""
        entries = [unacked.entry for unacked in self._unacked.values()]
        return [
            Dep(feed, entry.seq, entry.id)
            for entry in entries
            if entry.feed == feed and entry.seq >= from_seq
        ]

    def give_up(self, entries: Sequence[Dep]) -> None:
        """Push own entries no more."""
        for dep in entries:
            self._unacked.pop(dep.id, None)

    def lost(self, ids: Sequence[EntryId] | None = None) -> bool:
        """Take note that entries must be sent again: some, or with None all of them.

        Returns whether any of them is an own one that is not acknowledged.
        """
        own = [id_ for id_ in (self._unacked if ids is None else ids) if id_ in self._unacked]
        for id_ in own:
            self._unacked[id_].is_in_flight = False
        return bool(own)

    def _append(self, changes: tuple[bytes, ...]) -> None:
        core = self._core
        key = core.epoch_key
        assert key is not None
        head = core.graph.head_of(core.feed)
        prev = Opening(core.device_id, core.feed_salt, self.base) if head is None else head.id
        previous = prev.previous if isinstance(prev, Opening) else None
        deps = tuple(
            dep
            for dep in core.graph.counted_heads
            if dep.feed != core.feed and dep.seq > self._named.get(dep.feed, -1) and dep != previous
        )[: limits.DEPS_COUNT_MAX]
        place = Place(
            feed=core.feed,
            seq=0 if head is None else head.seq + 1,
            prev=prev,
            deps=deps,
        )
        verified = core.secrets.sealer.seal(
            Content(changes=changes, time_ms=core.now_ms()),
            place,
            state=core.chain.state,
            key=key,
            random=core.random,
        )
        outcome = core.graph.append_own(verified, core.device_id)
        self._unacked[verified.value.id] = Unacked(verified.value, verified.raw)
        # What this device made before it had lost the right to write counts again by this entry.
        again = [entry for entry in outcome.counted if entry.value.id != verified.value.id]
        core.note_lost(outcome)
        core.write(*map(counts_now, again))
        core.note_entry(verified.value)
        self._is_vouch_due = False
        if head is None:
            self.recounted += again
            self._is_restored = False
            self._is_copied = False
            core.write(DeleteMeta(RESTORED_KEY), DeleteMeta(COPIED_KEY))
        core.write(own_put(core, verified))
        if deps:
            self._named.update((dep.feed, dep.seq) for dep in deps)
            named = [[feed, seq] for feed, seq in sorted(self._named.items())]
            core.write(PutMeta(NAMED_KEY, codec.encode(named)))

    def _reseal(self, unacked: Unacked) -> None:
        core = self._core
        key = core.epoch_key
        assert key is not None
        verified = core.secrets.sealer.reseal(
            unacked.entry,
            old_key=core.epoch_keys[unacked.entry.epoch],
            state=core.chain.state,
            key=key,
            random=core.random,
        )
        unacked.entry, unacked.raw = verified.value, verified.raw
        outcome = core.graph.resealed(verified)
        core.note_lost(outcome)
        core.write(*map(counts_now, outcome.counted), own_put(core, verified))
        self.recounted += outcome.counted

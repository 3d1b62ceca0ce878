"""This device's own feed: edits that wait to be sealed, entries that wait to be acknowledged.

    edit ──► pending ──seal──► unacked ──push──► in flight ──ack──► done
                                  ▲                  │
                                  └──refused, lost───┘     sealed again first under a new epoch

A pending edit and an unacked entry are both in the store, so that neither a crash nor a server
can lose them. A sequence number is never used for another body.

Spec: 21-sync.md
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from billfold.core import Core
from billfold.document import Edit
from billfold.founding import encode_intents
from billfold.journal import PushDue
from billfold.store import (
    AppendChanges,
    DropPending,
    EntryStatus,
    LocalEntry,
    MarkAcked,
    PendingEdit,
    PutEntry,
    PutMeta,
    PutPending,
    SetStatus,
)
from billfold_protocol import codec, limits
from billfold_protocol.envelope import Content, Place
from billfold_protocol.feed import Dep, Entry, Opening, parse_entry
from billfold_protocol.ids import EntryId, FeedId

NAMED_KEY = "named"
"""Which heads of other feeds this feed has named in `deps`."""


@dataclass(frozen=True, slots=True)
class _Pending:
    position: int
    change: bytes


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
        named: dict[FeedId, int],
        previous: Dep | None,
    ) -> None:
        """Take up where the store left off.

        Args:
            core: what the parts of the replica share.
            pending: edits that no entry carries yet.
            named: the newest sequence number of each other feed that this feed has named.
            previous: the head of this device's feed before this one, if there was one.
        """
        self._core = core
        self._pending = deque(_Pending(edit.position, edit.change) for edit in pending)
        self._position = pending[-1].position if pending else 0
        self._named = named
        self._opening = Opening(core.device_id, core.feed_salt, previous)
        self._unstored: list[tuple[_Pending, Sequence[Edit]]] = []
        self._unacked: dict[EntryId, Unacked] = {}
        for local in core.store.unacked(core.feed):
            entry = parse_entry(local.raw, core.wallet_id).value
            self._unacked[entry.id] = Unacked(entry, local.raw)

    @property
    def pending_count(self) -> int:
        """How many edits no entry carries yet."""
        return len(self._pending)

    @property
    def pending_changes(self) -> tuple[bytes, ...]:
        """The changes that no entry carries yet, in order."""
        return tuple(edit.change for edit in self._pending)

    @property
    def unacked_count(self) -> int:
        """How many own entries the server has not acknowledged."""
        return len(self._unacked)

    @property
    def first_unacked(self) -> Entry | None:
        """The oldest own entry that the server has not acknowledged."""
        return next((unacked.entry for unacked in self._unacked.values()), None)

    @property
    def in_flight_count(self) -> int:
        """How many own entries were pushed and not answered."""
        return sum(unacked.is_in_flight for unacked in self._unacked.values())

    def add(self, change: bytes, edits: Sequence[Edit]) -> None:
        """Take a local change and what it was to do; it goes to the store with the next commit."""
        self._position += 1
        self._pending.append(_Pending(self._position, change))
        self._unstored.append((self._pending[-1], edits))

    def store_pending(self) -> None:
        """Note the edits that were neither sealed nor stored yet, for the store."""
        for pending, edits in self._unstored:
            intents = encode_intents(edits)
            self._core.write(PutPending(PendingEdit(pending.position, pending.change, intents)))
        self._unstored.clear()

    def seal(self, size_max: int) -> bool:
        """Seal as many pending edits as fit into one entry; False if there is nothing to seal.

        The epoch's key must be here and this device allowed to write.
        """
        changes: list[bytes] = []
        size, last = 64, 0
        while self._pending and len(changes) < limits.CHANGES_COUNT_MAX:
            size += len(self._pending[0].change) + 8
            if changes and size > size_max:
                break
            edit = self._pending.popleft()
            changes.append(edit.change)
            last = edit.position
        if not changes:
            return False
        self._unstored = [item for item in self._unstored if item[0].position > last]
        self._append(tuple(changes))
        self._core.write(DropPending(last), AppendChanges(tuple(changes)))
        return True

    def vouch(self) -> None:
        """Append an entry without changes, which names all heads of other feeds."""
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

    def acked(self, ids: Sequence[EntryId]) -> None:
        """Take note that entries are durable on the server."""
        if [id_ for id_ in ids if self._unacked.pop(id_, None) is not None]:
            # Acks may come in any order; the store keeps how far all are there.
            first = self.first_unacked
            head = self._core.graph.vector[self._core.feed][0]
            last = head if first is None else first.seq - 1
            if last >= 0:
                self._core.write(MarkAcked(self._core.feed, last))

    def lost(self, ids: Sequence[EntryId] | None = None) -> None:
        """Take note that entries must be sent again: some, or with None all of them."""
        for id_ in self._unacked if ids is None else ids:
            if id_ in self._unacked:
                self._unacked[id_].is_in_flight = False

    def _append(self, changes: tuple[bytes, ...]) -> None:
        core = self._core
        key = core.epoch_key
        assert key is not None
        head = core.graph.vector.get(core.feed)
        deps = tuple(
            dep
            for dep in core.graph.counted_heads
            if dep.feed != core.feed and dep.seq > self._named.get(dep.feed, -1)
        )[: limits.DEPS_COUNT_MAX]
        place = Place(
            feed=core.feed,
            seq=0 if head is None else head[0] + 1,
            prev=self._opening if head is None else head[1],
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
        core.write(
            *(
                SetStatus(entry.value.feed, entry.value.seq, EntryStatus.COUNTED)
                for entry in outcome.counted
                if entry.value.id != verified.value.id
            )
        )
        core.write(_put(verified.value, verified.raw))
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
        core.graph.resealed(verified.value)
        core.write(_put(verified.value, verified.raw))


def _put(entry: Entry, raw: bytes) -> PutEntry:
    return PutEntry(
        LocalEntry(
            feed=entry.feed,
            seq=entry.seq,
            entry_id=entry.id,
            raw=raw,
            status=EntryStatus.COUNTED,
            is_acked=False,
        )
    )

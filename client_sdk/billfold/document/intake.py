"""Decides which changes of others go into the document, in what order, and which are set aside.

A change is applied when every change it builds on and its feed's previous one are. What it decides
depends only on the changes and on their order within each feed, never on how feeds interleave on
the way, so that all devices set the same changes aside:

- a change whose bytes are out of order is set aside alone;
- one that fails in its turn (it builds on one set aside, its counter does not follow, the library
  fails on it) is set aside with all that its feed says from its number on;
- of two with one number in one feed the first stands.

Spec: 40-wallet-document.md
"""

import hashlib
from collections.abc import Iterable, KeysView, Mapping
from dataclasses import dataclass

from billfold.document.changes import ParsedChange, hash_of, parse_change, parse_header
from billfold.document.limits import PENDING_COUNT_MAX, PENDING_SIZE_MAX
from billfold_protocol.errors import BillfoldError, LimitExceeded, Malformed, Quarantined


@dataclass(frozen=True, slots=True)
class SetAside:
    """A change of a member that is kept, but is not part of the document."""

    hash: bytes
    """32 bytes: the change's hash, or SHA-256 of bytes that are not a change."""

    raw: bytes
    actor: bytes | None
    """The feed it came in; None where that is not known."""

    stops_at: int | None
    """The number in that feed from which on everything is set aside; None if it is alone."""

    error: BillfoldError
    """Why: `Malformed`, `Quarantined`, `PeerPoison` or `LimitExceeded`."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Changes that may be applied together, dependencies first."""

    changes: tuple[ParsedChange, ...]
    heads: frozenset[bytes]
    """What the document's heads are afterwards."""

    covering: frozenset[bytes]
    """The hashes of the changes whose authors had seen all that comes before them."""

    def without(self, change: ParsedChange) -> "Batch":
        """Return the batch without one of its changes; its heads are those of the whole."""
        others = tuple(one for one in self.changes if one is not change)
        return Batch(others, self.heads, self.covering)


@dataclass(frozen=True, slots=True)
class Kept:
    """Changes that this device's own store had kept."""

    taken: list[bytes]
    """Those that the document had taken in, inflated, dependencies first."""

    others: list[bytes]
    """Those that waited, or of which that is not certain."""

    heads: set[bytes]
    """What the document's heads are after `taken`."""


class Intake:
    """Knows which changes the document has, which wait, and which are set aside."""

    def __init__(self) -> None:
        self._counters: dict[bytes, int] = {}
        self._heads: set[bytes] = set()
        self._applied_seq: dict[bytes, int] = {}
        self._waiting: dict[bytes, dict[int, list[ParsedChange]]] = {}
        self._waiting_hashes: set[bytes] = set()
        self._waiting_room: dict[bytes, tuple[int, int]] = {}
        self._set_aside: dict[bytes, SetAside] = {}
        self._stopped: dict[bytes, int] = {}

    @property
    def set_aside(self) -> Mapping[bytes, SetAside]:
        """All that is set aside, by hash."""
        return self._set_aside

    @property
    def waiting(self) -> tuple[ParsedChange, ...]:
        """The changes that wait for others, in order of feed and number."""
        return tuple(
            change
            for actor in sorted(self._waiting)
            for _, changes in sorted(self._waiting[actor].items())
            for change in changes
        )

    @property
    def missing(self) -> frozenset[bytes]:
        """The hashes of changes that the first waiting one of each feed builds on and we lack."""
        return frozenset(
            dependency
            for changes in self._waiting.values()
            for dependency in changes[min(changes)][0].dependencies
            if dependency not in self._counters and dependency not in self._waiting_hashes
        )

    @property
    def hashes(self) -> KeysView[bytes]:
        """The hashes of the changes that the document has."""
        return self._counters.keys()

    def has(self, change_hash: bytes) -> bool:
        """Tell whether the document has this change."""
        return change_hash in self._counters

    def reset(
        self, index: tuple[dict[bytes, int], dict[bytes, int]], heads: Iterable[bytes]
    ) -> None:
        """Take over which changes the document has; what waits or is set aside stays so.

        Args:
            index: every change's last counter by its hash, and the last number of every actor.
            heads: the hashes of the changes on which no other builds.
        """
        self._counters, self._applied_seq = index
        self._heads = set(heads)

    def sort_kept(self, changes: Iterable[bytes]) -> Kept:
        """Tell which changes of this device's own store the document had taken in.

        A change that is in its turn when it comes has been applied then, or set aside, unless too
        much of its feed waited. So after the first change of a feed that waits, nothing of that
        feed is taken as checked, nor what builds on it. Whoever calls this takes the others in.
        """
        known = set(self._counters)
        seqs = dict(self._applied_seq)
        heads = set(self._heads)
        taken: list[bytes] = []
        others: list[bytes] = []
        waiting: set[bytes] = set()
        for raw in changes:
            try:
                plain, change_hash, dependencies, actor, seq, _ = parse_header(raw)
            except (Malformed, LimitExceeded):
                others.append(raw)
                continue
            if change_hash in known or change_hash in self._set_aside:
                continue
            is_next = seq == seqs.get(actor, 0) + 1 and actor not in waiting
            is_stopped = actor in self._stopped and seq >= self._stopped[actor]
            if not is_next or is_stopped or not known.issuperset(dependencies):
                waiting.add(actor)
                others.append(raw)
                continue
            taken.append(plain)
            known.add(change_hash)
            seqs[actor] = seq
            heads.difference_update(dependencies)
            heads.add(change_hash)
        return Kept(taken, others, heads)

    def restore(self, items: Iterable[SetAside]) -> None:
        """Take over what was set aside before the wallet was last closed."""
        for item in items:
            self._put_aside(item)

    def next_seq(self, actor: bytes) -> int:
        """Return the number that an actor's next change has."""
        return self._applied_seq.get(actor, 0) + 1

    def note_own(self, change_hash: bytes, counter: int, actor: bytes, seq: int) -> None:
        """Record a change that this device has made on top of everything."""
        self._counters[change_hash] = counter
        self._applied_seq[actor] = seq
        self._heads = {change_hash}

    def receive(self, raw: bytes, feed: bytes | None) -> ParsedChange | SetAside | None:
        """Take in one change: it then waits, or is set aside, or is known already (None).

        Args:
            raw: the change's bytes.
            feed: the actor whose feed it came in; None takes the author that it names.

        Raises:
            LimitExceeded: too many changes of its feed wait; give it again later.
        """
        try:
            change = parse_change(raw)
        except (Malformed, Quarantined, LimitExceeded) as error:
            return self._put_aside(SetAside(hash_of(raw), raw, feed, None, error))
        if feed is not None and change.actor != feed:
            # Not by the change's own hash: the same change may stand in its author's feed, too.
            foreign_hash = hashlib.sha256(feed + raw).digest()
            reason = Quarantined("A change is by another author than the feed it came in.")
            return self._put_aside(SetAside(foreign_hash, raw, feed, None, reason))
        is_known = change.hash in self._counters or change.hash in self._waiting_hashes
        if is_known or change.hash in self._set_aside:
            return None
        if change.seq <= self._applied_seq.get(change.actor, 0):
            return self._put_aside(_rival(change))
        if change.seq >= self._stopped.get(change.actor, change.seq + 1):
            return self._put_aside(_follower(change))
        self._add_waiting(change)
        return change

    def take(self, count_max: int) -> tuple[Batch, tuple[SetAside, ...]]:
        """Take out the waiting changes whose turn has come; set aside those that fail in it.

        Give the batch to `applied`, `give_back` or `stop`.
        """
        counters: dict[bytes, int] = {}
        seqs: dict[bytes, int] = {}
        heads = set(self._heads)
        chosen: list[ParsedChange] = []
        covering: set[bytes] = set()
        refused: list[SetAside] = []
        is_moving = True
        while is_moving and len(chosen) < count_max:
            is_moving = False
            for actor, waiting in list(self._waiting.items()):
                seq = seqs.get(actor, self._applied_seq.get(actor, 0)) + 1
                while len(chosen) < count_max and seq in waiting:
                    change = waiting[seq][0]
                    try:
                        if not self._is_ready(change, counters):
                            break
                    except (Malformed, Quarantined) as error:
                        self._remove_waiting(change)
                        refused.extend(self.stop(change, error))
                        break
                    self._remove_waiting(change)
                    chosen.append(change)
                    counters[change.hash] = change.last_counter
                    heads.difference_update(change.dependencies)
                    if not heads:
                        covering.add(change.hash)
                    heads.add(change.hash)
                    seqs[actor] = seq
                    seq += 1
                    is_moving = True
        return Batch(tuple(chosen), frozenset(heads), frozenset(covering)), tuple(refused)

    def applied(self, batch: Batch) -> tuple[SetAside, ...]:
        """Record that the document has taken a batch in; return what is set aside because of it."""
        ousted: list[SetAside] = []
        for change in batch.changes:
            self._counters[change.hash] = change.last_counter
            self._applied_seq[change.actor] = change.seq
            for rival in tuple(self._waiting.get(change.actor, {}).get(change.seq, ())):
                self._remove_waiting(rival)
                ousted.append(self._put_aside(_rival(rival)))
        self._heads = set(batch.heads)
        return tuple(ousted)

    def give_back(self, batch: Batch) -> None:
        """Let a batch's changes wait again, each before others with its number."""
        for change in batch.changes:
            self._add_waiting(change, is_first=True)

    def stop(self, change: ParsedChange, error: BillfoldError) -> tuple[SetAside, ...]:
        """Set aside a change that failed in its turn, and its feed from there on."""
        items = [
            self._put_aside(SetAside(change.hash, change.raw, change.actor, change.seq, error)),
        ]
        waiting = self._waiting.get(change.actor, {})
        for seq in [seq for seq in waiting if seq >= change.seq]:
            for follower in tuple(waiting[seq]):
                self._remove_waiting(follower)
                items.append(self._put_aside(_follower(follower)))
        return tuple(items)

    def _is_ready(self, change: ParsedChange, counters: Mapping[bytes, int]) -> bool:
        """Tell whether all that a change builds on is here or in `counters`, chosen before it."""
        highest = 0
        is_complete = True
        for dependency in change.dependencies:
            counter = counters.get(dependency)
            if counter is None:
                counter = self._counters.get(dependency)
            if counter is None:
                if dependency in self._set_aside:
                    raise Quarantined("A change builds on one that is set aside.")
                is_complete = False
            elif counter > highest:
                highest = counter
        # The counter decides which of two concurrent values is shown, so nobody may run ahead.
        if is_complete and change.start_counter != highest + 1:
            raise Malformed("A change's counter does not follow from those it builds on.")
        return is_complete

    def _add_waiting(self, change: ParsedChange, *, is_first: bool = False) -> None:
        count, size = self._waiting_room.get(change.actor, (0, 0))
        count, size = count + 1, size + len(change.raw)
        # There is room for the first of its number whose turn it is, as it makes room.
        is_next = change.seq == self.next_seq(change.actor)
        has_turn = is_first or (is_next and change.seq not in self._waiting.get(change.actor, {}))
        if not has_turn and (count > PENDING_COUNT_MAX or size > PENDING_SIZE_MAX):
            raise LimitExceeded("Too many changes of one device wait for others.")
        self._waiting_room[change.actor] = count, size
        self._waiting_hashes.add(change.hash)
        rivals = self._waiting.setdefault(change.actor, {}).setdefault(change.seq, [])
        rivals.insert(0 if is_first else len(rivals), change)

    def _remove_waiting(self, change: ParsedChange) -> None:
        count, size = self._waiting_room[change.actor]
        self._waiting_room[change.actor] = count - 1, size - len(change.raw)
        self._waiting_hashes.remove(change.hash)
        waiting = self._waiting[change.actor]
        waiting[change.seq].remove(change)
        if not waiting[change.seq]:
            del waiting[change.seq]
        if not waiting:
            del self._waiting[change.actor], self._waiting_room[change.actor]

    def _put_aside(self, item: SetAside) -> SetAside:
        # An error as it was caught holds on to the frames that it went through.
        item.error.__cause__ = item.error.__context__ = item.error.__traceback__ = None
        self._set_aside[item.hash] = item
        if item.actor is not None and item.stops_at is not None:
            stopped = self._stopped.get(item.actor, item.stops_at)
            self._stopped[item.actor] = min(item.stops_at, stopped)
        return item


def _rival(change: ParsedChange) -> SetAside:
    error = Quarantined("A feed has two changes with one number; the first one stands.")
    return SetAside(change.hash, change.raw, change.actor, None, error)


def _follower(change: ParsedChange) -> SetAside:
    error = Quarantined("A change follows one of its feed that is set aside.")
    return SetAside(change.hash, change.raw, change.actor, None, error)

"""A wallet's document: what the person's devices have written, merged.

Everything is synchronous and depends on its arguments only: time and random bytes come in. A call
that fails leaves the document as it was.

Spec: 40-wallet-document.md
"""

from collections.abc import Iterable, Iterator, KeysView, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from billfold.document import history
from billfold.document.anew import edits_of
from billfold.document.causality import Unseen, check_causes
from billfold.document.edits import Edit
from billfold.document.engine import Engine
from billfold.document.history import HistoryItem
from billfold.document.identifiers import check_record_id, field_key, record_id
from billfold.document.intake import Intake, SetAside
from billfold.document.limits import ACTOR_SIZE, BATCH_COUNT_MAX
from billfold.document.merge_kinds import MergeKinds, base_merge_kinds
from billfold.document.outcome import Applied, Outcome
from billfold.document.plan import Plan
from billfold.document.values import Conflict, FieldState, RecordView, Scalar
from billfold.document.view import Touched, View
from billfold_protocol.errors import InputError, LimitExceeded, PeerPoison, Quarantined


@dataclass(frozen=True, slots=True)
class Change:
    """A change that this device has made; it goes into its feed."""

    raw: bytes
    """At most 240 KiB."""

    hash: bytes
    """32 bytes."""

    touched: frozenset[Touched]
    """The (record, field) pairs that differ; the field is `notes` for a note."""


class Document:
    """A wallet's document on one device.

    Args:
        actor: 16 bytes, the id of the feed that this device writes.
        merge_kinds: how fields merge; by default all that are not in every record are multi-value.

    Raises:
        InputError: `actor` is not 16 bytes.
    """

    def __init__(self, actor: bytes, merge_kinds: MergeKinds = base_merge_kinds) -> None:
        _check_actor(actor)
        self._merge_kinds = merge_kinds
        self._engine = Engine(actor)
        self._intake = Intake()
        self._view = View(merge_kinds)
        self._state_hash: bytes | None = None

    @classmethod
    def load(
        cls,
        saved: bytes,
        changes: Sequence[bytes] = (),
        *,
        actor: bytes,
        set_aside: Iterable[SetAside] = (),
        merge_kinds: MergeKinds = base_merge_kinds,
    ) -> "Document":
        """Open a document.

        Args:
            saved: what `save` returned; may be empty.
            changes: what was made, applied and given to wait since, in the order in which it came;
                only what this device has kept itself, because most of it is not checked again.
            actor: 16 bytes, the id of the feed that this device writes.
            set_aside: what was set aside before.
            merge_kinds: how fields merge.

        Raises:
            InputError: `actor` is not 16 bytes.
            StoreDamaged: `saved` is not a document.
        """
        document = cls(actor, merge_kinds)
        document._engine = Engine(actor, saved)
        document._intake.restore(set_aside)
        document._take_back(changes)
        return document

    @property
    def actor(self) -> bytes:
        """The id of the feed that this device writes: 16 bytes."""
        return self._engine.actor

    @property
    def heads(self) -> tuple[bytes, ...]:
        """The hashes of the changes on which no other builds, sorted."""
        return self._engine.heads

    @property
    def waiting(self) -> tuple[bytes, ...]:
        """The changes, in bytes, that wait for others; they are not in what `save` returns."""
        return tuple(change.raw for change in self._intake.waiting)

    @property
    def missing(self) -> frozenset[bytes]:
        """The hashes of changes that waiting ones build on."""
        return self._intake.missing

    @property
    def set_aside(self) -> tuple[SetAside, ...]:
        """All that is set aside, in order of hash."""
        return tuple(item for _, item in sorted(self._intake.set_aside.items()))

    def has_change(self, change_hash: bytes) -> bool:
        """Tell whether a change is part of the document."""
        return self._intake.has(change_hash)

    @property
    def hashes(self) -> KeysView[bytes]:
        """The hashes of all changes of the document, in no order."""
        return self._intake.hashes

    @property
    def kept(self) -> bytes:
        """The document as it can be read back, but not in the form that `save` makes."""
        return self._engine.kept

    def changes(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield every change's hash and bytes, dependencies first."""
        return self._engine.changes()

    def save(self) -> bytes:
        """Return the document with its whole history, compressed."""
        return self._engine.save()

    def change(self, edits: Sequence[Edit], *, time_ms: int) -> Change | None:
        """Make edits as one change, all or none; return None if they change nothing.

        Args:
            edits: applied in order.
            time_ms: milliseconds since 1970, shown beside the values; never decided on.

        Raises:
            InputError: an edit is not possible.
            LimitExceeded: an edit, or all of them together, is above a bound.
        """
        plan = Plan(self._view, self._merge_kinds, edits)
        touched = plan.resolve(time_ms, self.actor, self._intake.next_seq(self.actor))
        if not touched:
            return None
        try:
            puts = [
                (field_key(record, field, plan.tag), value) for record, field, value in plan.writes
            ]
            made = self._engine.commit(puts, plan.deletes, plan.splices)
            self._intake.note_own(made.hash, made.last_counter, self.actor, made.seq)
            first = made.first_counter, self.actor
            self._view.write(plan.tag, plan.writes, plan.removals, first)
            self._view.read_notes(self._engine, [splice.key for splice in plan.splices])
            self._engine.keep([made.raw])
        except BaseException:
            # Also after an interrupt: no change may be in the document that nobody was given.
            self._engine.rebuild()
            self._reread()
            raise
        self._state_hash = None
        return Change(made.raw, made.hash, frozenset(touched))

    def apply(self, changes: Sequence[bytes], *, feed: bytes | None = None) -> Applied:
        """Take in changes of other devices, in any order, known ones too.

        Those that build on changes not yet here wait. Those that are not in order are set aside.

        Args:
            changes: each as `Change.raw`; those of one feed in the feed's order.
            feed: the feed they came in, whose id their author must be; None does not check that.
        """
        outcome = Outcome()
        try:
            for start in range(0, len(changes), BATCH_COUNT_MAX):
                for raw in changes[start : start + BATCH_COUNT_MAX]:
                    self._receive(raw, feed, outcome)
                self._drain(outcome)
            outcome.touched |= self._view.read_notes(self._engine, outcome.notes)
        except BaseException:
            self._engine.rebuild()
            self._reread()
            raise
        self._state_hash = None
        return Applied(
            touched=frozenset(outcome.touched),
            hashes=tuple(outcome.hashes),
            set_aside=tuple(outcome.set_aside),
            refused=tuple(outcome.refused),
            missing=self._intake.missing,
        )

    def record_ids(self) -> list[str]:
        """Return the ids of all records, trashed and purged ones too, sorted."""
        return self._view.record_ids()

    def records(self, record_type: str | None = None, *, trashed: bool = False) -> list[RecordView]:
        """Return the records of a type (None: of all), in order of id.

        Args:
            record_type: the type to select.
            trashed: whether to list the trash instead of what is not in it.
        """
        return [
            self._view.record(record)
            for record in self._view.record_ids()
            if self._view.is_trashed(record) is trashed
            and record_type in {None, self._view.type_of(record)}
        ]

    def record(self, record: str) -> RecordView:
        """Return a record as it is read now; without fields and notes if there is none."""
        return self._view.record(record)

    def has_record(self, record: str) -> bool:
        """Tell whether a record has a live value or a note."""
        return self._view.has(record)

    def fields(self, record: str) -> Mapping[str, FieldState]:
        """Return a record's fields by name; empty if there is none."""
        return self._view.fields(record)

    def field(self, record: str, field: str) -> FieldState | None:
        """Return a field, or None where it has no value."""
        return self._view.field(record, field)

    def live_values(
        self, prefix: str, *, record: str | None = None
    ) -> Iterator[tuple[str, str, Scalar]]:
        """Return record, field and each live value of the fields whose names begin so."""
        return self._view.live_values(prefix, record=record)

    def conflicts(self) -> list[Conflict]:
        """Return the fields for which a person has to choose, in order of record and name."""
        return list(self._view.conflicts())

    def natural_record_id(self, wallet_id: bytes, record_type: str, natural_key: str) -> str:
        """Return the id under which a thing is kept: of its first incarnation that is not purged.

        Raises:
            InputError: it was purged more often than there are incarnations.
        """
        incarnation = 0
        record = record_id(wallet_id, record_type, natural_key)
        while self._view.is_purged(record):
            incarnation += 1
            record = record_id(wallet_id, record_type, natural_key, incarnation)
        return record

    def history(self, record: str, field: str) -> list[HistoryItem]:
        """Return what happened to a field, causes before effects; empty if nothing did.

        Raises:
            InputError: `record` is not a record id.
        """
        check_record_id(record)
        return history.field_history(self._engine, self._view, record, field)

    def records_of(self, change: bytes) -> frozenset[str]:
        """Return the ids of the records that a change of this document touches."""
        return history.records_of(self._view, change)

    def revert(self, record: str, field: str) -> list[Edit]:
        """Return the edits that bring back what the field held before.

        Raises:
            InputError: `record` is not a record id.
            NotFound: nothing ever happened to this field.
        """
        check_record_id(record)
        return history.revert_field(self._engine, self._view, record, field)

    def revert_change(self, change_hash: bytes) -> list[Edit]:
        """Return the edits that undo a change, except where something has replaced it since.

        Raises:
            NotFound: the document has no such change.
            InputError: the change purged a record.
        """
        return history.revert_change(self._engine, self._view, change_hash)

    def edits_of(self, changes: Iterable[bytes]) -> list[Edit]:
        """Return the edits that do again, in another feed, what changes of this document did.

        Raises:
            Malformed, Quarantined, LimitExceeded: one is not a change of a wallet document.
        """
        return edits_of(self._engine, self._view, changes)

    def state_hash(self, set_aside: Iterable[bytes] = ()) -> bytes:
        """Return 32 bytes that are equal for two wallets when and only when these are.

        Args:
            set_aside: hashes of what else was set aside, before it came here.
        """
        others = frozenset(set_aside)
        if others:
            return self._view.state_hash(others | self._intake.set_aside.keys())
        if self._state_hash is None:
            self._state_hash = self._view.state_hash(self._intake.set_aside)
        return self._state_hash

    def _take_back(self, changes: Sequence[bytes]) -> None:
        """Take in what this device's own store has kept: checked when it came, and not again."""
        self._intake.reset(self._engine.index(), self._engine.heads)
        kept = self._intake.sort_kept(changes)
        others: Sequence[bytes] = kept.others
        try:
            if kept.taken:
                self._engine.restore(kept.taken, kept.heads)
                self._intake.reset(self._engine.index(), self._engine.heads)
        except PeerPoison:
            others = changes
        self._view.rebuild(self._engine)
        self.apply(others)

    def _receive(self, raw: bytes, feed: bytes | None, outcome: Outcome) -> None:
        """Let a change wait."""
        try:
            received = self._intake.receive(raw, feed)
        except LimitExceeded:
            # Those whose turn it is make room.
            self._drain(outcome)
            try:
                received = self._intake.receive(raw, feed)
            except LimitExceeded:
                outcome.refused.append(raw)
                return
        if isinstance(received, SetAside):
            outcome.set_aside.append(received)

    def _drain(self, outcome: Outcome) -> None:
        """Apply what waits and may be applied."""
        aside = outcome.set_aside
        count_max = BATCH_COUNT_MAX
        while True:
            batch, failed = self._intake.take(count_max)
            aside.extend(failed)
            if not batch.changes:
                if not failed:
                    return
                continue
            check = partial(check_causes, self._engine, self._view, batch)
            try:
                self._engine.apply(
                    [change.plain for change in batch.changes], set(batch.heads), check
                )
            except Unseen as refusal:
                self._intake.give_back(batch.without(refusal.change))
                reason = Quarantined(str(refusal))
                aside.extend(self._intake.stop(refusal.change, reason))
                continue
            except PeerPoison as error:
                if len(batch.changes) == 1:
                    aside.extend(self._intake.stop(batch.changes[0], error))
                else:
                    # Halve until the one that fails is alone.
                    self._intake.give_back(batch)
                    count_max = len(batch.changes) // 2
                continue
            except BaseException:
                self._intake.give_back(batch)
                raise
            aside.extend(self._intake.applied(batch))
            # The next batch is checked against what is shown.
            for change in batch.changes:
                outcome.hashes.append(change.hash)
                outcome.touched |= self._view.take_in(self._engine, change.operations)
                outcome.notes |= self._view.note_keys_of(change.operations)
            count_max = min(2 * count_max, BATCH_COUNT_MAX)

    def _reread(self) -> None:
        """Make what is in memory anew from the document."""
        self._intake.reset(self._engine.index(), self._engine.heads)
        self._view.rebuild(self._engine)
        self._state_hash = None


def _check_actor(actor: bytes) -> None:
    if len(actor) != ACTOR_SIZE:
        raise InputError(f"A feed's id is {ACTOR_SIZE} bytes.")

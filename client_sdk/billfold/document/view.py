"""The wallet's values in memory: what the document holds, ready to be read.

It is made once when a wallet opens and then re-reads only what changes touch. A key that is not
a field's or a note's, or that holds what no field holds, is left out of it but stays in the
document.

Spec: 40-wallet-document.md
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from billfold.document.columns import Unread
from billfold.document.engine import (
    Engine,
    Entry,
    TextObject,
    causal_order,
)
from billfold.document.identifiers import (
    NOTES,
    FieldKey,
    field_key,
    parse_field_key,
    record_of_note_key,
)
from billfold.document.lazy_fields import LazyFields, Live, field_state
from billfold.document.merge_kinds import PURGED, TRASHED, TYPE, MergeKinds, read_values
from billfold.document.operations import OperationId, Operations
from billfold.document.values import (
    Conflict,
    FieldState,
    RecordView,
    Scalar,
    encode_scalar,
)

STATE_HASH_LABEL: Final = b"billfold/v1/state-hash"

Write = tuple[str, str, Scalar]
"""A value to write: record, field and the value."""

Touched = tuple[str, str]
"""A record and the name of its field; `notes` for its long text."""


class View:
    """Every live value and note, by record.

    Args:
        merge_kinds: how fields are read.
    """

    def __init__(self, merge_kinds: MergeKinds) -> None:
        self._merge_kinds = merge_kinds
        self._fields: dict[str, dict[str, tuple[Live, ...]]] = {}
        self._notes: dict[str, dict[str, str]] = {}
        self._note_keys: dict[OperationId, str] = {}

    def rebuild(self, engine: Engine) -> None:
        """Read everything from the document.

        Raises:
            StoreDamaged: the document cannot be read.
        """
        self._fields = {}
        self._notes = {}
        self._note_keys = {}
        for key, entry in engine.entries():
            self._put(engine, key, entry)

    def operation_of(self, place: FieldKey) -> OperationId | None:
        """Return the operation that put a live value; None for one that is not live."""
        record, field, tag = place
        for live_tag, _, operation in self._fields.get(record, {}).get(field, ()):
            if live_tag == tag:
                return operation
        return None

    def take_in(self, engine: Engine, operations: Operations) -> set[Touched]:
        """Show what a change does to fields; return which fields that is.

        Args:
            engine: the document, with this change and maybe later ones.
            operations: of a change that follows all those shown so far.
        """
        touched: set[Touched] = set()
        for _, (record, field, tag), _ in operations.deletes:
            self._remove(record, field, tag)
            touched.add((record, field))
        for (record, field, tag), value, operation in operations.puts:
            touched.add((record, field))
            if not isinstance(value, Unread):
                self._add(record, field, (tag, value, operation))
                continue
            key = field_key(record, field, tag)
            entry = engine.get(key)
            if entry is not None:
                self._put(engine, key, entry)
        return touched

    def read_notes(self, engine: Engine, keys: Iterable[str]) -> set[Touched]:
        """Read texts anew; return whose they are."""
        touched: set[Touched] = set()
        for key in keys:
            record = record_of_note_key(key)
            entry = engine.get(key)
            if record is not None and entry is not None:
                self._put(engine, key, entry)
                touched.add((record, NOTES))
        return touched

    def write(
        self, tag: str, writes: Iterable[Write], removals: Iterable[Touched], first: OperationId
    ) -> None:
        """Show what this device has just written, without reading it back.

        Args:
            tag: of all these values.
            writes: in the order of the operations that put them.
            removals: fields that have no value any more.
            first: the operation that put the first of them.
        """
        counter, actor = first
        for number, (record, field, value) in enumerate(writes, counter):
            self._set(record, field, ((tag, value, (number, actor)),))
        for record, field in removals:
            self._set(record, field, ())

    def record_ids(self) -> list[str]:
        """Return every record that has a live value or a note, sorted."""
        return sorted(self._fields.keys() | self._notes.keys())

    def has(self, record: str) -> bool:
        """Tell whether the record has a live value or a note."""
        return record in self._fields or record in self._notes

    def note_key_of(self, text: OperationId) -> str | None:
        """Return the key of a text."""
        return self._note_keys.get(text)

    def note_keys_of(self, operations: Operations) -> set[str]:
        """Return the keys of the texts that a change makes or edits."""
        keys = set(operations.made_texts.values())
        keys.update(
            self._note_keys[text] for text in operations.edited_texts if text in self._note_keys
        )
        return keys

    def learn_notes(self, texts: Mapping[OperationId, str]) -> None:
        """Take over the keys of texts, before their contents are read."""
        self._note_keys.update(texts)

    def field_names(self, record: str) -> list[str]:
        """Return the record's fields that have a live value, sorted."""
        return sorted(self._fields.get(record, ()))

    def live(self, record: str, field: str) -> tuple[Live, ...]:
        """Return the live values of a field, the newest in causal order first."""
        return self._fields.get(record, {}).get(field, ())

    def live_values(
        self, prefix: str, *, record: str | None = None
    ) -> Iterator[tuple[str, str, Scalar]]:
        """Return record, field and each live value of the fields whose names begin so."""
        for owner in tuple(self._fields) if record is None else (record,):
            for name, live in tuple(self._fields.get(owner, {}).items()):
                if name.startswith(prefix):
                    for _, value, _ in live:
                        yield owner, name, value

    def notes(self, record: str) -> Mapping[str, str]:
        """Return the record's texts that are not empty, by key in order of key."""
        return {key: text for key, text in sorted(self._notes.get(record, {}).items()) if text}

    def note_keys(self, record: str) -> list[str]:
        """Return the keys of the record's texts, empty ones too, sorted."""
        return sorted(self._notes.get(record, ()))

    def note(self, record: str) -> str:
        """Return the record's texts, joined by a blank line."""
        return join_notes(self.notes(record).values())

    def type_of(self, record: str) -> str | None:
        """Return the record's type, or None where it is not known."""
        value = self._shown(record, TYPE)
        return value if isinstance(value, str) else None

    def is_purged(self, record: str) -> bool:
        """Tell whether the record was purged."""
        return self._shown(record, PURGED) is True

    def is_trashed(self, record: str) -> bool | None:
        """Tell whether the record is listed in the trash; None for one that is listed nowhere."""
        if not self.is_purged(record):
            return self._shown(record, TRASHED) is True
        has_more = len(self._fields.get(record, ())) > 1 or bool(self.notes(record))
        return True if has_more else None

    def field(self, record: str, field: str) -> FieldState | None:
        """Return a field's state, or None where it has no live value."""
        live = self.live(record, field)
        if not live:
            return None
        return field_state(self._merge_kinds, self.type_of(record), field, live)

    def fields(self, record: str) -> Mapping[str, FieldState]:
        """Return the states of the record's fields, by name in order of name."""
        fields = self._fields.get(record, {})
        return LazyFields(fields, self.type_of(record), self._merge_kinds)

    def record(self, record: str) -> RecordView:
        """Return the record as it is read now; without fields and notes if there is none."""
        return RecordView(
            id=record,
            type=self.type_of(record),
            fields=self.fields(record),
            notes=self.note(record),
            is_trashed=self.is_trashed(record) is True,
            is_purged=self.is_purged(record),
        )

    def conflicts(self) -> Iterator[Conflict]:
        """Yield the fields for which a person has to choose, in order of record and name."""
        for record in sorted(self._fields):
            fields = self._fields[record]
            for name in sorted(name for name, live in fields.items() if len(live) > 1):
                state = field_state(self._merge_kinds, self.type_of(record), name, fields[name])
                if state.is_conflict:
                    yield Conflict(record, name, state.values)

    def state_hash(self, set_aside: Iterable[bytes]) -> bytes:
        """Return 32 bytes that are equal for two wallets when and only when these are.

        Tags, times and authors of values have no part in it, and neither do merge kinds.
        """
        digest = hashlib.sha256(_sized(STATE_HASH_LABEL))
        for record in sorted(self._fields):
            fields = self._fields[record]
            for name in sorted(fields):
                values = [encode_scalar(value) for _, value, _ in fields[name]]
                others = sorted(set(values) - {values[0]})
                digest.update(b"f" + _sized(record.encode()) + _sized(name.encode()))
                digest.update(b"".join(map(_sized, (values[0], *others))) + _sized(b""))
        for record in sorted(self._notes):
            for key, text in self.notes(record).items():
                digest.update(b"n" + _sized(key.encode()) + _sized(text.encode()))
        for item in sorted(set(set_aside)):
            digest.update(b"q" + _sized(item))
        return digest.digest()

    def _shown(self, record: str, field: str) -> Scalar:
        live = self._fields.get(record, {}).get(field)
        if live is None:
            return None
        if len(live) == 1:
            return live[0][1]
        return read_values(self._merge_kinds(None, field), [value for _, value, _ in live])[0]

    def _put(self, engine: Engine, key: str, entry: Entry) -> None:
        held, name = entry
        operation = causal_order(name)
        if isinstance(held, TextObject):
            record = record_of_note_key(key)
            if record is not None:
                self._notes.setdefault(record, {})[key] = engine.text(key)
                self._note_keys[operation] = key
            return
        place = parse_field_key(key)
        if place is not None:
            self._add(place[0], place[1], (place[2], held, operation))

    def _add(self, record: str, field: str, item: Live) -> None:
        fields = self._fields.get(record)
        if fields is None:
            fields = self._fields[record] = {}
        others = fields.get(field)
        if others is None:
            fields[field] = (item,)
        else:
            fields[field] = tuple(sorted((item, *others), key=_causal_order, reverse=True))

    def _remove(self, record: str, field: str, tag: str) -> None:
        fields = self._fields.get(record, {})
        live = fields.get(field, ())
        if len(live) > 1:
            fields[field] = tuple([item for item in live if item[0] != tag])
        elif live and live[0][0] == tag:
            del fields[field]
            if not fields:
                del self._fields[record]

    def _set(self, record: str, field: str, live: tuple[Live, ...]) -> None:
        fields = self._fields.get(record)
        if live:
            if fields is None:
                fields = self._fields[record] = {}
            fields[field] = live
        elif fields is not None and field in fields:
            del fields[field]
            if not fields:
                del self._fields[record]


def _causal_order(item: Live) -> OperationId:
    return item[2]


def join_notes(texts: Iterable[str]) -> str:
    """Return texts as they are shown together: those that are not empty, a blank line between."""
    return "\n\n".join(text for text in texts if text)


def _sized(part: bytes) -> bytes:
    return len(part).to_bytes(4, "big") + part

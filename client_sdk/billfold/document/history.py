"""What a field held before, who wrote it and when, and the edits that bring it back.

The history is in the document itself, so it survives snapshots. It is found by reading through all
changes for the field's name, which takes a moment and is done only when a person asks.

Spec: 40-wallet-document.md
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from billfold.document.changes import ParsedChange, parse_change
from billfold.document.edits import Edit, EditText, FieldEdit, RemoveField, Trash
from billfold.document.engine import Engine, TextObject, causal_order
from billfold.document.identifiers import (
    NOTES,
    field_key,
    parse_field_key,
    record_of_note_key,
    time_of_tag,
)
from billfold.document.limits import CHANGE_INFLATED_SIZE_MAX
from billfold.document.merge_kinds import PURGED, TYPE
from billfold.document.values import Scalar
from billfold.document.view import View, join_notes
from billfold_protocol.errors import InputError, LimitExceeded, Malformed, NotFound, Quarantined

PARSED_COUNT: Final = 16
"""Changes kept parsed: a person asks for one field after another, and few changes are large."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryItem:
    """One thing that happened to a field."""

    value: Scalar
    """What was written; None also where the field was removed."""

    is_removal: bool
    actor: bytes
    """16 bytes: the feed that wrote it."""

    time_ms: int | None
    """When its author says so; None for removals and notes, which do not carry it."""

    change: bytes
    """32 bytes: the hash of the change it came in."""

    is_current: bool
    """Whether the value is live now; for a removal, whether the field has no value."""


def field_history(engine: Engine, view: View, record: str, field: str) -> list[HistoryItem]:
    """Return what happened to a field, causes before effects; empty if nothing did.

    For `notes` each item holds the whole text as its author saw it.
    """
    if field == NOTES:
        return _note_history(engine, view, record)
    live_tags = {tag for tag, _, _ in view.live(record, field)}
    items: list[HistoryItem] = []
    for change in _changes(engine, f"{record}/{field}#".encode()):
        tags = _tags(change).get((record, field), [])
        puts = _puts(engine, change, record, field, tags)
        items.extend(
            HistoryItem(
                value=value,
                is_removal=False,
                actor=change.actor,
                time_ms=time_of_tag(tag),
                change=change.hash,
                is_current=tag in live_tags,
            )
            for tag, value in puts.items()
        )
        if tags and not puts:
            removal = HistoryItem(
                value=None,
                is_removal=True,
                actor=change.actor,
                time_ms=None,
                change=change.hash,
                is_current=not live_tags,
            )
            items.append(removal)
    return items


def revert_field(engine: Engine, view: View, record: str, field: str) -> list[Edit]:
    """Return the edits that bring back what the field held before its shown value was written.

    Raises:
        NotFound: nothing ever happened to this field.
    """
    items = field_history(engine, view, record, field)
    if not items:
        raise NotFound("This field has no history.")
    live = view.live(record, field)
    author = live[0][2][1] if live else None
    shown = [item for item in items if item.is_current and author in {None, item.actor}]
    change = _find(engine, (shown or items)[-1].change)
    return [_before(engine, view, change, record, field)]


def revert_change(engine: Engine, view: View, change_hash: bytes) -> list[Edit]:
    """Return the edits that undo a change where nothing has replaced it since.

    A record that the change made goes into the trash.

    Raises:
        NotFound: the document has no such change.
        InputError: the change purged a record.
    """
    change = _find(engine, change_hash)
    made: set[str] = set()
    standing: list[tuple[str, str]] = []
    for (record, field), tags in _tags(change).items():
        puts = _puts(engine, change, record, field, tags)
        if puts and field == PURGED:
            raise InputError("A purge cannot be undone.")
        live_tags = {tag for tag, _, _ in view.live(record, field)}
        if puts and field == TYPE:
            made.add(record)
        if (puts.keys() & live_tags) if puts else not live_tags:
            standing.append((record, field))
    standing.extend(
        (record, NOTES)
        for record in sorted(_note_records(view, change))
        if _note_at(engine, view, record, [change.hash]) == view.note(record)
    )
    edits: list[Edit] = [Trash(record) for record in sorted(made)]
    edits.extend(
        _before(engine, view, change, record, field)
        for record, field in standing
        if record not in made
    )
    return edits


def records_of(view: View, raw: bytes) -> frozenset[str]:
    """Return the ids of the records that a change touches; none if it is not read."""
    change = _parsed(raw)
    if change is None:
        return frozenset()
    return frozenset({record for record, _ in _tags(change)} | _note_records(view, change))


def _before(engine: Engine, view: View, change: ParsedChange, record: str, field: str) -> Edit:
    """Return the edit that brings back what a change's author saw before it."""
    if field == NOTES:
        return EditText(record, _note_at(engine, view, record, change.dependencies))
    seen: dict[tuple[int, bytes], Scalar] = {}
    for tag in _tags(change).get((record, field), []):
        entry = engine.get(field_key(record, field, tag), change.dependencies)
        if entry is not None and not isinstance(entry[0], TextObject):
            seen[causal_order(entry[1])] = entry[0]
    return FieldEdit(record, field, seen[max(seen)]) if seen else RemoveField(record, field)


def _note_history(engine: Engine, view: View, record: str) -> list[HistoryItem]:
    changes = [change for change in _changes(engine, b"") if record in _note_records(view, change)]
    texts = [_note_at(engine, view, record, [change.hash]) for change in changes]
    return [
        HistoryItem(
            value=text,
            is_removal=not text,
            actor=change.actor,
            time_ms=None,
            change=change.hash,
            is_current=text == view.note(record),
        )
        for change, text in zip(changes, texts, strict=True)
    ]


def _note_records(view: View, change: ParsedChange) -> set[str]:
    """Return the records whose notes a change makes or edits."""
    keys = [view.note_key_of(text) for text in change.operations.edited_texts]
    keys.extend(change.operations.made_texts.values())
    records = {record_of_note_key(key) for key in keys if key is not None}
    return {record for record in records if record is not None}


def _note_at(engine: Engine, view: View, record: str, heads: Sequence[bytes]) -> str:
    if not heads:
        return ""
    return join_notes(engine.text(key, heads) for key in view.note_keys(record))


def _changes(engine: Engine, needle: bytes) -> Iterator[ParsedChange]:
    """Yield the changes whose bytes hold a needle, dependencies first."""
    for raw in engine.history():
        if needle in raw:
            change = _parsed(raw)
            if change is not None:
                yield change


def _find(engine: Engine, change_hash: bytes) -> ParsedChange:
    raw = engine.change(change_hash)
    change = None if raw is None else _parsed(raw)
    if change is None:
        raise NotFound("The wallet has no such change.")
    return change


@lru_cache(maxsize=PARSED_COUNT)
def _parsed(raw: bytes) -> ParsedChange | None:
    """Return a change of the document, or None for one that this version cannot read."""
    try:
        return parse_change(raw, CHANGE_INFLATED_SIZE_MAX)
    except (LimitExceeded, Malformed, Quarantined):
        return None


def _tags(change: ParsedChange) -> dict[tuple[str, str], list[str]]:
    """Return the tags that a change puts or deletes, by record and field."""
    tags: dict[tuple[str, str], list[str]] = {}
    for key in change.operations.keys:
        parts = parse_field_key(key)
        if parts is not None:
            record, field, tag = parts
            tags.setdefault((record, field), []).append(tag)
    return tags


def _puts(
    engine: Engine,
    change: ParsedChange,
    record: str,
    field: str,
    tags: Sequence[str],
) -> dict[str, Scalar]:
    """Return which of these tags the change put, with their values."""
    puts: dict[str, Scalar] = {}
    for tag in tags:
        entry = engine.get(field_key(record, field, tag), [change.hash])
        if entry is None or isinstance(entry[0], TextObject):
            continue
        counter, actor = causal_order(entry[1])
        if actor == change.actor and change.start_counter <= counter <= change.last_counter:
            puts[tag] = entry[0]
    return puts

"""What some changes did, as edits that do it again in another feed.

Spec: 40-wallet-document.md
"""

from collections.abc import Iterable

from billfold.document.changes import parse_change
from billfold.document.columns import Unread
from billfold.document.edits import Edit, EditText, FieldEdit, Purge, RemoveField
from billfold.document.engine import Engine, TextObject
from billfold.document.identifiers import field_key, record_of_note_key
from billfold.document.merge_kinds import PURGED
from billfold.document.values import Scalar
from billfold.document.view import Touched, View


def edits_of(engine: Engine, view: View, changes: Iterable[bytes]) -> list[Edit]:
    """Return one edit for each field that changes of this device wrote, and for each note.

    Args:
        engine: a document with these changes.
        view: what it holds.
        changes: in order; a later one decides.

    Raises:
        Malformed, Quarantined, LimitExceeded: one is not a change of a wallet document.
    """
    fields: dict[Touched, Edit] = {}
    notes: dict[str, None] = {}
    for raw in changes:
        change = parse_change(raw)
        for _, (record, field, _), _ in change.operations.deletes:
            fields.pop((record, field), None)
            if not view.live(record, field):
                fields[record, field] = RemoveField(record, field)
        for (record, field, tag), put, _ in change.operations.puts:
            if tag not in {live for live, _, _ in view.live(record, field)}:
                continue  # It was replaced since, and so was what it replaced.
            if isinstance(put, Unread):
                value = _read(engine, field_key(record, field, tag), change.hash)
            else:
                value = put
            fields.pop((record, field), None)
            fields[record, field] = (
                Purge(record) if field == PURGED else FieldEdit(record, field, value)
            )
        for key in view.note_keys_of(change.operations):
            record_of_note = record_of_note_key(key)
            if record_of_note is not None:
                notes[record_of_note] = None
    return [*fields.values(), *(EditText(record, view.note(record)) for record in notes)]


def _read(engine: Engine, key: str, change_hash: bytes) -> Scalar:
    entry = engine.get(key, [change_hash])
    return None if entry is None or isinstance(entry[0], TextObject) else entry[0]

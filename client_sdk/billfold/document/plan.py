"""Turns edits into what is put, deleted and spliced in the document, or finds nothing to do.

Every edit is checked here, so that a change is made whole or not at all.

Spec: 40-wallet-document.md
"""

from collections.abc import Sequence

from billfold.document.edits import (
    Edit,
    EditText,
    FieldEdit,
    Purge,
    RemoveField,
    Restore,
    Trash,
)
from billfold.document.engine import Splice
from billfold.document.identifiers import (
    NOTES,
    change_tag,
    check_field_name,
    check_record_id,
    field_key,
    note_key,
)
from billfold.document.limits import (
    EDIT_COUNT_MAX,
    NOTE_SIZE_MAX,
)
from billfold.document.merge_kinds import (
    PURGED,
    TRASHED,
    TYPE,
    Merge,
    MergeKinds,
    check_successor,
    stays,
)
from billfold.document.values import Scalar, check_scalar, is_same
from billfold.document.view import Touched, View, Write
from billfold_protocol.errors import InputError, LimitExceeded, NotFound


class Plan:
    """What a change will do.

    Args:
        view: what the document holds now.
        merge_kinds: how fields merge, and so which may not be set again.
        edits: applied in order; a later one of a field replaces an earlier one.

    Raises:
        InputError: an edit is not possible.
        LimitExceeded: an edit, or all of them together, is above a bound.
    """

    def __init__(self, view: View, merge_kinds: MergeKinds, edits: Sequence[Edit]) -> None:
        if len(edits) > EDIT_COUNT_MAX:
            raise LimitExceeded(f"One change holds at most {EDIT_COUNT_MAX} edits: split them up.")
        self._view = view
        self._merge_kinds = merge_kinds
        self._staged: dict[Touched, Scalar] = {}
        self._removed: dict[Touched, None] = {}
        self._texts: dict[str, str] = {}
        self.tag = ""
        self.writes: list[Write] = []
        self.removals: list[Touched] = []
        self.deletes: list[str] = []
        self.splices: list[Splice] = []
        for edit in edits:
            check_record_id(edit.record)
            self._stage(edit)

    def resolve(self, time_ms: int, actor: bytes, seq: int) -> set[Touched]:
        """Fill `tag`, `writes`, `removals`, `deletes` and `splices`; return the fields that differ.

        Args:
            time_ms: when the edits are made.
            actor: who makes the change, 16 bytes.
            seq: the number that the change will have.
        """
        touched: set[Touched] = set()
        self.tag = change_tag(time_ms, actor, seq)
        for place, value in self._staged.items():
            record, field = place
            live = self._view.live(record, field)
            if (
                live
                and is_same(value, live[0][1])
                and all(is_same(value, one) for _, one, _ in live)
            ):
                continue
            self.writes.append((record, field, value))
            self.deletes += [field_key(record, field, old) for old, _, _ in live]
            touched.add(place)
        for record, field in self._removed:
            live = self._view.live(record, field)
            if live:
                self.removals.append((record, field))
                self.deletes.extend([field_key(record, field, old) for old, _, _ in live])
                touched.add((record, field))
        for record, text in self._texts.items():
            if text != self._view.note(record):
                self._splice(record, text, note_key(record, actor, seq))
                touched.add((record, NOTES))
        return touched

    def _stage(self, edit: Edit) -> None:
        match edit:
            case FieldEdit():
                check_field_name(edit.field)
                self._set(edit.record, edit.field, check_scalar(edit.value))
            case RemoveField(record, field):
                check_field_name(field)
                if stays(self._kind(record, field)):
                    raise InputError(f"The field '{field}' stays once it is set: purge the record.")
                self._staged.pop((record, field), None)
                self._removed[record, field] = None
            case EditText(record, text):
                check_text(text)
                self._texts[record] = text
            case Trash(record):
                self._check_exists(record)
                self._set(record, TRASHED, value=True)
            case Restore(record):
                self._check_exists(record)
                # A record that never was in the trash needs no field that says so.
                self._staged.pop((record, TRASHED), None)
                if self._view.live(record, TRASHED):
                    self._set(record, TRASHED, value=False)
            case Purge(record):
                self._purge(record)

    def _check_exists(self, record: str) -> None:
        is_staged = record in self._texts or any(record == touched[0] for touched in self._staged)
        if not is_staged and not self._view.has(record):
            raise NotFound("There is no such record in this wallet.")

    def _set(self, record: str, field: str, value: Scalar) -> None:
        if field == PURGED:
            raise InputError("The field 'purged' is set by purging the record.")
        if field == TRASHED and not isinstance(value, bool):
            raise InputError("The field 'trashed' is true or false.")
        if field == TYPE and not (isinstance(value, str) and value):
            raise InputError("A record's type is a name.")
        current = self._values(record, field)
        if not check_successor(self._kind(record, field), field, current, value):
            return
        self._removed.pop((record, field), None)
        self._staged[record, field] = value

    def _purge(self, record: str) -> None:
        self._check_exists(record)
        for touched in [touched for touched in self._staged if touched[0] == record]:
            del self._staged[touched]
        for field in self._view.field_names(record):
            if field != PURGED:
                self._removed[record, field] = None
        # The texts are emptied, not deleted: a deletion would win over a concurrent edit.
        self._texts[record] = ""
        self._staged[record, PURGED] = True

    def _kind(self, record: str, field: str) -> Merge:
        staged = self._staged.get((record, TYPE))
        record_type = staged if isinstance(staged, str) else self._view.type_of(record)
        return self._merge_kinds(record_type, field)

    def _values(self, record: str, field: str) -> list[Scalar]:
        """Return the values that the field has after the edits so far."""
        if (record, field) in self._staged:
            return [self._staged[record, field]]
        if (record, field) in self._removed:
            return []
        return [value for _, value, _ in self._view.live(record, field)]

    def _splice(self, record: str, text: str, new_key: str) -> None:
        parts = self._view.notes(record)
        keys = self._view.note_keys(record)
        if not keys:
            self._replace(new_key, "", text)
            return
        before, after = "", self._view.note(record)
        for key, part in parts.items():
            # Shown are the parts with a blank line between; is the edit within this one?
            after = after[len(part) :]
            middle = text[len(before) : len(text) - len(after)]
            if middle and before + middle + after == text:
                self._replace(key, part, middle)
                return
            before, after = before + part + after[:2], after[2:]
        target = next(iter(parts), keys[0])
        self._replace(target, parts.get(target, ""), text)
        for key, part in parts.items():
            if key != target:
                self._replace(key, part, "")

    def _replace(self, key: str, old: str, new: str) -> None:
        """Splice the part in which two texts differ."""
        shortest = min(len(old), len(new))
        start = next((at for at in range(shortest) if old[at] != new[at]), shortest)
        rest = shortest - start
        end = next((at for at in range(rest) if old[-1 - at] != new[-1 - at]), rest)
        insert = new[start : len(new) - end]
        splice = Splice(key=key, start=start, delete_count=len(old) - start - end, insert=insert)
        self.splices.append(splice)


def check_text(text: str) -> None:
    """Check that a note may read like this.

    Raises:
        InputError: it is not Unicode text.
        LimitExceeded: it is longer than 64 KiB.
    """
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise InputError("A note is Unicode without lone surrogates.") from error
    if size > NOTE_SIZE_MAX:
        raise LimitExceeded(f"A note holds at most {NOTE_SIZE_MAX} bytes of text.")

import pytest

from billfold.document import (
    NOTES,
    Change,
    Document,
    Edit,
    EditText,
    FieldEdit,
    Purge,
    RemoveField,
    Scalar,
    Trash,
    random_record_id,
)
from billfold_protocol.errors import InputError, NotFound

LAPTOP = b"feed of laptop 1"
PHONE = b"feed of phone 01"
RECORD = random_record_id(bytes(16))
OTHER = random_record_id(bytes(15) + b"\x01")


def make(document: Document, *edits: Edit, time_ms: int = 0) -> Change:
    change = document.change(edits, time_ms=time_ms)
    assert change is not None
    return change


def value(document: Document, field: str) -> Scalar:
    state = document.field(RECORD, field)
    assert state is not None
    return state.value


def test_history_tells_value_author_and_time_also_after_a_snapshot() -> None:
    laptop, phone = Document(LAPTOP), Document(PHONE)
    first = make(laptop, FieldEdit(RECORD, "name", "a"), FieldEdit(OTHER, "name", "x"), time_ms=10)
    phone.apply([first.raw])
    second = make(phone, FieldEdit(RECORD, "name", "b"), time_ms=20)
    third = make(phone, RemoveField(RECORD, "name"), time_ms=30)
    laptop.apply([second.raw, third.raw])
    for document in (laptop, phone, Document.load(laptop.save(), actor=b"tablet's feed 01")):
        items = document.history(RECORD, "name")
        assert [(item.value, item.actor, item.time_ms, item.is_removal) for item in items] == [
            ("a", LAPTOP, 10, False),
            ("b", PHONE, 20, False),
            (None, PHONE, None, True),
        ]
        assert [item.is_current for item in items] == [False, False, True]
        assert [item.change for item in items] == [first.hash, second.hash, third.hash]


def test_history_is_found_in_a_change_that_is_deflated() -> None:
    document = Document(LAPTOP)
    change = make(document, FieldEdit(RECORD, "a", "x" * 5_000), FieldEdit(RECORD, "b", 1))
    assert len(change.raw) < 1_000
    assert [item.value for item in document.history(RECORD, "a")] == ["x" * 5_000]


def test_both_values_of_a_conflict_are_current() -> None:
    laptop, phone = Document(LAPTOP), Document(PHONE)
    make(laptop, FieldEdit(RECORD, "name", "a"))
    laptop.apply([make(phone, FieldEdit(RECORD, "name", "b")).raw])
    assert {item.value for item in laptop.history(RECORD, "name") if item.is_current} == {"a", "b"}


def test_a_field_that_never_was_has_no_history() -> None:
    document = Document(LAPTOP)
    assert document.history(RECORD, "name") == []
    with pytest.raises(NotFound):
        document.revert(RECORD, "name")
    with pytest.raises(InputError):
        document.history("not a record", "name")


def test_reverting_brings_back_the_value_before_and_is_itself_reverted() -> None:
    document = Document(LAPTOP)
    make(document, FieldEdit(RECORD, "name", "a"))
    make(document, FieldEdit(RECORD, "name", "b"))
    make(document, *document.revert(RECORD, "name"))
    assert value(document, "name") == "a"
    make(document, *document.revert(RECORD, "name"))
    assert value(document, "name") == "b"


def test_reverting_a_removal_or_a_first_value() -> None:
    document = Document(LAPTOP)
    make(document, FieldEdit(RECORD, "name", "a"))
    make(document, RemoveField(RECORD, "name"))
    make(document, *document.revert(RECORD, "name"))
    assert value(document, "name") == "a"
    make(document, FieldEdit(RECORD, "other", 1))
    assert document.revert(RECORD, "other") == [RemoveField(RECORD, "other")]


def test_reverting_the_shown_value_of_a_conflict_goes_back_to_what_its_author_saw() -> None:
    laptop, phone = Document(LAPTOP), Document(PHONE)
    phone.apply([make(laptop, FieldEdit(RECORD, "name", "old")).raw])
    make(laptop, FieldEdit(RECORD, "name", "a"))
    laptop.apply([make(phone, FieldEdit(RECORD, "name", "b")).raw])
    assert laptop.revert(RECORD, "name") == [FieldEdit(RECORD, "name", "old")]


def test_a_note_has_a_history_and_goes_back() -> None:
    document = Document(LAPTOP)
    make(document, EditText(RECORD, "one"))
    make(document, EditText(RECORD, "one two"))
    items = document.history(RECORD, NOTES)
    assert [item.value for item in items] == ["one", "one two"]
    assert [item.is_current for item in items] == [False, True]
    make(document, *document.revert(RECORD, NOTES))
    assert document.record(RECORD).notes == "one"


def test_undoing_a_change_leaves_what_was_replaced_since() -> None:
    document = Document(LAPTOP)
    make(document, FieldEdit(RECORD, "a", 1), FieldEdit(RECORD, "b", 1), EditText(RECORD, "one"))
    change = make(
        document,
        FieldEdit(RECORD, "a", 2),
        FieldEdit(RECORD, "b", 2),
        FieldEdit(RECORD, "c", 2),
        EditText(RECORD, "two"),
    )
    make(document, FieldEdit(RECORD, "b", 3))
    assert set(document.revert_change(change.hash)) == {
        FieldEdit(RECORD, "a", 1),
        RemoveField(RECORD, "c"),
        EditText(RECORD, "one"),
    }
    make(document, *document.revert_change(change.hash))
    assert document.revert_change(change.hash) == []


def test_undoing_a_change_that_made_a_record_trashes_it() -> None:
    document = Document(LAPTOP)
    change = make(document, FieldEdit(RECORD, "type", "login"), FieldEdit(RECORD, "a", 1))
    assert document.revert_change(change.hash) == [Trash(RECORD)]


def test_a_purge_and_a_change_of_another_wallet_cannot_be_undone() -> None:
    document = Document(LAPTOP)
    make(document, FieldEdit(RECORD, "a", 1))
    purge = make(document, Purge(RECORD))
    with pytest.raises(InputError):
        document.revert_change(purge.hash)
    with pytest.raises(NotFound):
        document.revert_change(bytes(32))

import pytest

from billfold.document import (
    Change,
    Document,
    Edit,
    EditText,
    FieldEdit,
    Merge,
    MergeKind,
    Purge,
    RemoveField,
    Restore,
    Scalar,
    Trash,
    base_merge_kinds,
    random_record_id,
    record_id,
)
from billfold_protocol.errors import InputError, NotFound

LAPTOP = b"feed of laptop 1"
PHONE = b"feed of phone 01"
WALLET = bytes(32)
RECORD = random_record_id(bytes(range(16)))


def make(document: Document, *edits: Edit, time_ms: int = 1_700_000_000_000) -> Change:
    change = document.change(edits, time_ms=time_ms)
    assert change is not None
    return change


def pair(*edits: Edit) -> tuple[Document, Document]:
    """Return two devices that both have these edits."""
    laptop, phone = Document(LAPTOP), Document(PHONE)
    if edits:
        phone.apply([make(laptop, *edits).raw])
    return laptop, phone


def merge(one: Document, other: Document, from_one: Change, from_other: Change) -> None:
    one.apply([from_other.raw])
    other.apply([from_one.raw])
    assert one.state_hash() == other.state_hash()


def shown(document: Document, record: str, field: str) -> Scalar:
    state = document.field(record, field)
    assert state is not None
    return state.value


def test_edits_of_different_fields_merge() -> None:
    laptop, phone = pair(FieldEdit(RECORD, "a", 1), FieldEdit(RECORD, "b", 1))
    merge(
        laptop,
        phone,
        make(laptop, FieldEdit(RECORD, "a", 2)),
        make(phone, FieldEdit(RECORD, "b", 2)),
    )
    assert (shown(laptop, RECORD, "a"), shown(laptop, RECORD, "b")) == (2, 2)
    assert laptop.conflicts() == []


def test_a_field_that_two_devices_set_keeps_both_values_until_one_is_chosen() -> None:
    laptop, phone = pair(FieldEdit(RECORD, "secret", "old"))
    merge(
        laptop,
        phone,
        make(laptop, FieldEdit(RECORD, "secret", "from laptop")),
        make(phone, FieldEdit(RECORD, "secret", "from phone")),
    )
    (conflict,) = phone.conflicts()
    assert (conflict.record, conflict.field) == (RECORD, "secret")
    assert {value.value for value in conflict.values} == {"from laptop", "from phone"}
    assert shown(laptop, RECORD, "secret") == conflict.values[0].value
    chosen = conflict.values[0].value
    laptop.apply([make(phone, FieldEdit(RECORD, "secret", chosen)).raw])
    assert laptop.conflicts() == []
    assert laptop.state_hash() == phone.state_hash()


def test_equal_values_are_no_conflict() -> None:
    laptop, phone = pair()
    merge(
        laptop,
        phone,
        make(laptop, FieldEdit(RECORD, "field", 1)),
        make(phone, FieldEdit(RECORD, "field", 1)),
    )
    assert laptop.conflicts() == []
    assert laptop.change([FieldEdit(RECORD, "field", 1)], time_ms=0) is None


def test_a_value_set_meanwhile_survives_a_removal() -> None:
    laptop, phone = pair(FieldEdit(RECORD, "field", 1))
    merge(
        laptop,
        phone,
        make(laptop, RemoveField(RECORD, "field")),
        make(phone, FieldEdit(RECORD, "field", 2)),
    )
    assert shown(laptop, RECORD, "field") == 2


def test_an_element_added_meanwhile_stays_in_the_set() -> None:
    laptop, phone = pair(FieldEdit(RECORD, "tags/red", value=True))
    off = make(laptop, FieldEdit(RECORD, "tags/red", value=False))
    phone.apply([off.raw])
    on = make(phone, FieldEdit(RECORD, "tags/red", value=True))
    off_again = make(laptop, FieldEdit(RECORD, "tags/red", None))
    merge(laptop, phone, off_again, on)
    assert shown(laptop, RECORD, "tags/red") is True
    assert laptop.conflicts() == []


def test_an_edit_made_meanwhile_lands_in_the_trash_and_is_not_lost() -> None:
    laptop, phone = pair(FieldEdit(RECORD, "type", "login"), FieldEdit(RECORD, "name", "a"))
    merge(
        laptop,
        phone,
        make(laptop, Trash(RECORD)),
        make(phone, FieldEdit(RECORD, "name", "b")),
    )
    assert laptop.records() == []
    (record,) = laptop.records(trashed=True)
    assert (record.is_trashed, record.fields["name"].value) == (True, "b")
    make(laptop, Restore(RECORD))
    assert [view.id for view in laptop.records("login")] == [RECORD]
    assert laptop.records(trashed=True) == []


def test_a_purged_record_is_listed_nowhere() -> None:
    laptop, phone = pair(FieldEdit(RECORD, "type", "login"), EditText(RECORD, "note"))
    phone.apply([make(laptop, Purge(RECORD)).raw])
    for document in (laptop, phone):
        assert document.records() == []
        assert document.records(trashed=True) == []
        assert document.record(RECORD).is_purged
        assert document.record(RECORD).notes == ""


def test_an_edit_made_meanwhile_brings_a_purged_record_into_the_trash() -> None:
    laptop, phone = pair(FieldEdit(RECORD, "type", "login"), FieldEdit(RECORD, "name", "a"))
    merge(
        laptop,
        phone,
        make(laptop, Purge(RECORD)),
        make(phone, FieldEdit(RECORD, "name", "b")),
    )
    (record,) = laptop.records(trashed=True)
    assert (record.is_purged, record.fields["name"].value) == (True, "b")
    make(laptop, Purge(RECORD))
    assert laptop.records(trashed=True) == []


def test_a_note_edited_meanwhile_brings_a_purged_record_into_the_trash() -> None:
    laptop, phone = pair(EditText(RECORD, "call mum"))
    merge(
        laptop, phone, make(laptop, Purge(RECORD)), make(phone, EditText(RECORD, "call mum soon"))
    )
    (record,) = laptop.records(trashed=True)
    assert record.notes == " soon"


def test_a_purge_is_never_undone() -> None:
    document, _ = pair(FieldEdit(RECORD, "name", "a"))
    make(document, Purge(RECORD))
    for edit in (FieldEdit(RECORD, "purged", value=False), RemoveField(RECORD, "purged")):
        with pytest.raises(InputError):
            document.change([edit], time_ms=0)


def test_what_was_purged_and_is_added_again_is_a_new_record() -> None:
    document = Document(LAPTOP)
    first = document.natural_record_id(WALLET, "relationship", "acme")
    assert first == record_id(WALLET, "relationship", "acme")
    make(document, FieldEdit(first, "type", "relationship"))
    assert document.natural_record_id(WALLET, "relationship", "acme") == first
    make(document, Purge(first))
    second = document.natural_record_id(WALLET, "relationship", "acme")
    assert second == record_id(WALLET, "relationship", "acme", 1)
    assert second != first


def test_the_same_thing_added_on_two_devices_is_one_record() -> None:
    laptop, phone = pair()
    record = laptop.natural_record_id(WALLET, "relationship", "acme")
    merge(
        laptop,
        phone,
        make(laptop, FieldEdit(record, "type", "relationship"), FieldEdit(record, "name", "Acme")),
        make(phone, FieldEdit(record, "type", "relationship"), FieldEdit(record, "since", 2020)),
    )
    (view,) = laptop.records("relationship")
    assert (view.fields["name"].value, view.fields["since"].value) == ("Acme", 2020)
    assert view.conflicts == {}


@pytest.mark.parametrize("edit", [Trash(RECORD), Restore(RECORD), Purge(RECORD)])
def test_a_record_that_is_not_there_cannot_be_trashed(edit: Edit) -> None:
    with pytest.raises(NotFound):
        Document(LAPTOP).change([edit], time_ms=0)


def test_a_type_is_set_once() -> None:
    document, _ = pair(FieldEdit(RECORD, "type", "login"))
    for edit in (FieldEdit(RECORD, "type", "pass"), RemoveField(RECORD, "type")):
        with pytest.raises(InputError):
            document.change([edit], time_ms=0)
    assert document.record(RECORD).type == "login"


def test_a_type_set_differently_on_two_devices_is_chosen_among_the_two() -> None:
    laptop, phone = pair()
    merge(
        laptop,
        phone,
        make(laptop, FieldEdit(RECORD, "type", "login")),
        make(phone, FieldEdit(RECORD, "type", "pass")),
    )
    assert [conflict.field for conflict in laptop.conflicts()] == ["type"]
    make(laptop, FieldEdit(RECORD, "type", "pass"))
    assert laptop.record(RECORD).type == "pass"
    assert laptop.conflicts() == []


def test_merge_kinds_come_from_outside() -> None:
    def merge_kinds(record_type: str | None, field: str) -> Merge:
        if (record_type, field) == ("login", "used"):
            return MergeKind.LAST_WRITER
        return base_merge_kinds(record_type, field)

    laptop, phone = Document(LAPTOP, merge_kinds), Document(PHONE, merge_kinds)
    base = make(laptop, FieldEdit(RECORD, "type", "login"))
    phone.apply([base.raw])
    merge(
        laptop,
        phone,
        make(laptop, FieldEdit(RECORD, "used", 1)),
        make(phone, FieldEdit(RECORD, "used", 2)),
    )
    assert laptop.conflicts() == []
    assert shown(laptop, RECORD, "used") == shown(phone, RECORD, "used")


def test_concurrent_edits_of_a_note_merge_letter_by_letter() -> None:
    laptop, phone = pair(EditText(RECORD, "buy milk"))
    merge(
        laptop,
        phone,
        make(laptop, EditText(RECORD, "buy oat milk")),
        make(phone, EditText(RECORD, "buy milk!")),
    )
    assert laptop.record(RECORD).notes == "buy oat milk!"


def test_notes_made_on_two_devices_are_shown_together() -> None:
    laptop, phone = pair()
    merge(
        laptop, phone, make(laptop, EditText(RECORD, "one")), make(phone, EditText(RECORD, "two"))
    )
    text = laptop.record(RECORD).notes
    assert sorted(text.split("\n\n")) == ["one", "two"]
    phone.apply([make(laptop, EditText(RECORD, text.replace("two", "2"))).raw])
    assert phone.record(RECORD).notes == text.replace("two", "2")

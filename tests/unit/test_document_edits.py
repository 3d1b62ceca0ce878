import random

import pytest

from billfold.document import (
    Change,
    Document,
    Edit,
    EditText,
    FieldEdit,
    RemoveField,
    Scalar,
    Trash,
    random_record_id,
)
from billfold.document.limits import (
    CHANGE_SIZE_MAX,
    EDIT_COUNT_MAX,
    FIELD_NAME_LENGTH_MAX,
    NOTE_SIZE_MAX,
    VALUE_SIZE_MAX,
)
from billfold_protocol.errors import InputError, LimitExceeded

LAPTOP = b"feed of laptop 1"
PHONE = b"feed of phone 01"
RECORD = random_record_id(bytes(range(16)))
OTHER = random_record_id(bytes(range(1, 17)))


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


def shown(document: Document, record: str, field: str) -> Scalar:
    state = document.field(record, field)
    assert state is not None
    return state.value


@pytest.mark.parametrize(
    "value",
    [None, True, False, 0, -(2**63), 2**63 - 1, 1.5, -1e300, "", "☀ é\n", b"", b"\x00\xff" * 300],
)
def test_a_field_reads_as_it_was_written_here_and_elsewhere(value: Scalar) -> None:
    laptop, phone = pair(FieldEdit(RECORD, "field", value))
    for document in (laptop, phone, Document.load(laptop.save(), actor=PHONE)):
        read = shown(document, RECORD, "field")
        assert read == value
        assert type(read) is type(value)


def test_a_value_says_when_and_by_whom_it_was_written() -> None:
    _, phone = pair(FieldEdit(RECORD, "field", 1))
    state = phone.field(RECORD, "field")
    assert state is not None
    (value,) = state.values
    assert (value.time_ms, value.actor) == (1_700_000_000_000, LAPTOP)


@pytest.mark.parametrize(("time_ms", "told"), [(-5, 0), (2**60, 2**48 - 1)])
def test_a_clock_that_is_off_is_no_reason_to_refuse_an_edit(time_ms: int, told: int) -> None:
    document = Document(LAPTOP)
    make(document, FieldEdit(RECORD, "field", 1), time_ms=time_ms)
    state = document.field(RECORD, "field")
    assert state is not None
    assert state.values[0].time_ms == told


def test_setting_what_a_field_holds_is_no_edit() -> None:
    document, _ = pair(FieldEdit(RECORD, "field", 1))
    assert document.change([FieldEdit(RECORD, "field", 1)], time_ms=0) is None
    assert document.change([RemoveField(RECORD, "absent")], time_ms=0) is None
    assert document.change([EditText(RECORD, "")], time_ms=0) is None
    assert document.change([], time_ms=0) is None


def test_one_is_not_true_and_not_one_point_zero() -> None:
    document, _ = pair(FieldEdit(RECORD, "field", 1))
    make(document, FieldEdit(RECORD, "field", value=True))
    assert shown(document, RECORD, "field") is True
    make(document, FieldEdit(RECORD, "field", 1.0))
    assert type(shown(document, RECORD, "field")) is float


def test_the_last_of_several_edits_of_a_field_stands() -> None:
    document = Document(LAPTOP)
    first, then = FieldEdit(RECORD, "a", 1), FieldEdit(RECORD, "a", 2)
    make(
        document,
        first,
        then,
        RemoveField(RECORD, "a"),
        FieldEdit(RECORD, "a", 3),
        FieldEdit(RECORD, "b", 1),
    )
    assert {name: state.value for name, state in document.fields(RECORD).items()} == {
        "a": 3,
        "b": 1,
    }


def test_a_change_names_the_fields_that_differ() -> None:
    laptop, phone = pair(FieldEdit(RECORD, "same", 1))
    change = make(laptop, FieldEdit(RECORD, "same", 1), FieldEdit(RECORD, "new", 2))
    assert change.touched == {(RECORD, "new")}
    assert phone.apply([change.raw]).touched == change.touched


@pytest.mark.parametrize(
    "value",
    [2**63, -(2**63) - 1, float("nan"), float("inf"), "\ud800", ["list"], {}, object()],
)
def test_a_value_that_no_field_holds_is_refused(value: Scalar) -> None:
    with pytest.raises(InputError):
        Document(LAPTOP).change([FieldEdit(RECORD, "field", value)], time_ms=0)


@pytest.mark.parametrize("value", ["☀" * (VALUE_SIZE_MAX // 3 + 1), bytes(VALUE_SIZE_MAX + 1)])
def test_a_value_above_the_bound_is_refused(value: Scalar) -> None:
    with pytest.raises(LimitExceeded):
        Document(LAPTOP).change([FieldEdit(RECORD, "field", value)], time_ms=0)


@pytest.mark.parametrize(
    "field",
    ["", "a#b", "a\nb", "a\u2028b", "/a", "a/", "a//b", "notes", "notes/x", "\ud800", "a\x7f"],
)
def test_a_field_name_outside_the_grammar_is_refused(field: str) -> None:
    for edit in (FieldEdit(RECORD, field, 1), RemoveField(RECORD, field)):
        with pytest.raises(InputError):
            Document(LAPTOP).change([edit], time_ms=0)


def test_a_field_name_that_is_too_long_is_refused() -> None:
    edit = FieldEdit(RECORD, "x" * (FIELD_NAME_LENGTH_MAX + 1), 1)
    with pytest.raises(InputError):
        Document(LAPTOP).change([edit], time_ms=0)


def test_the_longest_field_name_is_taken_in_elsewhere() -> None:
    field = "☀" * FIELD_NAME_LENGTH_MAX
    _, phone = pair(FieldEdit(RECORD, field, 1))
    assert shown(phone, RECORD, field) == 1


@pytest.mark.parametrize("record", ["", RECORD[:-1], RECORD.upper(), RECORD[:-1] + "b", "x" * 26])
def test_a_record_id_in_another_spelling_is_refused(record: str) -> None:
    with pytest.raises(InputError):
        Document(LAPTOP).change([FieldEdit(record, "field", 1)], time_ms=0)


def test_a_note_above_the_bound_is_refused() -> None:
    with pytest.raises(LimitExceeded):
        Document(LAPTOP).change([EditText(RECORD, "x" * (NOTE_SIZE_MAX + 1))], time_ms=0)


def test_a_refused_change_leaves_nothing_behind() -> None:
    """The last edit fails, or all together are too large: no earlier one of them is made."""
    document, phone = pair(FieldEdit(RECORD, "field", 1))
    before = document.heads, document.state_hash()
    with pytest.raises(InputError):
        document.change([FieldEdit(RECORD, "a", 1), FieldEdit(RECORD, "#", 1)], time_ms=0)
    # Deflating does not help against these.
    generator = random.Random(1)
    large = [
        FieldEdit(RECORD, f"field {index}", generator.randbytes(VALUE_SIZE_MAX))
        for index in range(CHANGE_SIZE_MAX // VALUE_SIZE_MAX + 1)
    ]
    with pytest.raises(LimitExceeded):
        document.change(large, time_ms=0)
    assert (document.heads, document.state_hash()) == before
    phone.apply([make(document, FieldEdit(RECORD, "field", 2)).raw])
    assert phone.state_hash() == document.state_hash()


def test_too_many_edits_for_one_change_are_refused() -> None:
    with pytest.raises(LimitExceeded):
        Document(LAPTOP).change([Trash(RECORD)] * (EDIT_COUNT_MAX + 1), time_ms=0)


def test_an_actor_is_sixteen_bytes() -> None:
    with pytest.raises(InputError):
        Document(b"short")


def test_a_device_that_opens_a_new_feed_goes_on_writing() -> None:
    laptop, phone = pair(FieldEdit(RECORD, "field", 1))
    laptop = Document.load(laptop.save(), actor=b"a later feed  01")
    change = make(laptop, FieldEdit(RECORD, "field", 2))
    assert phone.apply([change.raw], feed=b"a later feed  01").hashes == (change.hash,)
    assert phone.state_hash() == laptop.state_hash()


def test_the_state_hash_tells_wallets_apart_and_nothing_else() -> None:
    laptop, phone = pair(FieldEdit(RECORD, "field", 1), FieldEdit(OTHER, "field", 1))
    assert laptop.state_hash() == phone.state_hash()
    assert laptop.state_hash([b"x" * 32]) != phone.state_hash()
    make(laptop, FieldEdit(RECORD, "field", 2))
    assert laptop.state_hash() != phone.state_hash()
    # Another value, author, tag and time on the way to the same value make no difference.
    make(phone, FieldEdit(RECORD, "field", 2), time_ms=5)
    assert laptop.state_hash() == phone.state_hash()

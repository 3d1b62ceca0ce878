import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billfold.document.columns import (
    encode_unsigned,
    read_deltas,
    read_flags,
    read_numbers,
    read_signed,
    read_texts,
    read_unsigned,
)
from billfold.document.identifiers import (
    change_mark,
    change_tag,
    field_key,
    has_mark,
    note_key,
    parse_field_key,
    random_record_id,
    record_id,
    record_of_note_key,
    text_of,
    time_of_tag,
)
from billfold_protocol.errors import InputError, LimitExceeded, Malformed

ACTOR = b"feed of laptop 1"
RECORD = random_record_id(bytes(16))


def test_a_record_id_is_the_hash_of_what_it_stands_for() -> None:
    parts = [b"billfold/v1/record-id", b"w" * 32, b"login", b"key", b"\x00\x00\x00\x02"]
    packed = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    expected = text_of(hashlib.sha256(packed).digest()[:16])
    assert record_id(b"w" * 32, "login", "key", 2) == expected
    assert len(expected) == 26


def test_ids_of_different_things_differ() -> None:
    ids = {
        record_id(b"w", "login", "key"),
        record_id(b"w", "login", "key", 1),
        record_id(b"w", "loginkey", ""),
        record_id(b"w", "logi", "nkey"),
        record_id(b"wl", "ogin", "key"),
    }
    assert len(ids) == 5
    with pytest.raises(InputError):
        record_id(b"w", "login", "key", -1)
    with pytest.raises(InputError):
        random_record_id(bytes(15))


@given(st.integers(0, 2**48 - 1), st.integers(1, 2**53), st.text("ab/☀", min_size=1, max_size=9))
def test_a_tag_tells_its_time_and_its_change(time_ms: int, seq: int, field: str) -> None:
    tag = change_tag(time_ms, ACTOR, seq)
    assert parse_field_key(field_key(RECORD, field, tag)) == (RECORD, field, tag)
    assert time_of_tag(tag) == time_ms
    assert has_mark(tag, change_mark(ACTOR, seq))
    assert not has_mark(tag, change_mark(ACTOR, seq + 1))
    assert not has_mark(tag, change_mark(ACTOR[::-1], seq))


def test_no_two_changes_have_one_mark() -> None:
    """The feed's id takes up the same characters in each, so the number cannot run into it."""
    actors = [bytes([number]) * 16 for number in range(256)]
    marks = {change_mark(actor, seq) for actor in actors for seq in (1, 2, 16, 17, 256, 2**53)}
    assert len(marks) == 256 * 6


def test_keys_of_fields_and_of_notes_are_told_apart() -> None:
    assert record_of_note_key(note_key(RECORD, ACTOR, 1)) == RECORD
    assert note_key(RECORD, ACTOR, 1) != note_key(RECORD, ACTOR, 2)
    assert parse_field_key(note_key(RECORD, ACTOR, 1)) is None
    assert record_of_note_key(field_key(RECORD, "notes", "A" * 31)) is None
    for key in ("", "x", RECORD, f"{RECORD}/a", f"{RECORD}/#{'A' * 31}", f"{RECORD}/a#{'A' * 30}"):
        assert parse_field_key(key) is None


@given(st.integers(0, 2**64 - 1))
def test_a_number_is_read_as_it_was_written(number: int) -> None:
    encoded = encode_unsigned(number)
    assert read_unsigned(b"\xff" + encoded + b"\x01", 1) == (number, 1 + len(encoded))


@pytest.mark.parametrize(
    "encoded", [b"", b"\x80", b"\x80\x00", b"\xff" * 9 + b"\x02", b"\xff" * 20]
)
def test_a_number_cut_short_or_too_long_is_refused(encoded: bytes) -> None:
    with pytest.raises(Malformed):
        read_unsigned(encoded, 0)


@pytest.mark.parametrize(
    ("encoded", "number"),
    [(b"\x00", 0), (b"\x7f", -1), (b"\x3f", 63), (b"\x40", -64), (b"\xc0\x00", 64)],
)
def test_a_signed_number_is_read(encoded: bytes, number: int) -> None:
    assert read_signed(encoded, 0) == (number, len(encoded))


def test_columns_expand_to_their_rows() -> None:
    assert read_numbers(b"\x02\x05\x7e\x01\x02\x00\x02") == [5, 5, 1, 2, None, None]
    assert read_deltas(b"\x02\x01\x00\x01\x7f\x7f") == [1, 2, None, 1]
    assert read_texts(b"\x7e\x01a\x01b\x00\x01\x02\x01c") == ["a", "b", None, "c", "c"]
    assert read_flags(b"\x01\x02\x00\x01") == [False, True, True, True]


@pytest.mark.parametrize("run", [b"\xff\xff\xff\xff\x0f\x00", b"\x00\xff\xff\xff\xff\x0f"])
def test_a_column_that_expands_beyond_the_bound_is_refused(run: bytes) -> None:
    for read in (read_numbers, read_deltas, read_texts):
        with pytest.raises(LimitExceeded):
            read(run)
    with pytest.raises(LimitExceeded):
        read_flags(b"\xff\xff\xff\xff\x0f")

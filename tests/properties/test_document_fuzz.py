import hashlib
import zlib

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from billfold.document import (
    Document,
    Edit,
    EditText,
    FieldEdit,
    RemoveField,
    SetAside,
    random_record_id,
)
from billfold.document.columns import encode_unsigned, read_unsigned
from billfold_protocol.errors import (
    LimitExceeded,
    Malformed,
    PeerPoison,
    Quarantined,
    StoreDamaged,
)
from tests.support.examples import examples

MALLORY = b"mallory's feed 1"
ALICE = b"a feed of alice1"
BOB = b"a feed of bob 01"
RECORDS = [random_record_id(bytes([number]) * 16) for number in range(4)]


def author() -> tuple[Document, list[bytes]]:
    """Return a document of Mallory's with fields and a note, and its changes."""
    document = Document(MALLORY)
    several: list[list[Edit]] = [
        [FieldEdit(record, "type", "login") for record in RECORDS],
        [FieldEdit(record, "count", 1) for record in RECORDS],
        [EditText(RECORDS[1], "hello world"), FieldEdit(RECORDS[0], "raw", b"abc")],
        [EditText(RECORDS[1], "help word"), FieldEdit(RECORDS[0], "ratio", 1.5)],
    ]
    changes = [document.change(edits, time_ms=5) for edits in several]
    return document, [change.raw for change in changes if change is not None]


BASE, CHANGES = author()
SAVED = BASE.save()


def contents(raw: bytes) -> bytes:
    size, start = read_unsigned(raw, 9)
    assert start + size == len(raw)
    return raw[start:] if raw[8] == 1 else zlib.decompress(raw[start:], -15)


def sealed(body: bytes) -> bytes:
    """Return a change's frame with the checksum that these contents have."""
    frame = b"\x01" + encode_unsigned(len(body)) + body
    return b"\x85oJ\x83" + hashlib.sha256(frame).digest()[:4] + frame


def next_changes() -> list[bytes]:
    several: list[list[Edit]] = [
        [FieldEdit(record, "count", 2) for record in RECORDS],
        [FieldEdit(RECORDS[0], "new", "value")],
        [EditText(RECORDS[1], "halp, words"), RemoveField(RECORDS[0], "ratio")],
        [EditText(RECORDS[2], "a new text"), FieldEdit(RECORDS[2], "tags/x", value=True)],
    ]
    changes = [Document.load(SAVED, actor=MALLORY).change(edits, time_ms=6) for edits in several]
    return [contents(change.raw) for change in changes if change is not None]


NEXT = next_changes()

# What to do (replace, delete, insert), at which place in a change, with which byte.
mutations = st.lists(
    st.tuples(st.sampled_from("rdi"), st.integers(0, 2000), st.integers(0, 255)),
    min_size=1,
    max_size=3,
)


def mutate(body: bytes, several: list[tuple[str, int, int]]) -> bytes:
    mutated = bytearray(body)
    for kind, place, byte in several:
        # The head with dependencies and author would only make the change wait.
        position = 50 + place % (len(mutated) - 50)
        match kind:
            case "r":
                mutated[position] = byte
            case "d":
                del mutated[position]
            case _:
                mutated.insert(position, byte)
    return bytes(mutated)


@given(st.sampled_from(NEXT), mutations)
@settings(max_examples=examples(400))
def test_a_forged_change_is_set_aside_or_merges_like_any_other(
    body: bytes,
    several: list[tuple[str, int, int]],
) -> None:
    """Whatever is let in must read the same live, after a restart, and beside a concurrent edit."""
    raw = sealed(mutate(body, several))
    document = Document.load(SAVED, actor=BOB)
    before = document.record_ids(), document.heads
    applied = document.apply([raw], feed=MALLORY)
    kept: tuple[SetAside, ...] = document.set_aside
    if kept:
        assert (document.record_ids(), document.heads) == before
        assert isinstance(kept[0].error, Malformed | Quarantined | PeerPoison | LimitExceeded)
    reopened = Document.load(
        document.save(),
        document.waiting,
        actor=BOB,
        set_aside=kept,
    )
    assert reopened.state_hash() == document.state_hash()
    assert reopened.heads == document.heads
    concurrent = Document.load(SAVED, actor=ALICE)
    honest = concurrent.change(
        [FieldEdit(RECORDS[0], "count", 9), EditText(RECORDS[1], "hello, honest world")],
        time_ms=7,
    )
    assert honest is not None
    document.apply([honest.raw], feed=ALICE)
    concurrent.apply([raw], feed=MALLORY)
    assert document.state_hash() == concurrent.state_hash()
    assert document.has_change(honest.hash)
    assert all(concurrent.has_change(change_hash) for change_hash in applied.hashes)


@given(st.binary(max_size=200))
@example(b"")
@example(CHANGES[0][:8])
@settings(max_examples=examples(200))
def test_bytes_that_are_no_change_are_set_aside(raw: bytes) -> None:
    document = Document.load(SAVED, actor=BOB)
    applied = document.apply([raw], feed=MALLORY)
    assert [type(item.error) for item in applied.set_aside] == [Malformed]
    assert applied.set_aside[0].hash == hashlib.sha256(raw).digest()
    assert document.heads == BASE.heads


@given(st.integers(0, 10_000), st.integers(1, 255))
@settings(max_examples=examples(200))
def test_a_flipped_byte_of_a_saved_document_is_a_damaged_store(place: int, flip: int) -> None:
    damaged = bytearray(SAVED)
    damaged[place % len(damaged)] ^= flip
    try:
        document = Document.load(bytes(damaged), actor=BOB)
    except StoreDamaged:
        return
    assert document.state_hash() == BASE.state_hash()


@given(st.integers(1, 10_000))
@settings(max_examples=examples(100))
def test_a_saved_document_cut_short_is_a_damaged_store(place: int) -> None:
    cut = SAVED[: place % (len(SAVED) - 1) + 1]
    with pytest.raises(StoreDamaged):
        Document.load(cut, actor=BOB)

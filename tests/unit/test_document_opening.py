import hashlib
import zlib

import pytest

from billfold.document import Change, Document, Edit, FieldEdit, random_record_id
from billfold.document.changes import parse_change
from billfold.document.columns import encode_unsigned, read_unsigned
from billfold.document.limits import VALUE_SIZE_MAX
from billfold_protocol.errors import InputError, LimitExceeded, StoreDamaged

ALICE = b"a feed of alice1"
BOB = b"a feed of bob 01"
MALLORY = b"mallory's feed 1"
RECORD = random_record_id(bytes(16))


def make(document: Document, *edits: Edit) -> Change:
    change = document.change(edits, time_ms=1_700_000_000_000)
    assert change is not None
    return change


def counted(actor: bytes, count: int) -> list[bytes]:
    """Return a feed of changes that set one field to 0, 1, 2 …"""
    document = Document(actor)
    return [make(document, FieldEdit(RECORD, "field", number)).raw for number in range(count)]


def contents(raw: bytes) -> bytes:
    _, start = read_unsigned(raw, 9)
    return raw[start:] if raw[8] == 1 else zlib.decompress(raw[start:], -15)


def sealed(body: bytes) -> bytes:
    """Return a change's frame with the checksum that these contents have."""
    frame = b"\x01" + encode_unsigned(len(body)) + body
    return b"\x85oJ\x83" + hashlib.sha256(frame).digest()[:4] + frame


def test_what_waits_is_given_to_load_again() -> None:
    feed = counted(ALICE, 3)
    document = Document(BOB)
    document.apply([feed[0], feed[2]])
    reopened = Document.load(document.save(), document.waiting, actor=BOB)
    assert reopened.waiting == (feed[2],)
    assert reopened.apply([feed[1]]).hashes == tuple(parse_change(raw).hash for raw in feed[1:])


def test_what_was_never_in_its_turn_is_checked_when_the_wallet_opens() -> None:
    """Waiting changes are kept before it is known whether their counter follows."""
    own = Document(MALLORY)
    first = make(own, FieldEdit(RECORD, "other", 1)).raw
    second = contents(make(own, FieldEdit(RECORD, "other", 2)).raw)
    runs_ahead = sealed(second.replace(MALLORY + b"\x02\x02", MALLORY + b"\x02\x09"))
    document = Document.load(b"", [runs_ahead, first], actor=BOB)
    assert [item.raw for item in document.set_aside] == [runs_ahead]
    assert document.has_change(parse_change(first).hash)


def test_what_the_library_cannot_take_back_at_once_is_taken_in_one_by_one() -> None:
    # A whole number in two bytes that fits in one.
    body = contents(counted(MALLORY, 1)[0]).replace(b"\x57\x01", b"\x57\x02")
    poison = sealed(body.replace(b"\x7f\x14\x00", b"\x7f\x24\x80\x00"))
    honest = counted(ALICE, 3)
    document = Document.load(b"", [poison, *honest], actor=BOB)
    assert [item.raw for item in document.set_aside] == [poison]
    assert len(document.heads) == 1
    assert document.has_change(parse_change(honest[-1]).hash)


def test_bytes_that_are_no_document_are_a_damaged_store() -> None:
    for saved in (b"junk", b"\x85oJ\x83" + bytes(20)):
        with pytest.raises(StoreDamaged):
            Document.load(saved, actor=BOB)
    with pytest.raises(InputError):
        Document.load(b"", actor=b"short")


def test_a_change_that_inflates_beyond_what_others_take_in_is_not_made() -> None:
    document = Document(ALICE)
    edits = [FieldEdit(RECORD, f"field {number}", "x" * VALUE_SIZE_MAX) for number in range(65)]
    with pytest.raises(LimitExceeded):
        document.change(edits, time_ms=0)
    assert document.heads == ()


def test_a_change_travels_in_its_shorter_form() -> None:
    document = Document(ALICE)
    make(document, FieldEdit(RECORD, "secret", "value 1"))
    raw = make(document, FieldEdit(RECORD, "secret", "value 2")).raw
    assert len(raw) < len(sealed(contents(raw)))
    assert len(raw) <= 210

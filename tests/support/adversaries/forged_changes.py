"""Document changes that no honest device makes: mutated, deflated without end, with false counters.

Spec: 40-wallet-document.md
"""

import hashlib
import zlib
from random import Random

from billfold.document import Document, Edit, FieldEdit, random_record_id
from billfold.document.columns import encode_unsigned, read_unsigned

RECORD = random_record_id(bytes(16))
TIME_MS = 1_700_000_000_000
HEAD_SIZE = 50
"""Where a change's author and dependencies end, about; damage there only makes it wait."""


def change_by(actor: bytes, *edits: Edit, time_ms: int = TIME_MS) -> bytes:
    """Return the first change of an author."""
    change = Document(actor).change(edits or [FieldEdit(RECORD, "field", 0)], time_ms=time_ms)
    assert change is not None
    return change.raw


def change_after(document: Document, actor: bytes, *edits: Edit) -> bytes:
    """Return a change of an author who has seen all that a document holds."""
    seen = Document(actor)
    seen.apply([raw for _, raw in document.changes()])
    change = seen.change(edits, time_ms=TIME_MS)
    assert change is not None
    return change.raw


def contents(raw: bytes) -> bytes:
    """Return what is inside a change's frame."""
    _, start = read_unsigned(raw, 9)
    return raw[start:] if raw[8] == 1 else zlib.decompress(raw[start:], -15)


def framed(body: bytes) -> bytes:
    """Return a change's frame with the checksum that these contents have."""
    frame = b"\x01" + encode_unsigned(len(body)) + body
    return b"\x85oJ\x83" + hashlib.sha256(frame).digest()[:4] + frame


def mutated(actor: bytes, random: Random) -> bytes:
    """Return a change with a few bytes replaced, deleted or inserted, and a true checksum."""
    return damaged(contents(any_change(actor, random)), random)


def any_change(actor: bytes, random: Random) -> bytes:
    """Return the first change of an author, with a value of some type."""
    return change_by(actor, *_edits(random))


def damaged(contents: bytes, random: Random) -> bytes:
    """Return what is inside a change damaged in a few places, in a frame with a true checksum."""
    body = bytearray(contents)
    for _ in range(random.randrange(1, 4)):
        at = random.randrange(HEAD_SIZE, len(body))
        match random.randrange(3):
            case 0:
                body[at] = random.randrange(256)
            case 1:
                del body[at]
            case _:
                body.insert(at, random.randrange(256))
    return framed(bytes(body))


def unreadable_number(actor: bytes) -> bytes:
    """Return a change that makes the library panic: a number in more bytes than it needs."""
    body = contents(change_by(actor)).replace(b"\x7f\x14\x00", b"\x7f\x24\x80\x00")
    return framed(body.replace(b"\x57\x01", b"\x57\x02"))


def endless_run(actor: bytes) -> bytes:
    """Return a change a few bytes of which stand for 2^61 rows."""
    run = encode_unsigned(2**61) + b"\x00"
    body = contents(change_by(actor)).replace(b"\x70\x02", bytes((0x70, len(run) + 1)))
    return framed(body[:-2] + run + b"\x01")


def deflated_without_end(actor: bytes, inflated_size: int) -> bytes:
    """Return a change that is small and inflates to very much."""
    deflater = zlib.compressobj(level=9, wbits=-15)
    pieces = [deflater.compress(contents(change_by(actor)))]
    piece = bytes(2**20)
    pieces += [deflater.compress(piece) for _ in range(inflated_size // len(piece))]
    deflated = b"".join([*pieces, deflater.flush()])
    return b"\x85oJ\x83" + bytes(4) + b"\x02" + encode_unsigned(len(deflated)) + deflated


def with_counter(actor: bytes, counter: int) -> bytes:
    """Return a first change that says it begins at some operation counter."""
    body = contents(change_by(actor))
    head = b"\x00\x10" + actor + b"\x01"
    assert body.startswith(head + b"\x01")
    return framed(head + encode_unsigned(counter) + body[len(head) + 1 :])


def with_large_integer(actor: bytes) -> bytes:
    """Return a change that writes 2^256 where an integer is: 37 bytes of signed LEB128."""
    number = b"\x80" * 36 + b"\x10"
    metadata = encode_unsigned(len(number) << 4 | 4)
    body = contents(change_by(actor)).replace(b"\x7f\x14\x00", b"\x7f" + metadata + number)
    sizes = bytes((0x56, 1 + len(metadata), 0x57, len(number)))
    return framed(body.replace(b"\x56\x02\x57\x01", sizes))


def _edits(random: Random) -> list[Edit]:
    value = random.choice((1, 2.5, "text", True, "x" * 50))
    return [FieldEdit(RECORD, f"field {random.randrange(4)}", value)]

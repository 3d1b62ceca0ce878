"""Reads an automerge change far enough to decide, without the library, whether to let it in.

The library panics on some malformed changes and expands others without bound, so nothing reaches
it before its frame, checksum, counts and kinds of operations have been checked here. The layout
is that of the automerge binary format ("change chunk", "change chunk contents").

Spec: 40-wallet-document.md
"""

import hashlib
import zlib
from functools import lru_cache
from typing import Final, NamedTuple

from billfold.document.columns import (
    FIRST_LONG_BYTE,
    encode_unsigned,
    read_signed,
    read_unsigned,
)
from billfold.document.limits import (
    ACTOR_SIZE,
    CHANGE_ACTOR_COUNT_MAX,
    CHANGE_DEPENDENCY_COUNT_MAX,
    CHANGE_INFLATED_SIZE_MAX,
    CHANGE_MESSAGE_SIZE_MAX,
    CHANGE_OPERATION_COUNT_MAX,
    CHANGE_SIZE_MAX,
    HASH_SIZE,
    OPERATION_COUNTER_MAX,
)
from billfold.document.operations import (
    COLUMNS,
    Operations,
    read_operations,
)
from billfold_protocol.errors import LimitExceeded, Malformed, Quarantined

_MAGIC: Final = b"\x85\x6f\x4a\x83"
_CHECKSUM_SIZE: Final = 4
_TYPE_OFFSET: Final = len(_MAGIC) + _CHECKSUM_SIZE
_TYPE_CHANGE: Final = 1
_TYPE_DEFLATED: Final = 2
_LONG_BYTES: Final = bytes(range(FIRST_LONG_BYTE, 256))
_DEFLATE_SIZE_MIN: Final = 208
"""Bytes of a change that has more than one key; a single one cannot be deflated."""

_WINDOW_BITS_FEW: Final = 12
_DEFLATE_MEMORY_FEW: Final = 4


class ParsedChange(NamedTuple):
    """A change whose bytes are in order; whether it may be applied depends on its dependencies.

    It is a tuple because making a frozen dataclass takes a tenth of the time to read a change.
    """

    raw: bytes
    plain: bytes
    """The same change, inflated; the library takes half the time to read it."""

    hash: bytes
    """32 bytes, by which other changes name it."""

    actor: bytes
    seq: int
    """1 for the actor's first change."""

    start_counter: int
    """The counter of its first operation."""

    dependencies: tuple[bytes, ...]
    operations: Operations

    @property
    def last_counter(self) -> int:
        """The counter of its last operation, or the one before its first if it has none."""
        return self.start_counter + self.operations.row_count - 1


class Header(NamedTuple):
    """What a change says about itself before its operations."""

    plain: bytes
    """The whole change, inflated."""

    hash: bytes
    dependencies: tuple[bytes, ...]
    actor: bytes
    seq: int
    start_counter: int


def parse_change(raw: bytes, size_max: int = CHANGE_SIZE_MAX) -> ParsedChange:
    """Check a change's frame, checksum, bounds and kinds of operations, and return its parts.

    Raises:
        Malformed: the bytes are not a change.
        Quarantined: they are, but with contents that have no place in a wallet document.
        LimitExceeded: they are above a bound.
    """
    contents, change_hash, plain = _unframe(raw, size_max)
    header, position = _read_header(contents, change_hash, plain)
    _, position = read_signed(contents, position)  # The time, which is advisory.
    size, position = read_unsigned(contents, position)
    if size > CHANGE_MESSAGE_SIZE_MAX:
        raise LimitExceeded("A change's message is longer than is taken in.")
    count, position = read_unsigned(contents, position + size)
    if count > CHANGE_ACTOR_COUNT_MAX:
        raise LimitExceeded("A change names more feeds than are taken in.")
    _, _, dependencies, actor, seq, start_counter = header
    actors = [actor]
    for _ in range(count):
        other, position = _read_actor(contents, position)
        actors.append(other)
    columns = _read_columns(contents, position)
    if not 1 <= start_counter <= OPERATION_COUNTER_MAX - CHANGE_OPERATION_COUNT_MAX or not seq:
        raise Malformed("A change's counters are out of range.")
    operations = read_operations(columns, actors, seq, start_counter)
    return ParsedChange(
        raw, plain, change_hash, actor, seq, start_counter, dependencies, operations
    )


def parse_header(raw: bytes) -> Header:
    """Return what a change says about itself, without a look at its operations.

    Raises:
        Malformed: the bytes are not a change.
        LimitExceeded: they are above a bound.
    """
    return _read_header(*_unframe(raw, CHANGE_SIZE_MAX))[0]


def change_actor(raw: bytes) -> bytes | None:
    """Return the feed that a change was made in: 16 bytes; None if the bytes are no change."""
    try:
        return parse_header(raw).actor
    except (Malformed, LimitExceeded):
        return None


def deflated(raw: bytes) -> bytes:
    """Return a change in its shorter form; the library deflates only long ones.

    Args:
        raw: the change, not deflated.
    """
    if len(raw) < _DEFLATE_SIZE_MIN:
        return raw
    _, start = read_unsigned(raw, _TYPE_OFFSET + 1)
    if len(raw) <= 1 << _WINDOW_BITS_FEW:
        # Less memory than usual, because clearing it is what takes the time.
        deflater = zlib.compressobj(wbits=-_WINDOW_BITS_FEW, memLevel=_DEFLATE_MEMORY_FEW)
    else:
        deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    contents = deflater.compress(raw[start:]) + deflater.flush()
    head = raw[:_TYPE_OFFSET] + bytes((_TYPE_DEFLATED,))
    shorter = head + encode_unsigned(len(contents)) + contents
    return shorter if len(shorter) < len(raw) else raw


def hash_of(raw: bytes) -> bytes:
    """Return the hash that names these bytes: the change's own, or SHA-256 of what is not one."""
    try:
        return _unframe(raw, CHANGE_SIZE_MAX)[1]
    except (Malformed, LimitExceeded):
        return hashlib.sha256(raw).digest()


def _read_header(contents: bytes, change_hash: bytes, plain: bytes) -> tuple[Header, int]:
    """Return the header and the position after it."""
    count, position = read_unsigned(contents, 0)
    if count > CHANGE_DEPENDENCY_COUNT_MAX:
        raise LimitExceeded("A change builds on more changes than are taken in.")
    end = position + HASH_SIZE * count
    dependencies = tuple([contents[at : at + HASH_SIZE] for at in range(position, end, HASH_SIZE)])
    actor, position = _read_actor(contents, end)
    seq, position = read_unsigned(contents, position)
    start_counter, position = read_unsigned(contents, position)
    return Header(plain, change_hash, dependencies, actor, seq, start_counter), position


def _unframe(raw: bytes, size_max: int) -> tuple[bytes, bytes, bytes]:
    """Return a change's contents, inflated, its hash, and the whole change, inflated."""
    if len(raw) > size_max:
        raise LimitExceeded(f"A change is longer than {size_max} bytes.")
    if raw[: len(_MAGIC)] != _MAGIC or len(raw) <= _TYPE_OFFSET:
        raise Malformed("These bytes are not a change.")
    size, start = read_unsigned(raw, _TYPE_OFFSET + 1)
    if start + size != len(raw):
        raise Malformed("A change is cut short or has bytes after its end.")
    # The hash covers type, length and contents, as they are before deflating.
    kind = raw[_TYPE_OFFSET]
    if kind == _TYPE_CHANGE:
        contents, plain = raw[start:], raw
    elif kind == _TYPE_DEFLATED:
        contents = _inflate(raw[start:])
        frame = bytes((_TYPE_CHANGE,)) + encode_unsigned(len(contents)) + contents
        plain = raw[:_TYPE_OFFSET] + frame
    else:
        raise Malformed("These bytes are a part of a document, but not a change.")
    digest = hashlib.sha256(plain[_TYPE_OFFSET:]).digest()
    if digest[:_CHECKSUM_SIZE] != raw[len(_MAGIC) : _TYPE_OFFSET]:
        raise Malformed("A change's checksum does not match its bytes.")
    return contents, digest, plain


def _inflate(deflated: bytes) -> bytes:
    inflater = zlib.decompressobj(wbits=-zlib.MAX_WBITS)  # RFC 1951, without a header.
    try:
        contents = inflater.decompress(deflated, CHANGE_INFLATED_SIZE_MAX + 1)
    except zlib.error as error:
        raise Malformed("A change cannot be inflated.") from error
    if len(contents) > CHANGE_INFLATED_SIZE_MAX:
        raise LimitExceeded("A change inflates to more than is taken in.")
    if not inflater.eof or inflater.unused_data:
        raise Malformed("A change is cut short or has bytes after its end.")
    return contents


def _read_actor(contents: bytes, position: int) -> tuple[bytes, int]:
    end = position + 1 + ACTOR_SIZE
    if end > len(contents) or contents[position] != ACTOR_SIZE:
        raise Malformed("A change names a feed in another way than by 16 bytes.")
    return contents[position + 1 : end], end


def _read_columns(contents: bytes, position: int) -> dict[int, bytes]:
    """Return the columns by their number; the bytes after the last one must be none."""
    count, position = read_unsigned(contents, position)
    if count > len(COLUMNS):
        raise Quarantined("A change has columns of a kind that this version does not know.")
    # Each column has a number and a size, whose last byte is not a long one.
    end = position + 2 * count
    while missing := 2 * count - len(contents[position:end].translate(None, _LONG_BYTES)):
        if end > len(contents):
            raise Malformed("A change's columns are cut short.")
        end += missing
    layout, size = _layout(contents[position:end])
    if end + size != len(contents):
        raise Malformed("A change's columns do not have the size that it announces.")
    return {
        column: contents[end + column_start : end + column_end]
        for column, column_start, column_end in layout
    }


@lru_cache(4_096)
def _layout(header: bytes) -> tuple[tuple[tuple[int, int, int], ...], int]:
    """Return (number, start, end) of each column after this list of them, and where all end."""
    layout: list[tuple[int, int, int]] = []
    position = start = 0
    previous = -1
    while position < len(header):
        column, position = read_unsigned(header, position)
        size, position = read_unsigned(header, position)
        if column not in COLUMNS:
            raise Quarantined("A change has columns of a kind that this version does not know.")
        if column <= previous:
            raise Malformed("A change's columns are not in order.")
        previous = column
        layout.append((column, start, start + size))
        start += size
    return tuple(layout), start

"""Readers for the compressed columns of an automerge change, bounded by what they may expand to.

A column is a series of runs: a positive count and one value that repeats, a negative count and
that many values, or zero and a count of nulls. The count of a run is not bounded by the column's
size, so everything here adds counts up without expanding them.

Spec: 40-wallet-document.md
"""

import struct
from collections.abc import Callable
from enum import Enum
from functools import lru_cache
from typing import Final

from billfold.document.limits import CHANGE_OPERATION_COUNT_MAX
from billfold.document.values import Scalar
from billfold_protocol.errors import LimitExceeded, Malformed, Quarantined

_INTEGER_BITS: Final = 64
FIRST_LONG_BYTE: Final = 0x80
"""In LEB128, bytes from this one on say that another follows."""

_FEW: Final = 4
"""Bytes of a column that is worth remembering: many changes have the same."""


# The automerge binary format, "actions" and "value metadata": what our documents consist of.
# Counters (action 5, value type 8) make the library panic; maps and lists have no place in a flat
# document; timestamps and unknown types have no value that we could show.
SET: Final = 1
DELETE: Final = 3
MAKE_TEXT: Final = 4
_ACTIONS: Final = frozenset({SET, DELETE, MAKE_TEXT})
_COUNTS: Final = frozenset({0, 1})
_VALUE_TYPE_MAX: Final = 7
_UNSIGNED: Final = 3
_INTEGER: Final = 4
_FLOAT: Final = 5
_TEXT: Final = 6
_BYTES: Final = 7
_SIZES: Final = {0: 0, 1: 0, 2: 0, _FLOAT: 8}
"""Bytes of null, false, true and floating-point numbers; other values have any size."""

_EMPTY: Final[dict[int, Scalar]] = {0: None, 1: False, 2: True, _TEXT: "", _BYTES: b""}
_INTEGER_SIZE_MAX: Final = 10
"""Bytes of a number that may not fit into 64 bits."""


def read_unsigned(data: bytes, position: int) -> tuple[int, int]:
    """Return an unsigned LEB128 number and the position after it.

    Raises:
        Malformed: the bytes end, or the number is not minimal or has more than 64 bits.
    """
    size = len(data)
    # Nearly all numbers have one byte; this function is where reading a change spends its time.
    if position < size and data[position] < FIRST_LONG_BYTE:
        return data[position], position + 1
    value = shift = 0
    while position < size and shift < _INTEGER_BITS:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < FIRST_LONG_BYTE:
            if not byte or value >> _INTEGER_BITS:
                break
            return value, position
    raise Malformed("A change holds a number that is cut short or too long.")


def encode_unsigned(value: int) -> bytes:
    """Return a number in unsigned LEB128."""
    encoded = bytearray()
    while value >= FIRST_LONG_BYTE:
        encoded.append(value & 0x7F | FIRST_LONG_BYTE)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def read_signed(data: bytes, position: int) -> tuple[int, int]:
    """Return a signed LEB128 number and the position after it.

    Raises:
        Malformed: the bytes end, or the number has more than 64 bits.
    """
    size = len(data)
    if position < size and data[position] < FIRST_LONG_BYTE:
        value = data[position]
        return (value - FIRST_LONG_BYTE if value & 0x40 else value), position + 1
    value = shift = 0
    while position < size and shift < _INTEGER_BITS:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < FIRST_LONG_BYTE:
            return (value - (1 << shift) if byte & 0x40 else value), position
    raise Malformed("A change holds a number that is cut short or too long.")


Runs = list[tuple[int, int | None]]
"""Counts and the values that stand so many times; at most as many as a column has bytes."""


def _runs(column: bytes) -> Runs:
    """Return the runs of a column of numbers.

    Raises:
        Malformed: the column is cut short.
        LimitExceeded: it stands for more rows than a change may have operations.
    """
    return _few_runs(column) if len(column) <= _FEW else _all_runs(column, read_unsigned)


@lru_cache(4_096)
def _few_runs(column: bytes) -> Runs:
    return _all_runs(column, read_unsigned)


def _all_runs(column: bytes, read: Callable[[bytes, int], tuple[int, int]]) -> Runs:
    runs: Runs = []
    position = total = 0
    while position < len(column):
        count, position = read_signed(column, position)
        nulls = 0
        if not count:
            nulls, position = read_unsigned(column, position)
        total += abs(count) or nulls
        if total > CHANGE_OPERATION_COUNT_MAX:
            raise LimitExceeded("A change has more operations than are taken in.")
        if count > 0:
            value, position = read(column, position)
            runs.append((count, value))
        elif count:
            for _ in range(-count):
                value, position = read(column, position)
                runs.append((1, value))
        else:
            runs.append((nulls, None))
    return runs


def read_actions(column: bytes) -> bytes:
    """Return the action of each operation, one byte each.

    Raises:
        Malformed: the column is cut short.
        Quarantined: one of them has no place in a wallet document.
        LimitExceeded: there are too many.
    """
    return _few_bytes(column, _ACTIONS) if len(column) <= _FEW else _bytes(column, _ACTIONS)


def read_predecessor_counts(column: bytes) -> bytes:
    """Return how many operations each one supersedes, one byte each.

    Raises:
        Malformed: the column is cut short.
        Quarantined: one supersedes several, which nothing in a wallet document does.
        LimitExceeded: there are too many.
    """
    return _few_bytes(column, _COUNTS) if len(column) <= _FEW else _bytes(column, _COUNTS)


@lru_cache(64)  # Few, because even a short column may stand for very many operations.
def _few_bytes(column: bytes, allowed: frozenset[int]) -> bytes:
    return _bytes(column, allowed)


def _bytes(column: bytes, allowed: frozenset[int]) -> bytes:
    parts: list[bytes] = []
    for count, value in _runs(column):
        if value is None or value not in allowed:
            raise Quarantined("A change does something that has no place in a wallet document.")
        parts.append(bytes((value,)) * count)
    return b"".join(parts)


class Unread(Enum):
    """Stands for a value that is left to the library to read."""

    VALUE = "value"


def read_values(metadata: bytes, column: bytes) -> list[Scalar | Unread]:
    """Return the value of each row.

    Args:
        metadata: the column of their types and sizes.
        column: the values themselves.

    Raises:
        Malformed: a column is cut short, or a value has a size that its type cannot have.
        Quarantined: a value is a counter or of another type that no field has.
        LimitExceeded: there are too many values.
    """
    values: list[Scalar | Unread] = []
    position = 0
    for count, held in _runs(metadata):
        if held is None:
            raise Malformed("A change holds a value without a type.")
        kind, size = held & 0x0F, held >> 4
        if kind > _VALUE_TYPE_MAX:
            raise Quarantined("A change holds a kind of value that no field has.")
        is_number = kind in {_UNSIGNED, _INTEGER}
        fits = size <= (_INTEGER_SIZE_MAX if is_number else len(column))
        if not fits or size != _SIZES.get(kind, size) or position + count * size > len(column):
            raise Malformed("A change holds a value of a size that it cannot have.")
        if not size:
            values.extend([_EMPTY.get(kind, Unread.VALUE)] * count)
            continue
        for _ in range(count):
            end = position + size
            values.append(_value(kind, column[position:end]))
            position = end
    if position != len(column):
        raise Malformed("A change's values do not have the size that it announces.")
    return values


def _value(kind: int, data: bytes) -> Scalar | Unread:
    """Return a value that can be read in one way only."""
    if kind == _TEXT:
        try:
            return data.decode()
        except UnicodeDecodeError:
            return Unread.VALUE
    if kind == _BYTES:
        return data
    if kind == _FLOAT:
        number: float = struct.unpack("<d", data)[0]
        return number
    if kind == _INTEGER and len(data) < _INTEGER_SIZE_MAX:
        value, end = read_signed(data, 0)
        return value if end == len(data) else Unread.VALUE
    return Unread.VALUE


def read_texts(column: bytes) -> list[str | None]:
    """Return the text of each row of a column of keys.

    Raises:
        Malformed: the column is cut short or not UTF-8.
        LimitExceeded: it stands for too many rows.
    """
    texts: list[str | None] = []
    position = 0
    while position < len(column):
        count, position = read_signed(column, position)
        repeat, values = (1, -count) if count < 0 else (count, 1)
        if count == 0:
            repeat, position = read_unsigned(column, position)
            values = 0
        if len(texts) + repeat * max(values, 1) > CHANGE_OPERATION_COUNT_MAX:
            raise LimitExceeded("A change has more operations than are taken in.")
        if not values:
            texts.extend([None] * repeat)
        for _ in range(values):
            size, start = read_unsigned(column, position)
            position = start + size
            if position > len(column):
                raise Malformed("A change holds a key that is cut short.")
            try:
                text = column[start:position].decode()
            except UnicodeDecodeError as error:
                raise Malformed("A change holds a key that is not text.") from error
            texts.extend([text] * repeat)
    return texts


def read_numbers(column: bytes) -> list[int | None]:
    """Return the number of each row of a column.

    Raises:
        Malformed: the column is cut short.
        LimitExceeded: it stands for too many rows.
    """
    numbers: list[int | None] = []
    for count, value in _runs(column):
        numbers += [value] * count
    return numbers


def read_deltas(column: bytes) -> list[int | None]:
    """Return the number of each row of a column that holds differences.

    Raises:
        Malformed: the column is cut short.
        LimitExceeded: it stands for too many rows.
    """
    numbers: list[int | None] = []
    last = 0
    for count, value in _all_runs(column, read_signed):
        if value is None:
            numbers += [None] * count
            continue
        for _ in range(count):
            last += value
            numbers.append(last)
    return numbers


def read_flags(column: bytes) -> list[bool]:
    """Return the flag of each row of a column of truth values.

    Raises:
        Malformed: the column is cut short.
        LimitExceeded: it stands for too many rows.
    """
    flags: list[bool] = []
    position = 0
    flag = False
    while position < len(column):
        count, position = read_unsigned(column, position)
        if len(flags) + count > CHANGE_OPERATION_COUNT_MAX:
            raise LimitExceeded("A change has more operations than are taken in.")
        flags.extend([flag] * count)
        flag = not flag
    return flags

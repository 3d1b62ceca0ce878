"""Canonical MessagePack: one value has one encoding, and every other encoding of it is refused.

The subset: nil, booleans, integers of 64 bits, byte strings, UTF-8 strings, arrays, and maps whose
keys are strings in ascending order. Decoding encodes again and compares, so that a non-minimal
integer, a repeated key, a float or an extension type never passes.

Spec: 10-encoding.md
"""

from collections.abc import Sequence
from itertools import pairwise

import msgpack

from billfold_protocol import limits
from billfold_protocol.errors import LocalProtocolError, Malformed

_LEAVES = frozenset((type(None), bool, int, bytes, str))

_SHORT_COUNT_MAX = 15
"""Items of an array whose head is one byte."""

# One for all: making a packer and its buffer takes longer than packing. It holds the interpreter's
# lock while it packs, and forgets what it had packed when it refuses a value.
_PACKER = msgpack.Packer(use_bin_type=True, strict_types=False)


def encode(value: object) -> bytes:
    """Encode a value of the canonical subset; tuples are arrays.

    Raises:
        LocalProtocolError: the value is outside the subset.
    """
    try:
        return _pack(_sorted(value, 0))
    except (TypeError, ValueError, OverflowError) as error:
        raise LocalProtocolError(f"this value has no canonical encoding: {error}") from error


def encode_items(values: Sequence[object]) -> bytes:
    """Encode values one after the other, as they stand in an array behind its head.

    Raises:
        LocalProtocolError: they are more than 15, or one is outside the subset.
    """
    if len(values) > _SHORT_COUNT_MAX:
        raise LocalProtocolError("these are more items than a short array has")
    return encode(values)[1:]


def array_of(count: int, *items: bytes) -> bytes:
    """Return the encoding of an array of at most 15 items, from what `encode_items` returned."""
    return bytes((0x90 | count,)) + b"".join(items)


def decode(data: bytes, *, size_max: int) -> object:
    """Decode exactly one value of at most `size_max` bytes; arrays come back as lists.

    Raises:
        Malformed: the bytes are too many, not MessagePack, outside the subset or not canonical.
    """
    if len(data) > size_max:
        raise Malformed(f"{len(data)} bytes are more than the {size_max} allowed here")
    try:
        value: object = msgpack.unpackb(
            data,
            raw=False,
            strict_map_key=True,
            max_ext_len=0,
            max_map_len=limits.MAP_COUNT_MAX,
            use_list=True,
        )
        again = _pack(_sorted(value, 0))
    except LocalProtocolError as error:
        raise Malformed(str(error)) from error
    except (ValueError, TypeError, OverflowError, msgpack.exceptions.UnpackException) as error:
        raise Malformed(f"not MessagePack of the canonical subset: {error}") from error
    if again != data:
        raise Malformed("the encoding is not canonical")
    return value


def _pack(value: object) -> bytes:
    packed: bytes = _PACKER.pack(value)
    return packed


def _sorted(value: object, depth: int) -> object:
    """Return the value with its maps in key order, refusing what is outside the subset."""
    kind = type(value)
    if kind in _LEAVES:
        return value
    if kind is not list and kind is not tuple and kind is not dict:
        raise LocalProtocolError(f"{kind.__name__} is not a type of the canonical subset")
    if depth == limits.CODEC_DEPTH_MAX:
        raise LocalProtocolError("arrays and maps are nested too deeply")
    if kind is dict:
        items = value.items()  # type: ignore[attr-defined]  # `kind` says it is a map.
        if len(items) > limits.MAP_COUNT_MAX:
            raise LocalProtocolError("the map has more pairs than one may have")
        if any(type(key) is not str for key, _ in items):
            raise LocalProtocolError("map keys are strings")
        return {key: _sorted(item, depth + 1) for key, item in sorted(items)}
    array: Sequence[object] = value  # type: ignore[assignment]  # `kind` says it is a sequence.
    if _LEAVES.issuperset(map(type, array)):
        return array
    return [item if type(item) in _LEAVES else _sorted(item, depth + 1) for item in array]


def as_array(value: object, length: int | None = None) -> list[object]:
    """Return `value` if it is an array, of `length` items where one is given.

    Raises:
        Malformed: it is something else.
    """
    if type(value) is not list:
        raise Malformed(f"expected an array, found {type(value).__name__}")
    if length is not None and len(value) != length:
        raise Malformed(f"expected an array of {length} items, found {len(value)}")
    return value


def as_list(value: object, *, count_max: int) -> list[object]:
    """Return `value` if it is an array of at most `count_max` items.

    Raises:
        Malformed: it is something else or longer.
    """
    items = as_array(value)
    if len(items) > count_max:
        raise Malformed(f"{len(items)} items are more than the {count_max} allowed here")
    return items


def as_bytes(value: object, size: int | None = None, *, size_max: int | None = None) -> bytes:
    """Return `value` if it is a byte string of exactly `size` or at most `size_max` bytes.

    Raises:
        Malformed: it is something else.
    """
    if type(value) is not bytes:
        raise Malformed(f"expected bytes, found {type(value).__name__}")
    if size is not None and len(value) != size:
        raise Malformed(f"expected {size} bytes, found {len(value)}")
    if size_max is not None and len(value) > size_max:
        raise Malformed(f"{len(value)} bytes are more than the {size_max} allowed here")
    return value


def as_integer(value: object, *, minimum: int = 0, maximum: int = 2**53) -> int:
    """Return `value` if it is an integer within the bounds; `True` is not one.

    Raises:
        Malformed: it is something else.
    """
    if type(value) is not int:
        raise Malformed(f"expected an integer, found {type(value).__name__}")
    if not minimum <= value <= maximum:
        raise Malformed(f"the integer is not between {minimum} and {maximum}")
    return value


def as_text(value: object, *, size_max: int = limits.TEXT_SIZE_MAX) -> str:
    """Return `value` if it is a string of at most `size_max` bytes of UTF-8.

    Raises:
        Malformed: it is something else.
    """
    if type(value) is not str:
        raise Malformed(f"expected a string, found {type(value).__name__}")
    if len(value.encode()) > size_max:
        raise Malformed(f"the string is longer than the {size_max} bytes allowed here")
    return value


def as_flag(value: object) -> bool:
    """Return `value` if it is a boolean.

    Raises:
        Malformed: it is something else.
    """
    if type(value) is not bool:
        raise Malformed(f"expected a boolean, found {type(value).__name__}")
    return value


def require_ascending(items: Sequence[bytes], what: str) -> None:
    """Check that byte strings are in strictly ascending order: a set has one encoding.

    Raises:
        Malformed: they are not.
    """
    if any(left >= right for left, right in pairwise(items)):
        raise Malformed(f"{what} are not in strictly ascending order")

"""What a field can hold, and what a reader of the document gets to see.

Spec: 40-wallet-document.md
"""

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass

from billfold.document.limits import INTEGER_MAX, INTEGER_MIN, VALUE_SIZE_MAX
from billfold_protocol.errors import InputError, LimitExceeded

Scalar = str | int | float | bool | bytes | None


@dataclass(frozen=True, slots=True)
class Value:
    """One value that is live in a field."""

    value: Scalar
    tag: str
    """31 to 44 characters, unique among the field's values."""

    time_ms: int
    """When its author says it was written, in milliseconds since 1970; shown, never decided on."""

    actor: bytes
    """16 bytes: the feed that wrote it."""


@dataclass(frozen=True, slots=True)
class FieldState:
    """A field as it is read now."""

    value: Scalar
    """The value to show."""

    values: tuple[Value, ...]
    """Every live value, the newest in causal order first; more than one after concurrent edits."""

    is_conflict: bool
    """Whether a person has to choose: the live values differ and the field keeps all of them."""


@dataclass(frozen=True, slots=True)
class RecordView:
    """A record as it is read now."""

    id: str
    type: str | None
    """None where the record's type is not known (yet)."""

    fields: Mapping[str, FieldState]
    """By field name, in order of name."""

    notes: str
    """The long text; empty where there is none."""

    is_trashed: bool
    """Whether it is listed in the trash; a purged record that was edited since is."""

    is_purged: bool

    @property
    def conflicts(self) -> Mapping[str, FieldState]:
        """The fields for which a person has to choose a value."""
        return {name: state for name, state in self.fields.items() if state.is_conflict}


@dataclass(frozen=True, slots=True)
class Conflict:
    """A field that two devices set to different values without knowing of each other."""

    record: str
    field: str
    values: tuple[Value, ...]


def check_scalar(value: Scalar) -> Scalar:
    """Return the value as it is stored.

    Raises:
        InputError: it is of another type, or a number out of range.
        LimitExceeded: it is longer than 64 KiB.
    """
    if type(value) is str and len(value) <= VALUE_SIZE_MAX and value.isascii():
        return value  # What nearly all values are.
    match value:
        case None | bool():
            return value
        case int():
            if not INTEGER_MIN <= value <= INTEGER_MAX:
                raise InputError("A whole number in a field fits in 64 bits with a sign.")
            return int(value)
        case float():
            if not math.isfinite(value):
                raise InputError("A number in a field is finite.")
            return value + 0.0  # There is one zero: -0.0 becomes 0.0.
        case str():
            try:
                size = len(value.encode())
            except UnicodeEncodeError as error:
                raise InputError("Text in a field is Unicode without lone surrogates.") from error
            if size > VALUE_SIZE_MAX:
                raise LimitExceeded(f"A field holds at most {VALUE_SIZE_MAX} bytes of text.")
            return str(value)
        case bytes():
            if len(value) > VALUE_SIZE_MAX:
                raise LimitExceeded(f"A field holds at most {VALUE_SIZE_MAX} bytes.")
            return bytes(value)
        case _:
            raise InputError("A field holds text, a number, true or false, bytes, or nothing.")


def encode_scalar(value: Scalar) -> bytes:
    """Return bytes that are equal for two values when and only when they are the same value.

    Unlike Python's `==`, it tells `True` from `1` and `1` from `1.0`.
    """
    match value:
        case None:
            return b"n"
        case bool():
            return b"t" if value else b"f"
        case int():
            return b"i" + str(value).encode()
        case float():
            return b"d" + struct.pack(">d", value)
        case str():
            return b"s" + value.encode()
        case bytes():
            return b"b" + value


def is_same(one: Scalar, other: Scalar) -> bool:
    """Tell whether two values are the same value."""
    return (
        type(one) is type(other) and (one == other) and encode_scalar(one) == encode_scalar(other)
    )

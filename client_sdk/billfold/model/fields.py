"""What a field of a record is: its name, what it holds, how it merges, where its name is from.

A field stands in the class of its record type, so that one declaration makes the table, the JSON
Schema, the check of what is written, and the typed property: `login.username` is a text or None.
A name with a star stands for a group of fields, such as one for each claim: `claims/*`.

Spec: 41-records.md
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Any, Final, Generic, Protocol, Self, TypeVar, overload

from billfold.document import Merge, MergeKind, RecordView, Scalar, parse_issuer_fact

Read_co = TypeVar("Read_co", covariant=True)

STAR: Final = "*"


class ValueType(Enum):
    """What a field holds."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    FLAG = "true or false"
    BYTES = "bytes"
    SIGNED = "text or bytes"
    TIME = "time"
    FACT = "issuer's fact"
    ANY = "any value"


class Typed(Protocol):
    """A typed view of a record."""

    @property
    def record(self) -> RecordView:
        """The record with all its fields."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field(Generic[Read_co]):
    """One field, or a group of fields, of a record type."""

    name: str
    """As in the document; the star of a group stands for one or more characters."""

    value: ValueType
    merge: Merge
    description: str
    """For a person who looks the field up: a phrase without a full stop."""

    standard: str
    """The standard and its member, such as `CXF 1.0 basic-auth.username`; empty if it is ours."""

    is_required: bool = False
    """Whether adding a record without it is refused."""

    is_secret: bool = False
    """Whether it is shown only when asked for."""

    is_statement: bool = False
    """Whether it is something about the person, with a source, that they review and correct."""

    choices: tuple[str, ...] = ()
    """The values that are known; a reader meets others from later versions."""

    @property
    def is_group(self) -> bool:
        """Whether it stands for several fields."""
        return STAR in self.name

    def covers(self, name: str) -> bool:
        """Tell whether a name is this field's, or one of this group's."""
        if not self.is_group:
            return name == self.name
        before, after = self.name.split(STAR)
        is_long_enough = len(name) >= len(self.name)
        return is_long_enough and name.startswith(before) and name.endswith(after)

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: Typed, owner: type) -> Read_co | None: ...
    def __get__(self, instance: Typed | None, owner: type) -> Self | Read_co | None:
        """Return the field's value in a record; None if absent or of another type."""
        if instance is None:
            return self
        state = instance.record.fields.get(self.name)
        return None if state is None else read_as(self.value, state.value)


@dataclass(frozen=True, slots=True)
class Group(Generic[Read_co]):
    """A group of fields as a property: the values, by what stands for the star."""

    field: Field[Read_co]

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: Typed, owner: type) -> dict[str, Read_co]: ...
    def __get__(self, instance: Typed | None, owner: type) -> Self | dict[str, Read_co]:
        """Return the group's values in a record, in order of name."""
        if instance is None:
            return self
        before, after = self.field.name.split(STAR)
        found: dict[str, Read_co] = {}
        for name, state in instance.record.fields.items():
            if self.field.covers(name):
                value = read_as(self.field.value, state.value)
                if value is not None or self.field.value is ValueType.ANY:
                    found[name.removeprefix(before).removesuffix(after)] = value
        return found


@dataclass(frozen=True, slots=True)
class Elements:
    """A set as a property: one field for each element, true for those that are in it."""

    field: Field[bool]

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: Typed, owner: type) -> tuple[str, ...]: ...
    def __get__(self, instance: Typed | None, owner: type) -> Self | tuple[str, ...]:
        """Return the elements that are in the set, sorted."""
        if instance is None:
            return self
        prefix, fields = self.field.name[:-1], instance.record.fields
        return tuple(
            name.removeprefix(prefix)
            for name, state in fields.items()
            if name.startswith(prefix) and state.value is True
        )


def is_of(value_type: ValueType, value: Scalar) -> bool:
    """Tell whether a value is of a type."""
    match value_type:
        case ValueType.TEXT:
            return isinstance(value, str)
        case ValueType.INTEGER | ValueType.TIME:
            return type(value) is int
        case ValueType.NUMBER:
            return type(value) in {int, float}
        case ValueType.FLAG:
            return isinstance(value, bool)
        case ValueType.BYTES:
            return isinstance(value, bytes)
        case ValueType.SIGNED:
            return isinstance(value, str | bytes)
        case ValueType.FACT:
            return parse_issuer_fact(value) is not None
        case ValueType.ANY:
            return True


def read_as(value_type: ValueType, value: Scalar) -> Any:
    """Return a value as a property gives it: None if it is of another type."""
    if value_type is ValueType.FACT:
        return parse_issuer_fact(value)
    return value if is_of(value_type, value) else None


@lru_cache(64)
def fields_of(view: type) -> Mapping[str, Field[Any]]:
    """Return the fields that a class of views declares, by name in order of declaration."""
    declared: dict[str, Field[Any]] = {}
    for member in vars(view).values():
        if isinstance(member, Group | Elements):
            declared[member.field.name] = member.field
        elif isinstance(member, Field):
            declared[member.name] = member
    return declared


MULTI: Final = MergeKind.MULTI_VALUE
LAST: Final = MergeKind.LAST_WRITER
FIXED: Final = MergeKind.IMMUTABLE
GROWS: Final = MergeKind.GROW_ONLY

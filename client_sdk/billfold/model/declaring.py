"""Short ways to declare the fields of a record type.

Spec: 41-records.md
"""

from typing import Any, TypedDict, TypeVar, Unpack

from billfold.document import IssuerFact, Ladder, Merge, MergeKind, Scalar
from billfold.model.fields import FIXED, LAST, MULTI, Elements, Field, Group, ValueType

Read = TypeVar("Read")


class More(TypedDict, total=False):
    """What else a declaration may say; see `Field`."""

    is_required: bool
    is_secret: bool
    is_statement: bool
    choices: tuple[str, ...]


def text(
    name: str, description: str, standard: str = "", merge: Merge = MULTI, **more: Unpack[More]
) -> Field[str]:
    """Declare a text."""
    return _field(ValueType.TEXT, name, description, standard, merge, **more)


def integer(
    name: str, description: str, standard: str = "", merge: Merge = MULTI, **more: Unpack[More]
) -> Field[int]:
    """Declare a whole number."""
    return _field(ValueType.INTEGER, name, description, standard, merge, **more)


def time(
    name: str, description: str, standard: str = "", merge: Merge = FIXED, **more: Unpack[More]
) -> Field[int]:
    """Declare a time in seconds since 1970."""
    return _field(ValueType.TIME, name, description, standard, merge, **more)


def flag(
    name: str, description: str, standard: str = "", merge: Merge = LAST, **more: Unpack[More]
) -> Field[bool]:
    """Declare true or false."""
    return _field(ValueType.FLAG, name, description, standard, merge, **more)


def signed(
    name: str, description: str, standard: str = "", merge: Merge = FIXED, **more: Unpack[More]
) -> Field[str | bytes]:
    """Declare text or bytes that somebody has signed."""
    return _field(ValueType.SIGNED, name, description, standard, merge, **more)


def anything(
    name: str, description: str, standard: str = "", merge: Merge = MULTI, **more: Unpack[More]
) -> Field[Scalar]:
    """Declare a value of any type."""
    return _field(ValueType.ANY, name, description, standard, merge, **more)


def fact(name: str, description: str, standard: str = "") -> Field[IssuerFact]:
    """Declare what an issuer says at a time of its own."""
    return _field(ValueType.FACT, name, description, standard, MergeKind.ISSUER_ORDERED)


def ladder(name: str, states: tuple[str, ...], description: str, standard: str = "") -> Field[str]:
    """Declare a state that only rises."""
    return _field(ValueType.TEXT, name, description, standard, Ladder(states), choices=states)


def elements(name: str, description: str, standard: str = "") -> Elements:
    """Declare a set in which an element stays that is added while another device takes it out."""
    return Elements(_field(ValueType.FLAG, name, description, standard, MergeKind.ADD_WINS))


def group(field: Field[Read]) -> Group[Read]:
    """Make a group of fields of a field whose name ends in a star."""
    assert field.is_group
    return Group(field)


def _field(
    value: ValueType,
    name: str,
    description: str,
    standard: str,
    merge: Merge,
    **more: Unpack[More],
) -> Field[Any]:
    return Field(
        name=name, value=value, merge=merge, description=description, standard=standard, **more
    )

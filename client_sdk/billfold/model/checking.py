"""What a record may be made of: every value is checked before it is written, in plain words.

What this version does not know passes: a later one wrote it, or the application's own.

Spec: 41-records.md
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from billfold.document import IssuerFact, Ladder, Scalar, check_scalar
from billfold.model.fields import Field, ValueType, is_of
from billfold.model.registry import RECORD_TYPES, field_of
from billfold_protocol.errors import InputError

_OWN: Final = frozenset({"type", "trashed", "purged"})

EXPECTED: Final = {
    ValueType.TEXT: "a text",
    ValueType.INTEGER: "a whole number",
    ValueType.NUMBER: "a number",
    ValueType.FLAG: "true or false",
    ValueType.BYTES: "bytes",
    ValueType.SIGNED: "a text or bytes, as the issuer signed it",
    ValueType.TIME: "a time in whole seconds since 1970",
    ValueType.FACT: "an issuer's fact: a value with the issuer's time",
    ValueType.ANY: "a value",
}
"""What a field holds, for a sentence."""

Input = Scalar | IssuerFact
"""What a caller gives for a field."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A new record, ready to be written."""

    type: str
    natural_key: tuple[str, ...] | None
    fields: Mapping[str, Scalar]


def check_new(record_type: str, fields: Mapping[str, Input]) -> Checked:
    """Check the fields of a new record.

    Args:
        record_type: such as `login`; of a type that is not known every field passes.
        fields: by name.

    Raises:
        InputError: a field is missing, or cannot hold what it is given; the message names it.
        LimitExceeded: a value is too long.
    """
    if not record_type:
        raise InputError("a record needs a type, such as login or credential")
    checked = check_fields(record_type, fields)
    known = RECORD_TYPES.get(record_type)
    if known is None:
        return Checked(type=record_type, natural_key=None, fields=checked)
    for field in known.fields.values():
        if field.is_required and checked.get(field.name) in {None, ""}:
            raise InputError(f"a {record_type} needs the field {field.name!r}: {field.description}")
    key = known.natural_key(checked)
    return Checked(type=record_type, natural_key=key, fields=checked)


def check_fields(record_type: str | None, fields: Mapping[str, Input]) -> dict[str, Scalar]:
    """Return the fields as they are stored.

    Raises:
        InputError: a field cannot hold what it is given; the message names it.
        LimitExceeded: a value is too long.
    """
    return {name: check_field(record_type, name, value) for name, value in fields.items()}


def check_field(record_type: str | None, name: str, value: Input) -> Scalar:
    """Return the value of a field as it is stored.

    Raises:
        InputError: the field cannot hold it; the message names the field and what it holds.
        LimitExceeded: it is too long.
    """
    if name in _OWN:
        raise InputError(f"the field {name!r} is not set like others")
    stored = value.encode() if isinstance(value, IssuerFact) else check_scalar(value)
    field = field_of(record_type, name)
    if field is None:
        known = RECORD_TYPES.get(record_type or "")
        if known is not None and known.is_closed:
            raise InputError(f"a record of type {record_type} has no field {name!r}")
        return stored
    if not is_of(field.value, stored):
        raise InputError(f"the field {name!r} of a {record_type} is {EXPECTED[field.value]}")
    _check_choice(field, name, stored)
    return stored


def _check_choice(field: Field[Any], name: str, value: Scalar) -> None:
    is_closed = isinstance(field.merge, Ladder) or field.name in _CLOSED
    if is_closed and value not in field.choices:
        raise InputError(f"the field {name!r} is one of {', '.join(field.choices)}")


_CLOSED: Final = frozenset(
    {"binding", "direction", "role", "transaction_type", "transaction_result", "sources/*"}
)
"""Fields whose values are these and no others; elsewhere they are the usual ones."""

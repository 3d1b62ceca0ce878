"""Where what is said about the person comes from, value by value.

Two devices may say different things with different sources, so a source belongs to a value and not
to a field: `sources/<field>/<hash of the value>`.

Spec: 41-records.md
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from billfold.document import FieldState, RecordView, Scalar, Value, encode_scalar
from billfold.model.registry import RECORD_TYPES

DECLARED: Final = "declared"
CONFIRMED: Final = "confirmed"
INFERRED: Final = "inferred"
IMPORTED: Final = "imported"

_BY_THE_PERSON: Final = frozenset({DECLARED, CONFIRMED})
_DIGEST_LENGTH: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One thing that is said, and why the wallet holds it to be so."""

    value: Scalar
    source: str | None
    """`declared`, `confirmed`, `inferred` or `imported`; None where nobody noted it."""

    evidence: str | None
    """What shows it: a record, a page, a message."""

    actor: bytes
    """The feed of the device that wrote it."""

    time_ms: int
    """When, by that device's clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A statement about the person: all that is said and not yet chosen among."""

    record: RecordView
    field: str
    said: tuple[Said, ...]
    """At least one, the newest in causal order first; more than one is for the person to choose."""


def source_field(field: str, value: Scalar) -> str:
    """Return the field that holds the source of a value."""
    return f"sources/{field}/{_digest(value)}"


def evidence_field(field: str, value: Scalar) -> str:
    """Return the field that holds what shows a value."""
    return f"evidence/{field}/{_digest(value)}"


def provenance_fields(record: RecordView, field: str) -> tuple[str, ...]:
    """Return the fields that hold sources and evidence of a field's values, also of former ones."""
    prefixes = (f"sources/{field}/", f"evidence/{field}/")
    return tuple(name for name in record.fields if name.startswith(prefixes))


def statements_of(record: RecordView) -> Iterator[Statement]:
    """Yield what a record says about the person, in order of field."""
    known = RECORD_TYPES.get(record.type or "")
    if known is None:
        return
    for name, state in record.fields.items():
        field = known.fields.get(name)
        if field is not None and field.is_statement:
            yield statement_of(record, name, state)


def statement_of(record: RecordView, field: str, state: FieldState) -> Statement:
    """Return a field's values with where they are from."""
    return Statement(
        record=record,
        field=field,
        said=tuple(_said(record, field, value) for value in _distinct(state)),
    )


def is_the_persons(said: Said) -> bool:
    """Tell whether the person said or confirmed it; nothing that is concluded replaces that."""
    return said.source in _BY_THE_PERSON or said.source is None


def _said(record: RecordView, field: str, value: Value) -> Said:
    return Said(
        value=value.value,
        source=_text(record, source_field(field, value.value)),
        evidence=_text(record, evidence_field(field, value.value)),
        actor=value.actor,
        time_ms=value.time_ms,
    )


def _distinct(state: FieldState) -> list[Value]:
    by_bytes: dict[bytes, Value] = {}
    for value in state.values:
        by_bytes.setdefault(encode_scalar(value.value), value)
    return list(by_bytes.values())


def _text(record: RecordView, field: str) -> str | None:
    state = record.fields.get(field)
    return state.value if state is not None and isinstance(state.value, str) else None


def _digest(value: Scalar) -> str:
    return hashlib.sha256(encode_scalar(value)).hexdigest()[:_DIGEST_LENGTH]

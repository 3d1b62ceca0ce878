"""The JSON Schema (2020-12) of each record type, made from the table.

It describes a record as the export has it (specs/40 §11): an object of `fields` by name. Unknown
fields are allowed, as everywhere, but in types that are closed.

Spec: 41-records.md
"""

import re
from collections.abc import Sequence
from typing import Any, Final

from billfold.document import Ladder, MergeKind
from billfold.model.common import COMMON_FIELDS
from billfold.model.fields import STAR, Field, ValueType
from billfold.model.registry import RecordType

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_BYTES: Final = {
    "type": "object",
    "properties": {"base64": {"type": "string", "contentEncoding": "base64"}},
    "required": ["base64"],
    "additionalProperties": False,
}
_TYPES: Final[dict[ValueType, dict[str, Any]]] = {
    ValueType.TEXT: {"type": "string"},
    ValueType.INTEGER: {"type": "integer"},
    ValueType.NUMBER: {"type": "number"},
    ValueType.FLAG: {"type": "boolean"},
    ValueType.BYTES: _BYTES,
    ValueType.SIGNED: {"anyOf": [{"type": "string"}, _BYTES]},
    ValueType.TIME: {"type": "integer", "description": "seconds since 1970"},
    ValueType.FACT: {"type": "string", "pattern": "^(0|[1-9][0-9]{0,11}) .+$"},
    ValueType.ANY: {"type": ["string", "number", "boolean", "null", "object"]},
}


def merge_name(field: Field[Any]) -> str:
    """Return how a field's merge kind is written in the tables."""
    match field.merge:
        case Ladder(states):
            return " < ".join(states)
        case MergeKind() as kind:
            return kind.value.replace("_", "-")


def json_schema(record_type: RecordType) -> dict[str, Any]:
    """Return the schema of a record type as JSON has it."""
    listed = [*record_type.fields.values(), *COMMON_FIELDS]
    properties = {one.name: _property(one) for one in listed if not one.is_group}
    properties["type"] = {"const": record_type.name}
    starred = [one for one in listed if one.is_group]
    groups = {_pattern(one, starred): _property(one) for one in starred}
    return {
        "$schema": DIALECT,
        "$id": f"billfold:wallet-state/{record_type.name}.json",
        "title": record_type.name,
        "description": record_type.description,
        "x-standard": record_type.standard,
        "x-natural-key": record_type.natural_key_fields,
        "type": "object",
        "properties": properties,
        "patternProperties": groups,
        "required": ["type", *(one.name for one in listed if one.is_required)],
        "additionalProperties": not record_type.is_closed,
    }


def _property(field: Field[Any]) -> dict[str, Any]:
    shape = dict(_TYPES[field.value])
    notes = [field.description, shape.pop("description", "")]
    described: dict[str, Any] = {
        "description": "; ".join(note for note in notes if note),
        **shape,
        "x-merge": merge_name(field),
    }
    if field.choices:
        described["examples" if field.value is ValueType.TEXT else "enum"] = list(field.choices)
    if field.standard:
        described["x-standard"] = field.standard
    if field.is_secret:
        described["x-secret"] = True
    if field.is_statement:
        described["x-statement"] = True
    return described


def _pattern(field: Field[Any], groups: Sequence[Field[Any]]) -> str:
    """Return a regular expression for the names of a group that no narrower group has."""
    before, after = map(re.escape, field.name.split(STAR))
    narrower = [
        one.name.removeprefix(field.name)
        for one in groups
        if one is not field and one.name.startswith(field.name)
    ]
    others = "".join(f"(?!.+{re.escape(rest)}$)" for rest in narrower)
    return f"^{before}{others}." + (f".*{after}$" if after else "")

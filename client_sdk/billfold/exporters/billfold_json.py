"""Billfold's plain JSON export: every record of a wallet, readable by a person and by programs.

UTF-8, one object: `format` is "billfold-export", `version` is 1, and `records` is a list of
`{id, type, fields, conflicts, tags, notes}` in the order of their ids. `conflicts` maps a field to
all the values that devices set at the same time. Text, integers, finite numbers, true, false and
null are themselves; bytes are `{"base64": …}`; a number that JSON cannot write is
`{"number": "NaN" | "Infinity" | "-Infinity"}`. It is not encrypted.

Spec: 40-wallet-document.md
"""

import base64
import math
from collections.abc import Iterable
from typing import Final, TypeAlias

from billfold.exporters.interface import ExportedRecord, Scalar
from billfold.exporters.writing import write_json
from billfold_protocol.errors import InputError

FORMAT: Final = "billfold-export"
"""The value of `format`."""

VERSION: Final = 1
"""The version that is written, and the newest that is read."""

_Encoded: TypeAlias = str | int | float | bool | dict[str, str] | None


def export_json(records: Iterable[ExportedRecord]) -> bytes:
    """Encode records; the same records give the same bytes, in whatever order they come.

    Raises:
        InputError: A text is not valid Unicode, or two records have one id.
    """
    by_id: dict[str, dict[str, object]] = {}
    for record in records:
        if record.id in by_id:
            raise InputError(f"The record {record.id} is there twice, so nothing was exported.")
        by_id[record.id] = {
            "id": record.id,
            "type": record.type,
            "fields": {name: _encode(record.fields[name]) for name in sorted(record.fields)},
            "conflicts": {
                name: [_encode(value) for value in record.conflicts[name]]
                for name in sorted(record.conflicts)
            },
            "tags": sorted(record.tags),
            "notes": record.notes,
        }
    whole = {
        "format": FORMAT,
        "version": VERSION,
        "records": [by_id[record_id] for record_id in sorted(by_id)],
    }
    return write_json(whole)


def _encode(value: Scalar) -> _Encoded:
    match value:
        case bytes():
            return {"base64": base64.b64encode(value).decode()}
        case float() if math.isnan(value):
            return {"number": "NaN"}
        case float() if math.isinf(value):
            return {"number": "Infinity" if value > 0 else "-Infinity"}
        case _:
            return value

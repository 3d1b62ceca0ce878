"""Reading Billfold's own JSON export, of which `billfold.exporters` is the other half.

Values pass as they are: the wallet that wrote them accepted them, and the one that takes them has
its own bounds. Values that were in conflict come back as JSON text in `source/conflicts.<field>`.

Spec: 40-wallet-document.md
"""

import base64
import binascii
from dataclasses import replace
from typing import Final

from billfold.exporters import FORMAT, VERSION
from billfold.importers.field_names import Path, is_field_name
from billfold.importers.interface import FIELD_NAME_SIZE_MAX, ImportReport, Json, Scalar
from billfold.importers.record_builder import RecordBuilder, ReportBuilder
from billfold_protocol.errors import Malformed, UpdateNeeded

_NUMBERS: Final = {"NaN", "Infinity", "-Infinity"}
_INTEGERS = range(-(2**63), 2**63)
_NO_RECORD = "This is no record with an id and a type, so it was not imported."
_NO_NAME = "This cannot be the name of a field, so the field was not imported."
_NO_VALUE = "This is no value of a field, so it is kept as it is."
_NO_TAG = "This is no tag, so it is kept as it is."
_CONFLICT = "Devices had set several values here; the one shown is in the field itself."
_UNKNOWN = "This version of Billfold does not know this, so it was not imported."


def is_billfold_export(value: dict[str, Json]) -> bool:
    """Say whether a JSON object is an export of Billfold of any version."""
    return value.get("format") == FORMAT


def read_billfold_export(value: dict[str, Json]) -> ImportReport:
    """Read an export; each record carries the id it had, beside a natural key made of it.

    Raises:
        UpdateNeeded: The export is of a newer version.
        Malformed: The version or the list of records is missing.
        LimitExceeded: There are too many records.
    """
    version, records = value.get("version"), value.get("records")
    if type(version) is not int or version < 1:
        raise Malformed("The Billfold export does not say which version it is.")
    if version > VERSION:
        raise UpdateNeeded("This export was made by a newer Billfold; update Billfold and retry.")
    if not isinstance(records, list):
        raise Malformed("The Billfold export has no list of records.")
    report = ReportBuilder(FORMAT)
    report.expect(records)
    for name in value:
        if name not in ("format", "version", "records"):
            report.add_refused((name,), _UNKNOWN)
    for index, record in enumerate(records):
        if isinstance(record, dict):
            _read_record(report, record, ("records", index))
        else:
            report.add_refused(("records", index), _NO_RECORD)
    return report.build()


def _read_record(report: ReportBuilder, members: dict[str, Json], root: Path) -> None:
    record_id, record_type = members.get("id"), members.get("type")
    if not (isinstance(record_id, str) and record_id and isinstance(record_type, str)):
        report.add_refused(root, _NO_RECORD)
        return
    if not is_field_name(record_type):
        report.add_refused((*root, "type"), _NO_RECORD)
        return
    fields: dict[str, Scalar] = {}
    builder = RecordBuilder(report, record_type, root, fields=fields)
    branch = builder.branch(members)
    branch.take_text("id")
    branch.take_text("type")
    # Notes are one text of any length here, so the bound on an imported text does not apply.
    notes = branch.take_text("notes") if isinstance(members.get("notes"), str) else None
    odd: list[tuple[Path, Json]] = []
    for name, value in _members(branch.take("fields", dict)):
        if _is_reserved(name):
            report.add_refused((*root, "fields", name), _NO_NAME)
        elif _is_value(value):
            fields[name] = _decode_value(value)
        else:
            odd.append((("fields", name), value))
    for path, value in odd:  # After the fields, so that none of them loses its name to this.
        builder.keep(path, value, _NO_VALUE)
    for name, value in _members(branch.take("conflicts", dict)):
        builder.keep(("conflicts", name), value, _CONFLICT)
    tags: dict[str, None] = {}
    for index, tag in enumerate(_elements(branch.take("tags", list))):
        if isinstance(tag, str) and tag:
            tags[tag] = None
        else:
            builder.keep(("tags", index), tag, _NO_TAG)
    label = next(
        (text for key in ("title", "username") if isinstance(text := fields.get(key), str)),
        record_type,
    )
    built = builder.build(("billfold", record_id), label)
    report.add(replace(built, tags=tuple(tags), notes=notes, record_id=record_id))


def _members(value: Json) -> list[tuple[str, Json]]:
    return list(value.items()) if isinstance(value, dict) else []


def _elements(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []


def _is_reserved(name: str) -> bool:
    return (
        not name
        or len(name) > FIELD_NAME_SIZE_MAX
        or not name.isprintable()
        or name == "type"
        or name.startswith(("tags/", "notes/"))
    )


def _is_value(value: Json) -> bool:
    match value:
        case {"base64": str(text), **rest} if not rest:
            return _decode_base64(text) is not None
        case {"number": str(text), **rest} if not rest:
            return text in _NUMBERS
        case dict() | list():
            return False
        case bool():
            return True
        case int():
            return value in _INTEGERS
        case _:
            return True


def _decode_value(value: Json) -> Scalar:
    match value:
        case {"base64": str(text)}:
            return _decode_base64(text)
        case {"number": str(text)}:
            return float(text)
        case dict() | list():
            raise Malformed("A value of the export is none that a field can hold.")
        case _:
            return value


def _decode_base64(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None

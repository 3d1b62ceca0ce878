"""Reading what other programs export: SD-JWT credentials, FIDO CXF, Bitwarden JSON, Billfold JSON.

Pure functions from bytes to records. They open no file, follow no link and check no signature; they
are bounded in memory and time for any input. What has no field is kept and reported, never dropped.

Spec: 40-wallet-document.md
"""

import re

from billfold.importers.billfold_json import is_billfold_export, read_billfold_export
from billfold.importers.bitwarden import is_bitwarden, read_bitwarden
from billfold.importers.cxf import is_cxf, read_cxf
from billfold.importers.interface import (
    ImportedRecord,
    ImportReport,
    Json,
    Refused,
    Scalar,
    Unmapped,
)
from billfold.importers.json_reader import decode_text, parse_json_tolerantly
from billfold.importers.sd_jwt import is_sd_jwt_json, read_sd_jwt, read_sd_jwt_json
from billfold_protocol.errors import Malformed

__all__ = [
    "ImportReport",
    "ImportedRecord",
    "Refused",
    "Scalar",
    "Unmapped",
    "read_import",
]

_KNOWN = (
    "Billfold imports SD-JWT credentials, FIDO CXF files, unencrypted Bitwarden JSON exports "
    "and its own JSON exports."
)

_TOKEN_START = re.compile(r"eyJ|ey[A-Za-z0-9_-]*\.")
"""How every signed token begins: the base64url form of `{"`, or of a brace and white space."""

_REPAIRED = Unmapped(
    where="the whole file",
    why="Some texts held half of a character; U+FFFD (�) stands in its place.",
    kept_as="the same fields",
)


def read_import(data: bytes, *, name: str = "") -> ImportReport:
    """Recognise a file's format by its content and read it; `name` only helps to label a record.

    The result is the same for the same bytes. An SD-JWT that must not be accepted gives a report
    with no record and the reason in `refused`.

    Raises:
        Malformed: The file is of no known format, or broken.
        LimitExceeded: The file is larger, longer or more deeply nested than an import may be.
        InputError: The file is an encrypted export; the message says what to do instead.
        UpdateNeeded: The file is a Billfold export of a newer version.
    """
    text = decode_text(data)
    if not text:
        raise Malformed("The file is empty.")
    if text[0] not in '{["':
        if not _TOKEN_START.match(text):
            raise Malformed(f"This is not a file that Billfold can import. {_KNOWN}")
        return read_sd_jwt(text, name=name)
    value, was_repaired = parse_json_tolerantly(text)
    if isinstance(value, str):
        # Published examples hold a JSON text inside a JSON string.
        inner = value.strip()
        if not inner.startswith("{"):
            return read_sd_jwt(inner, name=name)
        text = inner
        value, _ = parse_json_tolerantly(text)
    report = _read_object(value, text, name)
    if not was_repaired:
        return report
    return ImportReport(
        format=report.format,
        records=report.records,
        unmapped=(_REPAIRED, *report.unmapped),
        refused=report.refused,
    )


def _read_object(value: Json, text: str, name: str) -> ImportReport:
    if not isinstance(value, dict):
        raise Malformed(f"This JSON is not a file that Billfold can import. {_KNOWN}")
    if is_sd_jwt_json(value):
        return read_sd_jwt_json(value, text, name=name)
    if is_billfold_export(value):
        return read_billfold_export(value)
    if is_bitwarden(value):
        return read_bitwarden(value)
    if is_cxf(value):
        return read_cxf(value)
    raise Malformed(f"This JSON is not a file that Billfold can import. {_KNOWN}")

"""Reading what other programs export: credentials, passes, logins, migration objects, and so on.

Pure functions from bytes to records. They open no file, follow no link and check no signature; they
are bounded in memory and time for any input. What has no field is kept and reported, never dropped.

Spec: 40-wallet-document.md
"""

import re
from dataclasses import replace

from billfold.formats.sealed_json import is_sealed_json, open_json
from billfold.importers.billfold_json import is_billfold_export, read_billfold_export
from billfold.importers.bitwarden import is_bitwarden, read_bitwarden
from billfold.importers.csv_logins import is_login_table, read_login_table
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
from billfold.importers.pkpass import is_zip, read_pkpass
from billfold.importers.sd_jwt import is_sd_jwt_json, read_sd_jwt, read_sd_jwt_json
from billfold.importers.ts10 import is_ts10, mend_example, read_ts10, starts_like_example
from billfold_protocol.errors import InputError, Malformed

__all__ = [
    "ImportReport",
    "ImportedRecord",
    "Refused",
    "Scalar",
    "Unmapped",
    "read_import",
]

_KNOWN = (
    "Billfold imports SD-JWT credentials, passes (.pkpass), FIDO CXF files, TS10 migration "
    "objects, unencrypted Bitwarden JSON exports, tables of logins (CSV) and its own JSON exports."
)

_TOKEN_START = re.compile(r"eyJ|ey[A-Za-z0-9_-]*\.")
"""How every signed token begins: the base64url form of `{"`, or of a brace and white space."""

_REPAIRED = Unmapped(
    where="the whole file",
    why="Some texts held half of a character; U+FFFD (�) stands in its place.",
    kept_as="the same fields",
)


def read_import(data: bytes, *, name: str = "", password: str | None = None) -> ImportReport:
    """Recognise a file's format by its content and read it; `name` only helps to label a record.

    The result is the same for the same bytes. An SD-JWT that must not be accepted gives a report
    with no record and the reason in `refused`. A TS10 object that is sealed needs its `password`.

    Raises:
        Malformed: The file is of no known format, or broken.
        LimitExceeded: The file is larger, longer or more deeply nested than an import may be.
        InputError: The file is encrypted; the message says what to do.
        UnlockFailed: The password is wrong.
        UpdateNeeded: The file is a Billfold export of a newer version.
    """
    if is_zip(data):
        return read_pkpass(data)
    text = decode_text(data)
    if not text:
        raise Malformed("The file is empty.")
    if is_sealed_json(text):
        if password is None:
            raise InputError("The file is sealed with a password, which is needed to import it.")
        text = decode_text(open_json(text, password))
    if starts_like_example(text):
        text = mend_example(text)
    if text[:1] not in {"{", '"', "["}:
        if is_login_table(text):
            return read_login_table(text)
        if not _TOKEN_START.match(text):
            raise Malformed(f"This is not a file that Billfold can import. {_KNOWN}")
        return read_sd_jwt(text, name=name)
    if text[0] == '"' and is_login_table(text):
        return read_login_table(text)
    value, was_repaired = _parse(text)
    if isinstance(value, str):
        # Published examples hold a JSON text inside a JSON string.
        inner = value.strip()
        if not inner.startswith("{"):
            return read_sd_jwt(inner, name=name)
        text = inner
        value, _ = parse_json_tolerantly(text)
    report = _read_value(value, text, name)
    if not was_repaired:
        return report
    return replace(report, unmapped=(_REPAIRED, *report.unmapped))


def _parse(text: str) -> tuple[Json, bool]:
    """Parse JSON; where a published example of TS10 is no JSON, what it means."""
    try:
        return parse_json_tolerantly(text)
    except Malformed:
        if "transactionIdentifier" not in text and "listOfCredentials" not in text:
            raise
        return parse_json_tolerantly(mend_example(text))


def _read_value(value: Json, text: str, name: str) -> ImportReport:
    if is_ts10(value):
        return read_ts10(value)
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

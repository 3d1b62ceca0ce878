"""Logins as a table: the CSV that browsers and password managers export (RFC 4180).

The first row names the columns; each program names them in its own way, and what is not known is
kept in `source/<column>`. Rows become `login`, rows without any secret or address but with a note
`document` of kind `note`.

Spec: 43-portability.md
"""

import csv
import io
from typing import Final

from billfold.importers.interface import RECORD_FIELDS_MAX, ImportReport, Json
from billfold.importers.record_builder import Branch, RecordBuilder, ReportBuilder, content_hash
from billfold.importers.timestamps import unix_seconds
from billfold_protocol.errors import LimitExceeded, Malformed

FORMAT: Final = "csv"

COLUMNS_MAX: Final = 256
"""The most columns of a table."""

_HEADER_LENGTH_MAX: Final = 16 * 1024
"""The longest header that is looked at, in characters."""

_FIELDS: Final[dict[str, str]] = {
    "title": "title",
    "name": "title",
    "account": "title",
    "username": "username",
    "user name": "username",
    "login name": "username",
    "login_username": "username",
    "user": "username",
    "email": "email",
    "password": "password",
    "login_password": "password",
    "url": "urls",
    "urls": "urls",
    "website": "urls",
    "web site": "urls",
    "login_uri": "urls",
    "login uri": "urls",
    "hostname": "urls",
    "notes": "notes",
    "note": "notes",
    "comments": "notes",
    "extra": "notes",
    "totp": "totp",
    "otp": "totp",
    "otpauth": "totp",
    "one-time password": "totp",
    "login_totp": "totp",
    "folder": "tag",
    "group": "tag",
    "grouping": "tag",
    "tags": "tags",
    "category": "tag",
    "favorite": "favorite",
    "fav": "favorite",
    "timecreated": "created_at",
    "created": "created_at",
    "createtime": "created_at",
    "timepasswordchanged": "password_changed_at",
    "last modified": "modified_at",
    "modifytime": "modified_at",
    "timelastused": "last_used_at",
    "guid": "id",
    "id": "id",
    "uuid": "id",
}
"""Names of columns in small letters, and where they go."""

_TELLS_LOGINS: Final = frozenset({"password", "totp"})
_TELLS_WHERE: Final = frozenset({"title", "username", "email", "urls"})
_MICROSECONDS_DIGITS: Final = 16
_FLAGS: Final = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


def is_login_table(text: str) -> bool:
    """Say whether a text begins with the header of a table of logins."""
    header = text.partition("\n")[0].strip()
    if len(header) > _HEADER_LENGTH_MAX or not header:
        return False
    names = next(csv.reader([header], delimiter=_delimiter(header)), [])
    known = {_FIELDS.get(name.strip().lower()) for name in names}
    return bool(known & _TELLS_LOGINS) and bool(known & _TELLS_WHERE)


def read_login_table(text: str) -> ImportReport:
    """Read a table.

    Raises:
        Malformed: A row is broken, or a quotation mark is never closed.
        LimitExceeded: There are too many rows or columns, or a cell is too long.
    """
    report = ReportBuilder(FORMAT)
    delimiter = _delimiter(text.partition("\n")[0])
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        columns = [name.strip() for name in next(rows)]
        if len(columns) > COLUMNS_MAX:
            raise LimitExceeded(f"The table has more than {COLUMNS_MAX} columns.")
        for number, row in enumerate(rows, start=2):
            if any(cell.strip() for cell in row):
                _read_row(report, _cells(columns, row), number)
    except csv.Error as error:
        if "field larger" in str(error):
            raise LimitExceeded("A cell of the table is longer than 128 KiB.") from error
        raise Malformed("The table is broken; export it again as CSV.") from error
    return report.build()


def _cells(columns: list[str], row: list[str]) -> dict[str, str]:
    """Return the cells that are not empty, by column; each column has a name of its own."""
    cells: dict[str, str] = {}
    for index, cell in enumerate(row[:RECORD_FIELDS_MAX]):
        name = columns[index] if index < len(columns) and columns[index] else f"column {index + 1}"
        if cell:
            cells[name if name not in cells else f"{name} {index + 1}"] = cell
    return cells


def _read_row(report: ReportBuilder, cells: dict[str, str], number: int) -> None:
    known = {_FIELDS.get(name.lower()) for name in cells}
    is_note = "notes" in known and not known & (_TELLS_LOGINS | _TELLS_WHERE - {"title"})
    builder = RecordBuilder(report, "document" if is_note else "login", ("rows", number))
    if is_note:
        builder.put("kind", "note", ())
    branch = builder.branch(dict(cells))
    for name, cell in cells.items():
        _put_cell(builder, branch, name, cell)
    identifier = next((cells[name] for name in cells if _FIELDS.get(name.lower()) == "id"), "")
    label = builder.text("title") or builder.text("urls/0") or builder.text("username")
    key = identifier or content_hash(_told(cells))
    report.add(builder.build((FORMAT, key), label or "Untitled"))


def _put_cell(builder: RecordBuilder, branch: Branch, name: str, cell: str) -> None:
    match _FIELDS.get(name.lower()):
        case "urls":
            for number, address in enumerate(branch.take_text(name).split()):
                builder.put(f"urls/{number}", address, (name,))
        case "notes":
            branch.put_note(name)
        case "tag":
            builder.put_tag(branch.take_text(name), (name,))
        case "tags":
            for tag in branch.take_text(name).split(","):
                builder.put_tag(tag.strip(), (name,))
        case "favorite" if cell.lower() in _FLAGS:
            branch.take_text(name)
            if is_favorite := _FLAGS[cell.lower()]:
                builder.put("favorite", is_favorite, (name,))
        case ("created_at" | "modified_at" | "last_used_at" | "password_changed_at") as field:
            seconds = unix_seconds(_microseconds(cell))
            if seconds is not None:
                builder.put(field, seconds, (name,))
            branch.put_original(name)
        case "id":
            branch.put_original(name)
        case None | "favorite":
            pass
        case str() as field:
            branch.put(name, field)


def _told(cells: dict[str, str]) -> Json:
    """Return what makes a row the same in a later export: whose login it is, and where."""
    parts = {
        field: cell
        for name, cell in cells.items()
        if (field := _FIELDS.get(name.lower())) in {"title", "username", "email", "urls"}
    }
    return dict(sorted((parts or cells).items()))


def _microseconds(text: str) -> str:
    """Cut microseconds, which one browser counts in, to milliseconds."""
    return text[:-3] if text.isdigit() and len(text) >= _MICROSECONDS_DIGITS else text


def _delimiter(header: str) -> str:
    return max((",", ";", "\t"), key=header.count)

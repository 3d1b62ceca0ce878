"""The commands that bring records in and out, as they are typed.

Spec: 43-portability.md
"""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from billfold.cli.exit_codes import ExitCode
from billfold.cli.front import Front, command
from billfold.cli.request import Answer
from billfold.cli.settings import read_file_password, write_owner_file
from billfold_protocol.errors import InputError

app = typer.Typer(add_completion=False, rich_markup_mode=None)

IMPORT_SIZE_MAX = 64 * 1024 * 1024
"""Bytes of a file that `import` reads; the importers have the same bound."""

FORMATS = ("billfold", "cxf", "ts10", "html")
"""What `export` writes; `billfold.exporting` has the same."""

_JWE_DOTS = 4

SEALED_START = b"eyJ"
"""How a file begins that may be sealed with a password."""

PasswordFile = Annotated[
    Path | None,
    typer.Option(
        "--password-file",
        metavar="FILE",
        help="Its first line is the password of a sealed file; so is BILLFOLD_FILE_PASSWORD.",
    ),
]


@command(
    app,
    "import",
    examples=(
        "billfold import bitwarden.json",
        "billfold import credential.sdjwt passport.sdjwt",
        "billfold import chrome-passwords.csv boarding.pkpass",
        "billfold import - < export.cxf.json",
        "billfold import migration.jwe --password-file password",
    ),
)
def import_files(
    front: Front,
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="- is standard input.")],
    password_file: PasswordFile = None,
) -> Answer:
    """Import credentials, passes, FIDO CXF, TS10, Bitwarden JSON, CSV of logins, Billfold JSON.

    Importing a file again changes nothing, and never overwrites a later edit.
    """
    results = []
    for name in files:
        data = _read(name)
        password = read_file_password(password_file, is_new=False) if _is_sealed(data) else None
        arguments = {"name": Path(name).name, "password": password}
        answer = front.perform("import", arguments, attachment=data)
        results.append(answer.result)
    merged: dict[str, Any] = {
        "added": sum(len(one["added"]) for one in results),
        "updated": sum(len(one["updated"]) for one in results),
        "unchanged": sum(len(one["unchanged"]) for one in results),
        "refused": sum(len(one["refused"]) for one in results),
        "files": results,
    }
    code = ExitCode.INCOMPLETE if merged["refused"] else ExitCode.DONE
    return Answer(result=merged, exit_code=code)


@command(
    app,
    "export",
    examples=(
        "billfold export wallet.json",
        "billfold export - --type login | gpg -c > logins",
        "billfold export rest.json --unsent      # what a revoked device could not send",
        "billfold export logins.json --format cxf     # for another password manager",
        "billfold export migration.jwe --format ts10  # for another wallet; asks for a password",
        "billfold export wallet.html --format html    # a page to read or print",
    ),
)
def export(
    front: Front,
    file: Annotated[str, typer.Argument(metavar="FILE", help="- is standard output.")],
    record_type: Annotated[
        str | None, typer.Option("--type", help="Only records of this type.")
    ] = None,
    export_format: Annotated[
        str, typer.Option("--format", metavar=f"[{'|'.join(FORMATS)}]", help="What to write.")
    ] = "billfold",
    password_file: PasswordFile = None,
    *,
    unsent: Annotated[
        bool, typer.Option("--unsent", help="Only records with edits that no server has.")
    ] = False,
    show_secrets: Annotated[
        bool, typer.Option("--show-secrets", help="Put secrets on the page to read, too.")
    ] = False,
) -> Answer | None:
    """Write all records to a file; only --format ts10 is sealed, the others anyone can read."""
    if export_format not in FORMATS:
        raise InputError(f"--format is one of {', '.join(FORMATS)}")
    is_sealed = export_format == "ts10"
    password = read_file_password(password_file, is_new=True) if is_sealed else None
    arguments = {
        "type": record_type,
        "unsent": unsent,
        "format": export_format,
        "password": password,
        "show_secrets": show_secrets,
    }
    answer = front.perform("export", arguments)
    if file == "-":
        front.terminal.raw(answer.attachment)
        return None
    write_owner_file(Path(file), answer.attachment)
    if not is_sealed and (export_format != "html" or show_secrets):
        front.terminal.note("The file is not encrypted: it holds passwords and keys in the clear.")
    return replace(answer, result={"file": file, **answer.result})


def _is_sealed(data: bytes) -> bool:
    """Say whether a file looks like sealed JSON; the importers look more closely."""
    return data.startswith(SEALED_START) and b"~" not in data and data.count(b".") == _JWE_DOTS


def _read(name: str) -> bytes:
    try:
        if name == "-":
            return sys.stdin.buffer.read(IMPORT_SIZE_MAX + 1)
        with Path(name).open("rb") as file:
            return file.read(IMPORT_SIZE_MAX + 1)
    except OSError as error:
        raise InputError(f"the file {name} cannot be read: {error.strerror}") from error

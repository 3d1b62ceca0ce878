"""The commands on records, as they are typed.

Spec: 40-wallet-document.md
"""

import getpass
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from billfold.cli.assignments import VALUE_SIZE_MAX, parse_assignments
from billfold.cli.front import Front, command
from billfold.cli.request import Answer
from billfold_protocol.errors import InputError

app = typer.Typer(add_completion=False, rich_markup_mode=None)

RecordArgument = Annotated[
    str,
    typer.Argument(
        metavar="RECORD", help="An id, the start of one, or type:label such as login:Library."
    ),
]
ShowSecrets = Annotated[
    bool,
    typer.Option(
        "--show-secrets", help="Show passwords, keys and other secrets; they are hidden otherwise."
    ),
]
Assignments = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[FIELD=VALUE]...",
        help="name=text, name:=json, name@=file (- for the standard input), or just name to be "
        "asked. The field `notes` is the record's long text.",
    ),
]


@command(
    app,
    "add",
    examples=(
        "billfold add login title=Library username=ada password",
        "billfold add login title=Bank password@=secret.txt --tag money",
        "billfold add preference subject=diet statement=vegetarian age:=30",
        "billfold add relationship organisation=example.org --key example.org",
    ),
)
def add(
    front: Front,
    record_type: Annotated[str, typer.Argument(metavar="TYPE", help="Such as login.")],
    fields: Assignments = None,
    tag: Annotated[list[str] | None, typer.Option(help="A tag; may be repeated.")] = None,
    key: Annotated[
        list[str] | None,
        typer.Option(
            help="What makes it this thing and no other, such as issuer and serial; may be "
            "repeated. Two devices that add the same key apart add one record."
        ),
    ] = None,
) -> Answer:
    """Add a record and print its id."""
    arguments = {
        "type": record_type,
        "values": read_values(fields),
        "tags": tag or [],
        "natural_key": key or [],
    }
    return front.perform("add", arguments)


@command(
    app,
    "set",
    examples=(
        "billfold set login:Library username=ada.l password",
        "billfold set k3v7 visits:=3 notes@=- --unset nickname",
    ),
)
def set_fields(
    front: Front,
    record: RecordArgument,
    fields: Assignments = None,
    unset: Annotated[
        list[str] | None, typer.Option(metavar="FIELD", help="Take a field away; may be repeated.")
    ] = None,
) -> Answer:
    """Set fields of a record; several become one change."""
    arguments = {"record": record, "values": read_values(fields), "unset": unset or []}
    return front.perform("set", arguments)


@command(
    app,
    "get",
    examples=(
        "billfold get login:Library",
        "billfold get login:Library password      # one field, secret or not, and nothing else",
        "billfold get k3v7 --json --show-secrets",
    ),
)
def get(
    front: Front,
    record: RecordArgument,
    field: Annotated[
        str | None, typer.Argument(help="Print just this field; a secret one is shown.")
    ] = None,
    *,
    show_secrets: ShowSecrets = False,
) -> Answer:
    """Show a record, or one field of it."""
    return front.perform("get", {"record": record, "field": field, "show_secrets": show_secrets})


@command(
    app,
    "ls",
    examples=(
        "billfold ls",
        "billfold ls login --tag money",
        "billfold ls --trash",
        "billfold ls --json --view secrets",
    ),
)
def ls(
    front: Front,
    record_type: Annotated[
        str | None, typer.Argument(metavar="[TYPE]", help="Only records of this type.")
    ] = None,
    *,
    tag: Annotated[str | None, typer.Option(help="Only records with this tag.")] = None,
    find: Annotated[
        list[str] | None, typer.Option(help="Only labels with this word; may be repeated.")
    ] = None,
    trash: Annotated[bool, typer.Option("--trash", help="List the trash instead.")] = False,
    is_all: Annotated[
        bool, typer.Option("--all", help="Also Billfold's own records, such as devices.")
    ] = False,
    view: Annotated[
        str, typer.Option(metavar="[brief|full|secrets]", help="How much JSON tells of each.")
    ] = "brief",
) -> Answer:
    """List records; with --view full, JSON has their fields, with secrets also the secret ones."""
    if view not in {"brief", "full", "secrets"}:
        raise InputError("--view is brief, full or secrets")
    arguments = {
        "type": record_type,
        "tag": tag,
        "words": find or [],
        "trash": trash,
        "all": is_all,
        "full": view != "brief",
        "show_secrets": view == "secrets",
    }
    return front.perform("ls", arguments)


@command(app, "rm", examples=("billfold rm login:Library", "billfold rm k3v7 --purge --yes"))
def rm(
    front: Front,
    record: RecordArgument,
    *,
    purge: Annotated[
        bool, typer.Option("--purge", help="Take its values away for good, on all devices.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before a purge.")] = False,
) -> Answer:
    """Put a record into the trash; `restore` brings it back."""
    if purge and not yes and not _is_agreed(front, f"Purge {record} for good?"):
        raise InputError("nothing was purged")
    return front.perform("rm", {"record": record, "purge": purge})


@command(app, "restore", examples=("billfold restore login:Library",))
def restore(front: Front, record: RecordArgument) -> Answer:
    """Take a record out of the trash."""
    return front.perform("restore", {"record": record})


@command(
    app,
    "tag",
    examples=("billfold tag login:Library books city", "billfold tag k3v7 books --remove"),
)
def tag(
    front: Front,
    record: RecordArgument,
    tags: Annotated[list[str], typer.Argument(metavar="TAG...")],
    *,
    remove: Annotated[bool, typer.Option("--remove", help="Take them off.")] = False,
) -> Answer:
    """Put tags on a record, or take them off."""
    return front.perform("tag", {"record": record, "tags": tags, "remove": remove})


@command(
    app,
    "history",
    examples=("billfold history login:Library password", "billfold history k3v7 --json"),
)
def history(
    front: Front,
    record: RecordArgument,
    field: Annotated[
        str | None, typer.Argument(help="Only this field; a secret one is shown.")
    ] = None,
    *,
    show_secrets: ShowSecrets = False,
) -> Answer:
    """Show what fields held, which device wrote it, and when."""
    arguments = {"record": record, "field": field, "show_secrets": show_secrets}
    return front.perform("history", arguments)


@command(app, "undo", examples=("billfold undo login:Library username",))
def undo(
    front: Front,
    record: RecordArgument,
    field: Annotated[str, typer.Argument(help="The field, or notes.")],
    *,
    show_secrets: ShowSecrets = False,
) -> Answer:
    """Bring back what a field held before, as a new edit."""
    arguments = {"record": record, "field": field, "show_secrets": show_secrets}
    return front.perform("undo", arguments)


@command(
    app,
    "conflicts",
    examples=("billfold conflicts", "billfold conflicts login:Library --show-secrets"),
)
def conflicts(
    front: Front,
    record: Annotated[str | None, typer.Argument(metavar="[RECORD]")] = None,
    *,
    show_secrets: ShowSecrets = False,
) -> Answer:
    """List fields that devices set to different values without knowing of each other."""
    return front.perform("conflicts", {"record": record, "show_secrets": show_secrets})


@command(
    app,
    "resolve",
    examples=(
        "billfold resolve login:Library password --keep 2",
        "billfold resolve login:Library password --keep laptop",
        "billfold resolve preference:diet statement --value vegan",
    ),
)
def resolve(
    front: Front,
    record: RecordArgument,
    field: Annotated[str, typer.Argument()],
    *,
    keep: Annotated[
        str | None,
        typer.Option(help="The value to keep: its number in `conflicts`, or its device's name."),
    ] = None,
    value: Annotated[
        str | None, typer.Option(help="Another text instead; @=FILE and :=JSON as in `set`.")
    ] = None,
    show_secrets: ShowSecrets = False,
) -> Answer:
    """Settle a conflict by keeping one of its values, or with another."""
    values: dict[str, Any] = {}
    if value is not None:
        sign = "" if value.startswith((":=", "@=")) else "="
        values = read_values([f"{field}{sign}{value}"])
    arguments = {
        "record": record,
        "field": field,
        "choice": keep,
        "values": values,
        "show_secrets": show_secrets,
    }
    return front.perform("resolve", arguments)


def read_values(fields: list[str] | None) -> dict[str, Any]:
    """Return the values that were typed, asked for or read from files, by field."""
    return parse_assignments(fields or [], read_file=_read_file, ask_secret=_ask_secret)


def _read_file(name: str) -> bytes:
    try:
        if name == "-":
            return sys.stdin.buffer.read(VALUE_SIZE_MAX + 1)
        with Path(name).open("rb") as file:
            return file.read(VALUE_SIZE_MAX + 1)
    except OSError as error:
        raise InputError(f"the file {name} cannot be read: {error.strerror}") from error


def _ask_secret(field: str) -> str:
    if sys.stdin.isatty():
        return getpass.getpass(f"{field}: ")
    line = sys.stdin.readline()
    if not line:
        raise InputError(f"the standard input has no line for the field {field!r}")
    return line.removesuffix("\n").removesuffix("\r")


def _is_agreed(front: Front, text: str) -> bool:
    if not sys.stdin.isatty():
        raise InputError(f"{text} Say so with --yes")
    return front.terminal.ask({"text": text})

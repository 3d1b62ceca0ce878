"""The commands on attachments, as they are typed.

Spec: 40-wallet-document.md
"""

import mimetypes
from pathlib import Path
from typing import Annotated, Final

import typer

from billfold.cli.app_records import RecordArgument
from billfold.cli.front import Front, command
from billfold.cli.request import Answer

app = typer.Typer(add_completion=False, rich_markup_mode=None)

UNKNOWN_TYPE: Final = "application/octet-stream"

NameArgument = Annotated[
    str, typer.Argument(metavar="NAME", help="The attachment's name, or its id.")
]


@command(
    app,
    "attach",
    examples=(
        "billfold attach document:Passport scan.pdf",
        "billfold attach k3v7 IMG_0042.jpg --name front.jpg",
    ),
)
def attach(
    front: Front,
    record: RecordArgument,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="At most 100 MiB.")],
    name: Annotated[str | None, typer.Option(help="What to call it, if not as the file.")] = None,
    media_type: Annotated[
        str | None,
        typer.Option(help="Such as application/pdf; guessed from the name if not given."),
    ] = None,
    deadline: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", help="How long to wait for the server; it goes on later."),
    ] = None,
) -> Answer:
    """Attach a file to a record; sealed here at once, then brought to the server.

    Ctrl-C is safe once it uploads: the next command that goes online resumes where it was.
    """
    guessed = mimetypes.guess_type(name or file.name)[0]
    arguments = {
        "record": record,
        "path": str(file.absolute()),
        "name": name,
        "media_type": media_type or guessed or UNKNOWN_TYPE,
        "is_uploaded": not front.settings.is_offline,
        "deadline_s": deadline,
    }
    return front.perform("attach", {k: v for k, v in arguments.items() if v is not None})


@command(app, "attachments", examples=("billfold attachments document:Passport",))
def attachments(front: Front, record: RecordArgument) -> Answer:
    """List a record's attachments."""
    return front.perform("attachments", {"record": record})


@command(app, "detach", examples=("billfold detach document:Passport scan.pdf",))
def detach(front: Front, record: RecordArgument, name: NameArgument) -> Answer:
    """Take an attachment off its record; `undo` brings it back for 60 days."""
    return front.perform("detach", {"record": record, "name": name})


@command(
    app,
    "fetch",
    examples=(
        "billfold fetch document:Passport scan.pdf -o passport.pdf",
        "billfold fetch document:Passport scan.pdf -o passport.pdf --force --json",
    ),
)
def fetch(
    front: Front,
    record: RecordArgument,
    name: NameArgument,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="Where to write it.")
    ],
    *,
    force: Annotated[
        bool, typer.Option("--force", help="Replace the file if it is there.")
    ] = False,
) -> Answer:
    """Write an attachment's content to a file; interrupted, it resumes where it was."""
    arguments = {
        "record": record,
        "name": name,
        "path": str(output.absolute()),
        "is_forced": force,
    }
    return front.perform("fetch", arguments)

"""The commands on where the wallet lives, as they are typed: move, home.

Spec: 25-moving.md
"""

import importlib
from pathlib import Path
from typing import Annotated, Any

import typer

from billfold.cli.front import Front, command
from billfold.cli.request import Answer
from billfold.cli.settings import read_small_file

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@command(
    app,
    "move",
    examples=(
        "billfold move https://other.example.org",
        "billfold move https://other.example.org --token-file token",
        "billfold move https://other.example.org --old-server-gone",
    ),
)
def move(  # noqa: PLR0913 -- one value for each thing that a person chooses
    front: Front,
    url: Annotated[str, typer.Argument(metavar="URL", help="The server to live on.")],
    token_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="What the new server's operator gave you."),
    ] = None,
    key: Annotated[
        str | None, typer.Option(metavar="HEX", help="The new server's key, if you were told it.")
    ] = None,
    fallback: Annotated[
        list[str] | None,
        typer.Option(
            metavar="URL", help="A server to ask when the new one is gone; may be repeated."
        ),
    ] = None,
    deadline: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="How long to wait for the end.")
    ] = None,
    *,
    old_server_gone: Annotated[
        bool, typer.Option("--old-server-gone", help="Go without the old server: it is gone.")
    ] = False,
    leave_attachments: Annotated[
        bool,
        typer.Option("--leave-attachments", help="Go without files that cannot be had now."),
    ] = False,
) -> Answer:
    """Move the wallet, with everything, to another server; the other devices follow by themselves.

    Until the old server knows of it nothing has changed. Interrupted later, it goes on by itself.
    """
    token = None if token_file is None else read_small_file(token_file).decode().strip()
    arguments: dict[str, Any] = {
        "url": url,
        "token": token,
        "server_key": key,
        "fallbacks": fallback or [],
        "is_old_server_gone": old_server_gone,
        "leaves_attachments": leave_attachments,
    }
    if deadline is not None:
        arguments["deadline_s"] = deadline
    return front.perform("move", arguments)


@command(
    app,
    "home",
    examples=(
        "billfold home                       # shows a code for the other devices",
        "billfold home billfold-home:…       # goes where another device's code says",
    ),
)
def home(
    front: Front,
    code: Annotated[
        str | None, typer.Argument(metavar="[CODE]", help="The text of another device's code.")
    ] = None,
) -> Answer:
    """Show where the wallet lives, as a code for its other devices; or follow such a code.

    It is for when the old server is gone and cannot tell them. The code is no secret: a device goes
    there only if the wallet's own history says so.
    """
    answer = front.perform("home", {"code": code})
    if answer.result["code"] is not None and not front.terminal.is_json:
        draw = importlib.import_module("billfold.cli.linking_codes").qr_text
        front.terminal.note(draw(answer.result["code"]))
    return answer

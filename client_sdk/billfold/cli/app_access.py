"""The commands that decide who opens a wallet, and how: passphrase, lock, replace.

Spec: 11-cryptography.md
"""

import importlib
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from billfold.cli import agent_client
from billfold.cli.front import Front, command
from billfold.cli.local_socket import connected_socket
from billfold.cli.request import Answer, Request
from billfold_protocol.errors import InputError

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@command(
    app,
    "passphrase",
    examples=(
        "billfold passphrase                            # asks for the old and the new one",
        "billfold passphrase --passphrase-file old --new-passphrase-file new",
        "billfold passphrase --key-file key             # from a key file to a passphrase",
    ),
)
def passphrase(
    front: Front,
    new_passphrase_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Read the new one from a file's first line; else from BILLFOLD_NEW_PASSPHRASE, "
            "else it is asked for.",
        ),
    ] = None,
) -> Answer:
    """Open the wallet with another passphrase from now on; a copy made before opens as it did."""
    changed: Answer = importlib.import_module("billfold.cli.locking").change_passphrase(
        front.settings, new_passphrase_file
    )
    return changed


@command(app, "lock", examples=("billfold lock", "billfold lock --json"))
def lock(front: Front) -> Answer:
    """End a running `watch`, so that the wallet's keys are in no memory."""
    connection = connected_socket(front.settings.folder)
    if connection is None:
        return Answer(result={"folder": str(front.settings.folder), "was_open": False})
    return agent_client.perform(connection, Request(command="lock"), front.terminal)


@command(
    app,
    "replace",
    examples=(
        "billfold replace                             # somebody may have a copy of this device",
        "billfold replace phone K7Q2-AB3D-F5HJ-2LMN   # on another device: what that one shows",
        "billfold replace --words                     # no other device: the recovery words",
    ),
)
def replace(
    front: Front,
    device: Annotated[
        str | None,
        typer.Argument(help="The device that gets new keys: its name, its id or the start of it."),
    ] = None,
    code: Annotated[str | None, typer.Argument(help="What `billfold replace` shows on it.")] = None,
    words_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Read the recovery words from a file; - is stdin."),
    ] = None,
    deadline: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="How long to keep trying.")
    ] = None,
    *,
    words: Annotated[
        bool, typer.Option("--words", help="Confirm by the recovery words, for this device.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> Answer:
    """Give a device new keys, because somebody may have a copy of the old ones.

    The device stays what it is; the copy gets nothing new. It takes two: the device asks, and
    another one confirms, or the recovery words do.
    """
    by_words = words or words_file is not None
    if (device is None) != (code is None) or (by_words and device is not None):
        raise InputError("`billfold replace` takes nothing, a device and its code, or --words")
    if device is not None and not yes:
        if not sys.stdin.isatty():
            raise InputError("new keys cannot be taken back; say so with --yes")
        if not front.terminal.ask({"text": f"Does {device} show {code}?"}):
            raise InputError("nothing was changed")
    typed = b""
    if by_words:
        dialogue = importlib.import_module("billfold.cli.recovery_dialogue")
        typed = dialogue.read_words(front.terminal, words_file).encode()
    arguments: dict[str, Any] = {"device": device, "code": code}
    if deadline is not None:
        arguments["deadline_s"] = deadline
    return front.perform("replace", arguments, attachment=typed)

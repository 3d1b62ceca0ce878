"""The commands that decide how a wallet opens: passphrase, lock.

Spec: 11-cryptography.md
"""

import importlib
from pathlib import Path
from typing import Annotated

import typer

from billfold.cli import agent_client
from billfold.cli.front import Front, command
from billfold.cli.local_socket import connected_socket
from billfold.cli.request import Answer, Request

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

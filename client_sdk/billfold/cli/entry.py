"""The command's outermost layer: all commands together, help, versions and wrong usage.

Spec: 00-overview.md
"""

import functools
import importlib.metadata
import json
import os
import sys
from collections.abc import Sequence
from typing import Annotated, Final

import typer
from typer.main import get_command

from billfold.cli import (
    app_access,
    app_attachments,
    app_channels,
    app_credentials,
    app_model,
    app_moving,
    app_proofs,
    app_records,
    app_recovery,
    app_transfer,
    app_wallet,
)
from billfold.cli.exit_codes import MEANINGS, ExitCode
from billfold.cli.front import report_unexpected

TRACEBACK_VARIABLE: Final = "BILLFOLD_TRACEBACK"

HELP: Final = f"""A wallet on all your devices, which no server can read.

Edits work offline and are safe when the command ends. A server that you name brings them to your
other devices and sees only ciphertext.

\b
Examples:
  billfold init --server https://wallet.example.org --name laptop
  billfold add login title=Library username=ada password
  billfold get login:Library password
  billfold link                  # then, on the other device: billfold join CODE --server …
  billfold watch                 # stay in step; other commands work beside it

Secrets are hidden from lists and from JSON until --show-secrets; a field that `get` names is always
shown. Give secret values by name alone (`password`), by file (`password@=file`), never as arguments
that other users of the computer can see.

\b
Exit codes:
{chr(10).join(f"  {code.value:<4}{text}" for code, text in MEANINGS.items())}

With --json, results are JSON documents on the standard output and errors are
{{"error": {{"type", "message"}}}} on the standard error. `watch`, `link` and `join` write one
document a line, as things happen.
"""

app = typer.Typer(
    add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False, help=HELP
)
app.add_typer(app_wallet.app)
app.add_typer(app_transfer.app)
app.add_typer(app_records.app)
app.add_typer(app_model.app)
app.add_typer(app_attachments.app)
app.add_typer(app_credentials.app)
app.add_typer(app_channels.app)
app.add_typer(app_access.app)
app.add_typer(app_proofs.app)
app.add_typer(app_recovery.app)
app.add_typer(app_moving.app)


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    *,
    version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False,
) -> None:
    """Show help or the version where no command is given."""
    if version:
        typer.echo(f"billfold {importlib.metadata.version('billfold')}")
    elif context.invoked_subcommand is None:
        typer.echo(context.get_help())


_command = functools.cache(get_command)
"""Builds the commands once in a process: that takes half as long as a small command itself."""


def run(arguments: Sequence[str]) -> int:
    """Run a command line and return the process's exit code.

    Raises:
        SystemExit: the process was told to stop.
    """
    if not os.environ.get(TRACEBACK_VARIABLE):
        sys.excepthook = report_unexpected
    try:
        code = _command(app).main(args=list(arguments), prog_name="billfold", standalone_mode=False)
    except typer.TyperException as error:
        _refuse(error, is_json="--json" in arguments)
        return ExitCode.USAGE
    except typer.Abort:
        return ExitCode.INTERRUPTED
    return code if isinstance(code, int) else ExitCode.DONE


def _refuse(error: typer.TyperException, *, is_json: bool) -> None:
    message = error.format_message()
    if is_json:
        content = {"error": {"type": "InputError", "message": message}}
        typer.echo(json.dumps(content, ensure_ascii=False), err=True)
    else:
        typer.echo(f"billfold: {message} `billfold --help` shows how.", err=True)

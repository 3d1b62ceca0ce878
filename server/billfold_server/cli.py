"""The command `billfold-server`.

Spec: 30-server-api.md
"""

import os
from collections.abc import Mapping, Sequence
from enum import IntEnum, unique
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from billfold_protocol.errors import BillfoldError, InputError, StoreError, TransportError
from billfold_server import __version__
from billfold_server.app import run
from billfold_server.config import load_config
from billfold_server.logs import set_up_logs
from billfold_server.soundness import require_sound_libraries

HELP = """Keep wallets for their devices: order, store and forward what this server cannot read.

Settings come from --config (TOML), then from BILLFOLD_SERVER_* variables, then from here; each
later one wins. Quotas have no options: set them in the file or by variable, for example
BILLFOLD_SERVER_WALLET_SIZE_MAX.

Examples:

  billfold-server --store sqlite:/var/lib/billfold/wallets.db

  billfold-server --listen 0.0.0.0:443 --tls-cert cert.pem --tls-key key.pem
  --origin https://wallet.example

  billfold-server --store memory: --listen 127.0.0.1:0 --ready-file address.txt

Exit codes: 0 stopped as asked; 2 a wrong option or setting; 3 the store cannot be used;
4 an address cannot be listened on; 5 the store failed while the server ran; 6 a library is too
old to be safe.
"""


@unique
class ExitCode(IntEnum):
    """What the process ends with."""

    STOPPED = 0
    WRONG_SETTING = 2
    STORE_UNUSABLE = 3
    CANNOT_LISTEN = 4
    STORE_FAILED = 5
    UNSAFE_LIBRARY = 6


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


def main() -> None:
    """Run the command."""
    app(prog_name="billfold-server")


@app.command(help=HELP)
def serve(  # noqa: PLR0913  # One parameter for each option.
    *,
    store: Annotated[
        str | None,
        typer.Option(help="memory: or sqlite:PATH  [default: sqlite:billfold-server.db]"),
    ] = None,
    listen: Annotated[
        list[str] | None,
        typer.Option(help="HOST:PORT; 0 chooses a free port; may be repeated  [127.0.0.1:8080]"),
    ] = None,
    tls_cert: Annotated[Path | None, typer.Option(help="Certificate chain, PEM.")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Its private key, PEM.")] = None,
    config: Annotated[Path | None, typer.Option(help="Settings in a TOML file.")] = None,
    origin: Annotated[
        list[str] | None,
        typer.Option(help="Where clients reach this server, https://…; may be repeated."),
    ] = None,
    registration: Annotated[
        str | None, typer.Option(help="Who may bring a new wallet: open, token or closed.")
    ] = None,
    token_file: Annotated[
        Path | None, typer.Option(help="Registration tokens, one a line.")
    ] = None,
    metrics: Annotated[bool | None, typer.Option(help="Whether /metrics answers.")] = None,
    log_level: Annotated[str | None, typer.Option(help="debug, info, warning or error.")] = None,
    drain: Annotated[float | None, typer.Option(help="Seconds a stop may take to drain.")] = None,
    ready_file: Annotated[
        Path | None, typer.Option(help="Write the server's addresses here once it listens.")
    ] = None,
    version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False,
) -> None:
    """Run a server until a signal stops it."""
    if version:
        typer.echo(f"billfold-server {__version__}")
        return
    options = {
        "store": store,
        "listen": listen or None,
        "tls_cert": tls_cert,
        "tls_key": tls_key,
        "origins": origin or None,
        "registration": registration,
        "token_file": token_file,
        "metrics": metrics,
        "log_level": log_level,
        "drain_s": drain,
    }
    _run(options, config, ready_file)


def _run(options: Mapping[str, object], config: Path | None, ready_file: Path | None) -> None:
    """Run a server with these options, and end with the code that tells why it stopped."""
    is_ready = False

    def announce(addresses: Sequence[str]) -> None:
        nonlocal is_ready
        is_ready = True
        if ready_file is not None:
            _write_whole(ready_file, "".join(f"{address}\n" for address in addresses))
        typer.echo(f"Billfold server ready at {' and '.join(addresses)}")

    try:
        settings = load_config(options, os.environ, file=config)
        set_up_logs(settings.log_level)
        _require_sound()
        run(settings, on_ready=announce)
    except BillfoldError as error:
        _fail(error, was_ready=is_ready)


def _require_sound() -> None:
    try:
        require_sound_libraries()
    except BillfoldError as error:
        typer.echo(f"billfold-server: {error}", err=True)
        raise typer.Exit(ExitCode.UNSAFE_LIBRARY) from error


def _fail(error: BillfoldError, *, was_ready: bool) -> NoReturn:
    typer.echo(f"billfold-server: {error}", err=True)
    if isinstance(error, StoreError):
        code = ExitCode.STORE_FAILED if was_ready else ExitCode.STORE_UNUSABLE
    elif isinstance(error, TransportError):
        code = ExitCode.CANNOT_LISTEN
    else:
        code = ExitCode.WRONG_SETTING
    raise typer.Exit(code) from error


def _write_whole(path: Path, text: str) -> None:
    """Write a file that nobody sees half written."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        raise InputError(f"The ready file {path} cannot be written: {error.strerror}.") from error

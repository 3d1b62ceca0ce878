"""The commands on wallets, devices and files, as they are typed.

Spec: 00-overview.md
"""

import importlib
import platform
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from billfold.cli.exit_codes import ExitCode, exit_code_of
from billfold.cli.front import Front, command
from billfold.cli.request import Answer
from billfold.cli.settings import read_small_file
from billfold_protocol.errors import BillfoldError, InputError

app = typer.Typer(add_completion=False, rich_markup_mode=None)

_NAME_LENGTH_MAX = 32

Server = Annotated[
    str | None,
    typer.Option(
        metavar="URL", envvar="BILLFOLD_SERVER", help="Such as https://wallet.example.org."
    ),
]
DeviceName = Annotated[
    str | None, typer.Option(help="What you call this device; the computer's name if not given.")
]
TokenFile = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="What the server's operator gave you for registering."),
]
Deadline = Annotated[float | None, typer.Option(metavar="SECONDS", help="How long to keep trying.")]


@command(
    app,
    "init",
    examples=(
        "billfold init --name laptop",
        "billfold init --server https://wallet.example.org --unlock keyring",
        "billfold init --wallet ./w --key-file key --server http://127.0.0.1:8080 --json",
    ),
)
def init(
    front: Front,
    name: DeviceName = None,
    server: Server = None,
    token_file: TokenFile = None,
    *,
    no_recovery: Annotated[
        bool, typer.Option("--no-recovery", help="Do not make recovery words now.")
    ] = False,
) -> Answer:
    """Make a wallet; it works without a server and can get one later.

    At a terminal it shows 24 recovery words and has them typed back; `billfold recovery new` does
    so later, and `billfold status` says whether there are any.
    """
    words: str | None = None
    if not (no_recovery or front.terminal.is_json) and sys.stdin.isatty():
        importlib.import_module("billfold.cli.new_wallets").require_empty(front.settings.folder)
        dialogue = importlib.import_module("billfold.cli.recovery_dialogue")
        words = dialogue.new_words(front.terminal)
    made: Answer = importlib.import_module("billfold.cli.new_wallets").init(
        front.settings,
        name=name or computer_name(),
        server=server,
        token_file=token_file,
        words=words,
    )
    return made


@command(
    app,
    "join",
    examples=(
        "billfold join --server https://wallet.example.org              # shows a QR code",
        "billfold join 7-crossbow-paris-velvet --server https://wallet.example.org",
        "billfold join --server https://wallet.example.org --png code.png --json",
    ),
)
def join(
    front: Front,
    code: Annotated[
        str | None, typer.Argument(metavar="[CODE]", help="The words that `billfold link` shows.")
    ] = None,
    server: Server = None,
    name: DeviceName = None,
    png: Annotated[Path | None, typer.Option(help="Also write the QR code to this file.")] = None,
    svg: Annotated[Path | None, typer.Option(help="Also write the QR code to this file.")] = None,
) -> Answer:
    """Bring a wallet onto this device from one that has it; without a code, by QR code.

    With --json the first line has the code's text (`uri`), the last one what came of it.
    """
    if server is None:
        raise InputError("name the wallet's server with --server; `billfold status` there shows it")
    joined: Answer = importlib.import_module("billfold.cli.new_wallets").join(
        front.settings,
        front.terminal,
        server=server,
        name=name or computer_name(),
        code=code,
        png=png,
        svg=svg,
    )
    return joined


@command(
    app,
    "link",
    examples=(
        "billfold link                       # shows words to type on the new device",
        "billfold link billfold-link:…       # the text of the new device's QR code",
        "zbarimg -q --raw code.png | billfold link - --yes",
    ),
)
def link(
    front: Front,
    uri: Annotated[
        str | None, typer.Argument(metavar="[URI]", help="A QR code's text; - reads it.")
    ] = None,
    *,
    yes: Annotated[
        bool, typer.Option("--yes", help="Do not ask whether it is the right device.")
    ] = False,
    deadline: Deadline = None,
) -> Answer:
    """Link another device to this wallet: complete its QR code, or show words to type there.

    With --json the first line has the words (`code`), the last one what came of it.
    """
    text = sys.stdin.readline().strip() if uri == "-" else uri
    if not yes and (uri == "-" or not sys.stdin.isatty()):
        raise InputError("nobody can be asked whether it is the right device; say so with --yes")
    arguments: dict[str, Any] = {"uri": text, "yes": yes}
    return front.perform("link", _with_deadline(arguments, deadline))


@command(app, "devices", examples=("billfold devices", "billfold devices --json"))
def devices(front: Front) -> Answer:
    """List the devices that have this wallet."""
    return front.perform("devices")


@command(app, "rename-device", examples=("billfold rename-device phone 'old phone'",))
def rename_device(
    front: Front,
    device: Annotated[str, typer.Argument(help="Its name, its id or the start of it.")],
    name: Annotated[str, typer.Argument(help="What to call it from now on.")],
) -> Answer:
    """Call a device something else, on all devices."""
    return front.perform("rename-device", {"device": device, "name": name})


@command(app, "revoke", examples=("billfold revoke tablet", "billfold revoke 3fa9 --yes"))
def revoke(
    front: Front,
    device: Annotated[str, typer.Argument(help="Its name, its id or the start of it.")],
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    deadline: Deadline = None,
) -> Answer:
    """Remove a device: it gets nothing new. Shows what it could read."""
    if not yes:
        if not sys.stdin.isatty():
            raise InputError("revoking cannot be undone; say so with --yes")
        if not front.terminal.ask({"text": f"Revoke {device}? This cannot be undone."}):
            raise InputError("nothing was revoked")
    return front.perform("revoke", _with_deadline({"device": device}, deadline))


@command(app, "merge", examples=("billfold merge", "billfold merge --yes"))
def merge(
    front: Front,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    deadline: Deadline = None,
) -> Answer:
    """Make one history of devices of this one's and the server's, after showing both."""
    return front.perform("merge", _with_deadline({"yes": yes}, deadline))


@command(
    app,
    "sync",
    examples=(
        "billfold sync",
        "billfold sync --deadline 60",
        "billfold sync --server https://wallet.example.org --token-file token",
    ),
)
def sync(
    front: Front,
    server: Server = None,
    token_file: TokenFile = None,
    deadline: Deadline = None,
) -> Answer:
    """Bring the wallet in step with its server; --server names it the first time."""
    token = None if token_file is None else read_small_file(token_file).decode().strip()
    arguments: dict[str, Any] = {"server": server, "token": token}
    return front.perform("sync", _with_deadline(arguments, deadline))


@command(
    app,
    "watch",
    examples=("billfold watch", "billfold watch --lock-after 600", "billfold watch --json | jq ."),
)
def watch(
    front: Front,
    *,
    show_secrets: Annotated[
        bool, typer.Option("--show-secrets", help="Show secret values too.")
    ] = False,
    lock_after: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", help="End when no other command came for so long."),
    ] = None,
) -> Answer:
    """Stay in step with the server and show what other devices do, until Ctrl-C or `lock`.

    Meanwhile the other commands of this user work through it, without unlocking the wallet.
    """
    return front.perform("watch", {"show_secrets": show_secrets, "lock_after_s": lock_after})


@command(app, "status", examples=("billfold status", "billfold status --json | jq -r .state_hash"))
def status(front: Front) -> Answer:
    """Show how the wallet stands; its state hash is equal on devices whose wallets are."""
    return front.perform("status")


@command(app, "doctor", examples=("billfold doctor", "billfold doctor --offline --json"))
def doctor(front: Front) -> Answer:
    """Check the wallet's folder, the wallet, and its server."""
    checks = importlib.import_module("billfold.cli.commands.syncing").check_files
    found = list(checks(front.settings.folder))
    code = ExitCode.DONE
    try:
        answer = front.perform("doctor", {"offline": front.settings.is_offline})
        found += answer.result["checks"]
    except BillfoldError as error:
        found.append({"name": "wallet", "is_ok": False, "message": str(error)})
        code = exit_code_of(error)
    if code is ExitCode.DONE and not all(check["is_ok"] for check in found):
        code = ExitCode.INCOMPLETE
    return Answer(result={"checks": found}, exit_code=code)


def _with_deadline(arguments: dict[str, Any], deadline_s: float | None) -> dict[str, Any]:
    return arguments if deadline_s is None else {**arguments, "deadline_s": deadline_s}


def computer_name() -> str:
    """Return what a device is called when nobody says: the computer's name."""
    name = "".join(one for one in platform.node() if one.isprintable())[:_NAME_LENGTH_MAX]
    return name.strip() or "device"

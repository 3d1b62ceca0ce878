"""The command on credentials, as it is typed.

Spec: 42-credentials.md
"""

import sys
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from billfold.cli.front import Front, command
from billfold.cli.request import Answer
from billfold_protocol.errors import InputError

app = typer.Typer(add_completion=False, rich_markup_mode=None)

FILE_SIZE_MAX: Final = 256 * 1024


class Action(Enum):
    """What to do."""

    LIST = "list"
    SHOW = "show"
    ADD = "add"
    NEW_KEY = "new-key"
    ASK = "ask"
    PRESENT = "present"


_WITH_FILE: Final = frozenset({Action.ADD, Action.ASK, Action.PRESENT})


@command(
    app,
    "credential",
    examples=(
        "billfold credential list",
        "billfold credential new-key                      # for the issuer to bind it to",
        "billfold credential add identity.sdjwt --issuer-keys issuer-jwks.json",
        "billfold credential show k3v7",
        "billfold credential ask query.json               # what would answer it",
        "billfold credential present query.json --audience https://shop.example --nonce n-0S6",
    ),
)
def credential(
    front: Front,
    action: Annotated[Action, typer.Argument(metavar="ACTION")],
    subject: Annotated[
        str | None,
        typer.Argument(
            metavar="[FILE|RECORD]", help="A credential, a DCQL query, or a record; - is stdin."
        ),
    ] = None,
    issuer_keys: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Whom to believe: a JWK, a JWK set, or certificates in PEM form."
        ),
    ] = None,
    audience: Annotated[str | None, typer.Option(help="Who asks.")] = None,
    nonce: Annotated[str | None, typer.Option(help="What the verifier drew for this.")] = None,
    *,
    device_bound: Annotated[
        bool, typer.Option("--device-bound", help="The new key never leaves this device.")
    ] = False,
) -> Answer:
    """List, show and add credentials, make keys for them, and show them to a verifier.

    ACTION is list, show, add, new-key, ask or present. An SD-JWT VC is verified when it is added;
    mdoc and W3C credentials are kept as they came. What is presented goes into the activity log.
    """
    given: dict[str, Any] = {
        "action": action.value,
        "issuer_keys": None if issuer_keys is None else _read(str(issuer_keys)).decode("latin-1"),
        "audience": audience,
        "nonce": nonce,
        "is_device_bound": device_bound,
    }
    content = b""
    if action in _WITH_FILE:
        if subject is None:
            raise InputError(f"`credential {action.value}` needs a file")
        content = _read(subject)
    elif action is Action.SHOW:
        if subject is None:
            raise InputError("`credential show` needs a record; `credential list` lists them")
        given["record"] = subject
    arguments = {name: value for name, value in given.items() if value is not None}
    return front.perform("credential", arguments, attachment=content)


def _read(name: str) -> bytes:
    try:
        if name == "-":
            content = sys.stdin.buffer.read(FILE_SIZE_MAX + 1)
        else:
            with Path(name).open("rb") as file:
                content = file.read(FILE_SIZE_MAX + 1)
    except OSError as error:
        raise InputError(f"the file {name} cannot be read: {error.strerror}") from error
    if len(content) > FILE_SIZE_MAX:
        raise InputError(f"the file {name} is larger than {FILE_SIZE_MAX >> 10} KiB")
    return content

"""The commands on channels with organisations, as they are typed.

Spec: 26-channels.md
"""

import importlib
from typing import Annotated

import typer

from billfold.cli.front import Front, command
from billfold.cli.request import Answer
from billfold_protocol.errors import InputError

app = typer.Typer(add_completion=False, rich_markup_mode=None)

Organisation = Annotated[
    str | None,
    typer.Argument(metavar="[NAME]", help="What you call it, its identifier, or a channel's id."),
]


@command(app, "channels", examples=("billfold channels", "billfold channels --json"))
def channels(front: Front) -> Answer:
    """List the organisations that can write to this wallet, and what was refused on this device."""
    return front.perform("channels")


@command(
    app,
    "channel",
    examples=(
        "billfold channel open Library --identifier https://library.example",
        "billfold channel show Library       # its address again, also as a QR code",
        "billfold channel close Library      # nothing more can be sent by it",
    ),
)
def channel(
    front: Front,
    action: Annotated[str, typer.Argument(metavar="ACTION", help="open, show or close.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="What you call the organisation.")],
    identifier: Annotated[
        str | None,
        typer.Option(help="What makes it this one, such as its web address; NAME if not given."),
    ] = None,
    *,
    no_qr: Annotated[bool, typer.Option("--no-qr", help="Show no QR code.")] = False,
) -> Answer:
    """Give an organisation its one address, show it again, or end what it can send.

    Whoever has the address can write, so give it to this organisation only.
    """
    if identifier is not None and action != "open":
        raise InputError("only `billfold channel open` takes an identifier")
    asked = {"action": action, "name": name, "identifier": identifier or name}
    answer = front.perform("channel", {**asked, "is_synced": not front.settings.is_offline})
    if answer.result["uri"] and not no_qr and not front.settings.is_json:
        codes = importlib.import_module("billfold.cli.linking_codes")
        front.terminal.line(codes.qr_text(answer.result["uri"]))
    return answer


@command(app, "messages", examples=("billfold messages", "billfold messages Library --json"))
def messages(front: Front, name: Organisation = None) -> Answer:
    """Get what organisations have sent, and list it, the newest last; listed is not yet read."""
    asked = {} if name is None else {"name": name}
    return front.perform("messages", {**asked, "is_synced": not front.settings.is_offline})


@command(app, "answer", examples=('billfold answer k3v7 "I am coming."',))
def answer(
    front: Front,
    message: Annotated[str, typer.Argument(metavar="MESSAGE", help="Its id, or the start of it.")],
    text: Annotated[str, typer.Argument(metavar="TEXT")],
) -> Answer:
    """Answer a message; if another device has answered meanwhile, this one is not sent."""
    asked = {"message": message, "text": text, "is_synced": not front.settings.is_offline}
    return front.perform("answer", asked)

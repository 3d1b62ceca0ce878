"""The commands about recovery, as they are typed.

Spec: 24-recovery.md
"""

import importlib
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from billfold.cli.app_wallet import DeviceName, Server, computer_name
from billfold.cli.front import Front, command
from billfold.cli.request import Answer
from billfold.cli.settings import write_owner_file
from billfold_protocol.errors import InputError

app = typer.Typer(add_completion=False, rich_markup_mode=None)

WordsFile = Annotated[
    Path | None,
    typer.Option(
        "--words-file",
        metavar="FILE",
        help="Read the words, or two shares on a line each, from a file; - is standard input.",
    ),
]


@command(
    app,
    "recovery",
    examples=(
        "billfold recovery                   # are there words? were they used?",
        "billfold recovery new               # 24 words, shown once and typed back",
        "billfold recovery kit kit.html      # a page to print; delete the file afterwards",
        "billfold recovery shares            # three shares, any two of which do",
        "billfold recovery seen              # you know who used the words",
        "billfold recovery revoke            # on two devices: the words are no good any more",
    ),
)
def recovery(
    front: Front,
    action: Annotated[
        str, typer.Argument(metavar="[ACTION]", help="status, new, kit, shares, seen or revoke.")
    ] = "status",
    file: Annotated[
        str | None,
        typer.Argument(
            metavar="[FILE]",
            help="Where the kit goes, - is standard output; or the id of words to revoke.",
        ),
    ] = None,
    words_file: WordsFile = None,
    *,
    blank: Annotated[
        bool, typer.Option("--blank", help="A kit with lines to write the words on by hand.")
    ] = False,
) -> Answer | None:
    """Look after the 24 words that bring the wallet back when all devices are lost.

    Words are typed, or read from a file or standard input; never given as arguments. With --json,
    `new` writes one line with the words (`recovery_words`), then reads them back from a line.
    """
    if (file is None) == (action == "kit") or (file and action not in {"kit", "revoke"}):
        raise InputError("`billfold recovery kit FILE` takes a file, and nothing else does")
    words = _words(front, action, words_file, is_blank=blank)
    if action == "new" and words is None:
        raise InputError("nothing was made")
    attachment = b"" if words is None else words.encode()
    asked = {"action": action, "member": file if action == "revoke" else None}
    answer = front.perform("recovery", asked, attachment=attachment)
    if action != "kit":
        return answer
    if file == "-":
        front.terminal.raw(answer.attachment)
        return None
    assert file is not None
    write_owner_file(Path(file), answer.attachment)
    if words is not None:
        front.terminal.note("The file holds the words: print it, then delete it.")
    result: dict[str, Any] = {**answer.result, "file": file}
    return Answer(result=result)


@command(
    app,
    "recover",
    examples=(
        "billfold recover --server https://wallet.example.org",
        "billfold recover --kit kit.html --revoke phone --revoke tablet",
        "billfold recover --server https://wallet.example.org --shares",
        "pass recovery-words | billfold recover --server https://wallet.example.org --words-file -",
    ),
)
def recover(
    front: Front,
    server: Server = None,
    name: DeviceName = None,
    kit: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The recovery kit's page or code.")
    ] = None,
    words_file: WordsFile = None,
    *,
    shares: Annotated[
        bool, typer.Option("--shares", help="Type two shares, not 24 words.")
    ] = False,
    revoke: Annotated[
        list[str] | None,
        typer.Option(metavar="DEVICE", help="A lost device to revoke; repeatable."),
    ] = None,
) -> Answer:
    """Bring a wallet back onto a bare machine by its recovery words, and revoke lost devices.

    Every other device shows that the words were used. With a kit it shows, too, if the server
    gives an older wallet than the one of the day on which the kit was printed.
    """
    recovering = importlib.import_module("billfold.cli.recovering")
    dialogue = importlib.import_module("billfold.cli.recovery_dialogue")
    text = None if kit is None else recovering.read_kit_file(kit)
    if server is None and text is None:
        raise InputError("name the wallet's server with --server, or the kit with --kit")
    recovering.check_place(front.settings)
    key: str | list[str] | None = None
    if shares:
        key = dialogue.read_shares(front.terminal, words_file)
    elif words_file is not None or text is None or not recovering.has_words(text):
        key = dialogue.read_words(front.terminal, words_file)
    answer: Answer = recovering.recover(
        front.settings,
        front.terminal,
        recovering.Source(server=server, key=key, kit=text),
        name=name or computer_name(),
        lost=revoke or (),
    )
    return answer


def _words(front: Front, action: str, file: Path | None, *, is_blank: bool) -> str | None:
    dialogue = importlib.import_module("billfold.cli.recovery_dialogue")
    words: str | None = None
    if action == "new":
        if not (front.terminal.is_json or sys.stdin.isatty()):
            raise InputError(
                "new words are shown to a person; a program asks for them with --json and types "
                "them back"
            )
        words = dialogue.new_words(front.terminal)
    elif action == "shares" or (action == "kit" and not is_blank):
        words = dialogue.read_words(front.terminal, file)
    return words

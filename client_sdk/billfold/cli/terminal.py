"""The person's terminal: results on the standard output, everything else on the standard error.

Text from the wallet is shown with its control characters escaped, so that no record can steer the
terminal. With `--json` the standard output holds JSON documents only, one to a line.

Spec: 00-overview.md
"""

import importlib
import json
import sys
from collections.abc import Sequence
from types import ModuleType, TracebackType
from typing import Protocol, Self

import typer

from billfold.cli.exit_codes import describe_error
from billfold.cli.wire import JsonObject
from billfold.cli.wording import describe_event
from billfold_protocol.errors import BillfoldError

_YES = frozenset({"y", "yes"})
_LABELS = {
    "fetch": "Fetching",
    "import": "Importing",
    "seal": "Sealing",
    "sync": "Syncing",
    "upload": "Uploading",
}


class _Bar(Protocol):
    def update(self, done: int, total: int) -> None: ...

    def stop(self) -> None: ...


class Terminal:
    """Where one command shows what it does."""

    def __init__(self, *, is_json: bool) -> None:
        self.is_json = is_json
        self._bar: _Bar | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.end_progress()

    def line(self, text: str = "") -> None:
        """Write a line of a result."""
        self.end_progress()
        typer.echo(printable(text))

    def raw(self, data: bytes) -> None:
        """Write bytes as they are."""
        self.end_progress()
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()

    def document(self, content: JsonObject) -> None:
        """Write a JSON document on a line of its own, at once."""
        self.end_progress()
        text = json.dumps(content, ensure_ascii=False)
        self.raw(text.encode("utf-8", "backslashreplace") + b"\n")

    def note(self, text: str) -> None:
        """Write a line that is no result."""
        self.end_progress()
        typer.echo(printable(text), err=True)

    def table(self, titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Write rows: aligned for a person, with tabs between for a program."""
        self.end_progress()
        cells = [[printable(cell, keep="") for cell in row] for row in rows]
        if not sys.stdout.isatty():
            for row in cells:
                typer.echo("\t".join(row))
            return
        _drawing().draw_table(titles, cells)

    def tell(self, event: JsonObject) -> None:
        """Show something that happened."""
        if self.is_json:
            self.document(event)
            return
        text = describe_event(event)
        if text:
            self.line(text)

    def progress(self, what: str, done: int, total: int) -> None:
        """Show how far something has come, to a person only."""
        if not sys.stderr.isatty():
            return
        if self._bar is None:
            self._bar = _drawing().Bar(_LABELS.get(what, what))
        self._bar.update(done, total)

    def end_progress(self) -> None:
        """Take the progress away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def prompt(self, text: str) -> None:
        """Ask for a line of input, on the standard error."""
        self.end_progress()
        typer.echo(printable(text), err=True, nl=False)

    def ask(self, question: JsonObject) -> bool:
        """Ask the person; False is no."""
        self.show_question(question)
        return self.is_yes(sys.stdin.readline())

    def show_question(self, question: JsonObject) -> None:
        """Show a question whose answer is the next line of input."""
        self.end_progress()
        text = (
            f"Link the {question.get('kind')} {question.get('name')!r} "
            f"with the fingerprint {question.get('fingerprint')}? [y/N] "
            if question.get("event") == "device_found"
            else f"{question.get('text')} [y/N] "
        )
        typer.echo(printable(text), err=True, nl=False)

    def is_yes(self, answer: str) -> bool:
        """Tell whether a line of input says yes."""
        return answer.strip().casefold() in _YES

    def fail(self, error: BillfoldError) -> None:
        """Say in one sentence what is wrong."""
        self.end_progress()
        if self.is_json:
            content = {"error": describe_error(error)}
            typer.echo(json.dumps(content, ensure_ascii=False), err=True)
        else:
            self.note(f"billfold: {error}")


def printable(text: str, *, keep: str = "\n\t") -> str:
    """Return text in which no character but those of `keep` controls a terminal."""
    if text.isprintable():
        return text
    return "".join(
        character
        if character.isprintable() or character in keep
        else character.encode("unicode_escape").decode()
        for character in text
    )


def _drawing() -> ModuleType:
    """Return the module that draws with rich, whose import would double what a command takes."""
    return importlib.import_module("billfold.cli.drawing")

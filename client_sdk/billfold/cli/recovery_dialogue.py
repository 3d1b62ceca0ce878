"""Words between a person and a program: shown once, typed back, read in.

They come from the terminal, a file or the standard input, never from the command line, where other
users of the computer and the shell's history would see them.

Spec: 24-recovery.md
"""

import secrets
import sys
from pathlib import Path
from typing import Final

from billfold.cli.settings import read_small_file
from billfold.cli.terminal import Terminal
from billfold.recovery_words import (
    SHARES_NEEDED_COUNT,
    seed_of,
    seed_of_shares,
    suggestions,
    words_of,
)
from billfold_protocol.errors import InputError, RecoveryRefused
from billfold_protocol.recovery import SEED_SIZE

ATTEMPTS_COUNT: Final = 3
_COLUMNS: Final = 4


def new_words(terminal: Terminal) -> str | None:
    """Show new words and have them typed back; None if the person would rather not.

    Raises:
        RecoveryRefused: what was typed back are other words.
    """
    words = words_of(secrets.token_bytes(SEED_SIZE))
    if terminal.is_json:
        terminal.tell({"event": "recovery_words", "words": words})
        _require_same(sys.stdin.readline(), words)
        return words
    terminal.line(
        "These 24 words bring the wallet back when all devices are lost. Write them down;"
    )
    terminal.line("they are shown once and kept nowhere.")
    listed = [f"{index:>2} {word}" for index, word in enumerate(words.split(), start=1)]
    for start in range(0, len(listed), _COLUMNS):
        terminal.line("  " + "".join(f"{cell:<14}" for cell in listed[start : start + _COLUMNS]))
    for left in reversed(range(ATTEMPTS_COUNT)):
        terminal.prompt("Type all of them back (nothing to go on without them): ")
        typed = sys.stdin.readline()
        if not typed.strip():
            return None
        try:
            _require_same(typed, words)
        except RecoveryRefused as error:
            if left == 0:
                raise
            terminal.note(str(error))
            _suggest(terminal, typed)
        else:
            return words
    return None


def read_words(terminal: Terminal, file: Path | None) -> str:
    """Return recovery words from a file, the person or the standard input.

    Raises:
        RecoveryRefused: they are no recovery words.
        InputError: the file cannot be read.
    """
    if file is not None or not sys.stdin.isatty():
        words = _text(file)
        seed_of(words)
        return words
    for left in reversed(range(ATTEMPTS_COUNT)):
        terminal.prompt("The 24 recovery words: ")
        words = sys.stdin.readline()
        try:
            seed_of(words)
        except RecoveryRefused as error:
            if left == 0 or not words.strip():
                raise
            terminal.note(str(error))
            _suggest(terminal, words)
        else:
            return words
    raise AssertionError


def read_shares(terminal: Terminal, file: Path | None) -> list[str]:
    """Return two shares from a file, the person or the standard input, one to a line.

    Raises:
        RecoveryRefused: they do not belong together, or a word of one is wrong.
        InputError: the file cannot be read.
    """
    if file is not None or not sys.stdin.isatty():
        shares = [line for line in _text(file).splitlines() if line.strip()]
    else:
        shares = []
        for number in range(1, SHARES_NEEDED_COUNT + 1):
            terminal.prompt(f"Share {number} of {SHARES_NEEDED_COUNT}: ")
            shares.append(sys.stdin.readline())
    seed_of_shares(shares)
    return shares


def _require_same(typed: str, words: str) -> None:
    if seed_of(typed) != seed_of(words):
        raise RecoveryRefused("these are other words than the ones that were shown")


def _suggest(terminal: Terminal, typed: str) -> None:
    """Tell the person, and nobody else, which words may have been meant."""
    for index, near in suggestions(typed).items():
        if near:
            terminal.note(f"  word {index}: did you mean {', '.join(near)}?")


def _text(file: Path | None) -> str:
    try:
        data = (
            sys.stdin.buffer.read() if file is None or str(file) == "-" else read_small_file(file)
        )
        return data.decode()
    except UnicodeDecodeError as error:
        raise InputError("recovery words are UTF-8 text") from error

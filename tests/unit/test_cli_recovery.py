import io
import stat
import sys
from pathlib import Path

import pytest

from billfold.recovery_words import seed_of, words_of
from tests.support.command_line import Shell
from tests.support.seeded_bytes import bytes_of

WORDS = words_of(bytes_of("cli words", 32))


class Person(io.TextIOWrapper):
    """A terminal at which somebody types what they were shown, or something else."""

    def __init__(self, *lines: str) -> None:
        super().__init__(io.BytesIO("".join(f"{line}\n" for line in lines).encode()))

    def isatty(self) -> bool:
        return True


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(tmp_path / "wallet", capsys)


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr("billfold.cli.recovery_dialogue.words_of", lambda _: WORDS)
    return WORDS


def types(monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    monkeypatch.setattr(sys, "stdin", Person(*lines))


def test_a_program_that_makes_a_wallet_is_told_that_there_are_no_words(shell: Shell) -> None:
    assert shell("init").result["recovery"] == "none"
    assert shell("status").result["recovery"] == "none"
    assert "no recovery words" in shell.plain("status").err
    assert shell("recovery").result["state"] == "none"


@pytest.mark.usefixtures("shown")
def test_a_person_types_the_words_back_when_the_wallet_is_made(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    types(monkeypatch, WORDS)
    made = shell.plain("init")
    assert made.code == 0
    assert all(word in made.out for word in WORDS.split())
    assert shell("recovery").result["state"] == "pending"
    assert "once the server has been reached" in shell.plain("status").err


@pytest.mark.usefixtures("shown")
def test_words_typed_back_wrong_are_asked_for_again_with_the_word_that_was_meant(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = WORDS.split()[0]
    types(monkeypatch, WORDS.replace(first, first[:-1], 1), WORDS)
    made = shell.plain("init")
    assert made.code == 0
    assert "word 1" in made.err
    assert first in made.err
    assert shell("recovery").result["state"] == "pending"


@pytest.mark.usefixtures("shown")
def test_words_that_are_not_typed_back_count_for_nothing(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    types(monkeypatch, "")
    assert shell.plain("init").code == 0
    assert shell("recovery").result["state"] == "none"
    other = words_of(bytes_of("other cli words", 32))
    types(monkeypatch, other, other, other)
    refused = shell.plain("recovery", "new")
    assert refused.code == 6
    assert "other words" in refused.err
    assert not set(other.split()) & set(refused.err.replace(":", " ").split())
    assert shell("recovery").result["state"] == "none"


def test_words_can_be_left_for_later(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    types(monkeypatch)
    made = shell.plain("init", "--no-recovery")
    assert made.code == 0
    assert shell("recovery").result["state"] == "none"


def test_a_program_reads_the_words_and_writes_them_back(
    shell: Shell, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell("init")
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{shown}\n"))
    first, last = shell("recovery", "new").lines
    assert first == {"event": "recovery_words", "words": shown}
    assert last["state"] == "pending"


def test_the_words_are_in_no_file_of_the_wallet(
    shell: Shell, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    types(monkeypatch, shown)
    assert shell.plain("init").code == 0
    needles = [shown.encode(), seed_of(shown), seed_of(shown).hex().encode()]
    for path in shell.folder.parent.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert not any(needle in content for needle in needles), path


@pytest.mark.parametrize("action", ["kit", "shares"])
def test_words_of_another_wallet_give_no_kit_and_no_shares(shell: Shell, action: str) -> None:
    shell("init")
    words = shell.folder.parent / "words"
    words.write_text(WORDS)
    file = [str(shell.folder.parent / "kit.html")] if action == "kit" else []
    refused = shell("recovery", action, *file, "--words-file", str(words))
    assert (refused.code, refused.error) == (6, "RecoveryRefused")
    assert not (shell.folder.parent / "kit.html").exists()


def test_a_kit_needs_words_that_count(shell: Shell) -> None:
    shell("init")
    kit = str(shell.folder.parent / "kit.html")
    assert shell("recovery", "kit", kit, "--blank").error == "LocalProtocolError"
    assert shell("recovery", "kit").error == "InputError"
    assert shell("recovery", "dance").error == "InputError"
    assert shell("recovery", "status", kit).error == "InputError"


def test_recovering_asks_for_no_words_before_it_knows_where(shell: Shell) -> None:
    assert shell("recover").error == "InputError"
    shell("init")
    assert shell("recover", "--server", "http://127.0.0.1:1").error == "StoreExists"


@pytest.mark.parametrize("typed", ["", "xyzzy plugh", " ".join(WORDS.split()[::-1])])
def test_wrong_words_are_refused_before_anything_is_made(
    shell: Shell, typed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(typed.encode())))
    refused = shell("recover", "--server", "http://127.0.0.1:1")
    assert (refused.code, refused.error) == (6, "RecoveryRefused")
    assert not set(typed.split()) & set(refused.err.replace('"', " ").split())
    assert not shell.folder.exists()


def test_a_kit_that_is_none_is_refused(shell: Shell) -> None:
    kit = shell.folder.parent / "kit.html"
    assert shell("recover", "--kit", str(kit)).error == "InputError"
    kit.write_text("<p>nothing</p>")
    assert shell("recover", "--kit", str(kit)).error == "RecoveryRefused"
    kit.write_bytes(b"\xff\xfe")
    assert shell("recover", "--kit", str(kit)).error == "InputError"


def test_a_file_with_the_words_is_for_its_owner_only(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def kit(*_: object, **__: object) -> str:
        return "<p>a kit</p>"

    shell("init")
    monkeypatch.setattr("billfold.recovery.Recovery.kit", kit)
    words, file = shell.folder.parent / "words", shell.folder.parent / "kit.html"
    words.write_text(WORDS)
    made = shell("recovery", "kit", str(file), "--words-file", str(words))
    assert made.result == {"event": "recovery_kit", "has_words": True, "file": str(file)}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600

from pathlib import Path

import pytest

from billfold.cli.rendering import render
from billfold.cli.terminal import Terminal
from tests.support.command_line import Shell


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shell:
    made = Shell(tmp_path / "wallet", capsys)
    assert made("init", "--name", "laptop").result["event"] == "made"
    return made


def test_a_wallet_without_a_server_has_no_channels(shell: Shell) -> None:
    assert shell("channels").result == {"channels": [], "refused": []}
    assert shell("messages").result == {"is_in_step": False, "messages": []}
    assert shell("channel", "open", "Library").error == "LocalProtocolError"
    assert shell("channel", "close", "Library").error == "NotFound"
    assert shell("channel", "burn", "Library").error == "InputError"
    assert shell("channel", "close", "Library", "--identifier", "x").error == "InputError"
    assert shell("messages", "Library").error == "NotFound"
    assert shell("answer", "nothing", "text").error == "NotFound"


def test_a_record_that_is_no_message_is_not_answered(shell: Shell) -> None:
    record = shell.add("login", "title=Library")
    assert shell("answer", record, "text").error == "NotFound"


def test_people_see_what_it_means(capsys: pytest.CaptureFixture[str]) -> None:
    terminal = Terminal(is_json=False)
    one = {"id": "k3v7", "name": "Library", "identifier": "https://library.example"}
    closed = {**one, "is_closed": True, "sender": "ab"}
    error = {"type": "WrongSender", "message": "somebody else signed it"}
    refused = [{"channel": "Library", "time_ms": 0, "error": error}]
    render("channels", {"channels": [closed], "refused": refused}, terminal)
    shown = capsys.readouterr()
    assert "closed" in shown.out
    assert "somebody else signed it" in shown.err
    waiting = {**one, "is_closed": False, "sender": None, "uri": "billfold-channel:x"}
    render("channel", {**waiting, "is_in_step": False}, terminal)
    shown = capsys.readouterr()
    assert "billfold-channel:x" in shown.out
    assert "does not know yet" in shown.err
    render("channel", {**closed, "uri": "", "is_in_step": True}, terminal)
    assert "is closed" in capsys.readouterr().out
    message = {"id": "m1", "with": "Library", "direction": "in", "state": "read"}
    sent = {**message, "time_ms": 0, "subject": "hello"}
    render("messages", {"messages": [sent, {**sent, "time_ms": None}]}, terminal)
    assert "hello" in capsys.readouterr().out
    for state, is_in_step, text in (
        ("sent", True, "was sent"),
        ("draft", True, "another device"),
        ("draft", False, "safe here"),
    ):
        render("answer", {"state": state, "is_in_step": is_in_step}, terminal)
        assert text in capsys.readouterr().out

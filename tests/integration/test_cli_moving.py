import contextlib
from pathlib import Path

import pytest

from tests.support.command_line import Shell, server_process


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(tmp_path / "wallet", capsys)


def test_a_person_moves_a_wallet_and_sees_where_it_lives(shell: Shell, tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        old = stack.enter_context(server_process(tmp_path / "old"))
        new = stack.enter_context(server_process(tmp_path / "new"))
        assert shell("init", "--no-recovery", "--server", old).code == 0
        shell.add("login", "title=Library")
        assert shell("sync").code == 0
        refused = shell("move", old)
        assert refused.code == 2
        assert "already" in refused.err
        assert shell("move", "http://127.0.0.1:1").code == 5
        assert shell("move", new, "--key", "00").code == 2
        assert shell("move", new, "--key", "00" * 32).code == 8
        assert shell("status").result["server"] == old

        moved = shell("move", new)
        assert moved.code == 0
        assert moved.result["is_complete"] is True
        assert moved.result["missing_attachments"] == []
        status = shell("status").result
        assert status["server"] == new
        assert status["moving_to"] is None
        assert status["former_servers"] == old
        shown = shell("home").result
        assert shown == {"server": new, "code": moved.result["code"]}
        assert shown["code"] in shell.plain("home").out
        assert shell("home", shown["code"]).result == {"server": new, "code": None}
        assert shell("home", "billfold-home:x").code == 8
        back = shell.plain("move", old)
        assert "lives on" in back.out
        assert shell("sync").code == 0


def test_a_wallet_without_a_server_says_so(shell: Shell) -> None:
    assert shell("init", "--no-recovery").code == 0
    assert "no server yet" in shell("move", "http://127.0.0.1:1").err
    assert "no server yet" in shell("home").err

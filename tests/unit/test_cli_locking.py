import asyncio
from pathlib import Path

import pytest

from billfold import KeyCallback, Wallet
from billfold.cli import agent_client
from billfold.cli.agent import serving
from billfold.cli.entry import run
from billfold.cli.local_socket import connected_socket
from billfold.cli.request import Answer, Arguments, Request
from billfold.cli.terminal import Terminal
from billfold.store import WalletLock
from tests.support.command_line import Computer, Shell

KEY = KeyCallback(lambda: bytes(32))


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(tmp_path / "wallet", capsys)


async def perform(folder: Path, command: str, **arguments: object) -> Answer:
    def ask() -> Answer:
        connection = connected_socket(folder)
        assert connection is not None
        request = Request(command=command, arguments=Arguments(values=arguments))
        return agent_client.perform(connection, request, Terminal(is_json=True))

    return await asyncio.to_thread(ask)


def test_a_passphrase_is_changed_from_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = ["--wallet", str(tmp_path / "wallet"), "--json"]
    old, new = tmp_path / "old", tmp_path / "new"
    old.write_text("old words\n")
    new.write_text("new words\n")
    with_old, with_new = (["--passphrase-file", str(path)] for path in (old, new))
    assert run(["init", *place, *with_old]) == 0
    assert run(["passphrase", *place, *with_new, "--new-passphrase-file", str(old)]) == 4
    assert run(["passphrase", *place, *with_old, "--new-passphrase-file", str(new)]) == 0
    assert run(["status", *place, *with_old]) == 4
    assert run(["status", *place, *with_new]) == 0
    assert "words" not in capsys.readouterr().out


def test_a_key_file_gives_way_to_a_passphrase(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell("init")
    monkeypatch.setenv("BILLFOLD_NEW_PASSPHRASE", "")
    assert shell("passphrase").error == "InputError"
    monkeypatch.delenv("BILLFOLD_NEW_PASSPHRASE")
    assert shell("passphrase").error == "UnlockFailed"
    monkeypatch.setenv("BILLFOLD_NEW_PASSPHRASE", "new words")
    assert shell("passphrase").result["is_changed"]
    assert shell("status").error == "UnlockFailed"
    monkeypatch.setenv("BILLFOLD_PASSPHRASE", "new words")
    assert run(["status", "--wallet", str(shell.folder)]) == 0


def test_the_passphrase_of_an_open_wallet_is_left_alone(shell: Shell) -> None:
    shell("init")
    lock = WalletLock(shell.folder)
    try:
        assert shell("passphrase").error == "StoreBusy"
    finally:
        lock.release()


def test_there_is_nothing_to_lock_where_nothing_is_open(shell: Shell) -> None:
    shell("init")
    assert shell("lock").result["was_open"] is False


async def test_a_lock_command_is_answered_before_the_wallet_is_locked(tmp_path: Path) -> None:
    folder = tmp_path / "wallet"
    async with (
        await Wallet.create(folder, unlock=KEY) as wallet,
        serving(wallet, folder) as is_to_lock,
    ):
        assert not is_to_lock.is_set()
        answer = await perform(folder, "lock")
        assert answer.result["was_open"]
        async with asyncio.timeout(10):
            await is_to_lock.wait()


async def test_a_wallet_is_locked_when_no_command_comes_for_a_while(tmp_path: Path) -> None:
    folder = tmp_path / "wallet"
    async with await Wallet.create(folder, unlock=KEY) as wallet:
        async with serving(wallet, folder, lock_after_s=0.05) as is_to_lock:
            async with asyncio.timeout(10):
                await is_to_lock.wait()
        async with serving(wallet, folder, lock_after_s=3600.0) as is_to_lock:
            await perform(folder, "status")
            assert not is_to_lock.is_set()


def test_a_watch_that_is_locked_ends_and_lets_go_of_the_wallet(shell: Shell) -> None:
    shell("init")
    computer = Computer(folder=shell.folder)
    with computer.started("watch") as watching:
        watching.read_until("watching")
        assert shell("lock").result["was_open"]
        ended = watching.end()
    assert ended.code == 0
    assert ended.lines[-1] == {"event": "locked"}
    WalletLock(shell.folder).release()
    with computer.started("watch", "--lock-after", "0.2") as watching:
        watching.read_until("watching")
        assert watching.end().lines[-1] == {"event": "locked"}

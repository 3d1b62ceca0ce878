import io
import json
import os
import stat
from pathlib import Path

import pytest

from billfold.cli.entry import run
from billfold.cli.settings import default_folder
from billfold.keyring import unlock_file
from billfold.store import WalletLock
from billfold_protocol import codec
from tests.support.command_line import Shell


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(tmp_path / "wallet", capsys)


def test_there_is_no_wallet_until_one_is_made(shell: Shell) -> None:
    before = shell.plain("status")
    assert before.code == 3
    assert "billfold init" in before.err
    assert not shell.folder.exists()
    made = shell("init", "--name", "laptop").result
    assert made["name"] == "laptop"
    status = shell("status").result
    assert status["wallet_id"] == made["wallet_id"]
    assert status["device_name"] == "laptop"
    assert status["records_count"] == status["conflicts_count"] == 0
    assert len(status["state_hash"]) == 64
    assert shell("init").error == "StoreExists"


def test_a_wallet_is_for_its_owner_only(shell: Shell) -> None:
    shell("init")
    assert shell.folder.stat().st_mode & 0o77 == 0
    for path in shell.folder.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_folder_with_other_things_in_it_is_left_alone(shell: Shell) -> None:
    shell.folder.mkdir()
    (shell.folder / "letter.txt").write_text("dear")
    assert shell("init").error == "InputError"
    assert shell("join", "--server", "http://127.0.0.1:1").error == "InputError"
    assert shell("status").error == "StoreMissing"
    assert [path.name for path in shell.folder.iterdir()] == ["letter.txt"]


def test_a_passphrase_opens_a_wallet_and_a_wrong_one_does_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    place = ["--wallet", str(tmp_path / "wallet"), "--json"]
    file = tmp_path / "passphrase"
    file.write_text("correct horse\nand a second line that does not count\n")
    assert run(["init", *place, "--passphrase-file", str(file)]) == 0
    monkeypatch.setenv("BILLFOLD_PASSPHRASE", "correct horse")
    assert run(["status", *place]) == 0
    monkeypatch.setenv("BILLFOLD_PASSPHRASE", "wrong")
    capsys.readouterr()
    assert run(["status", *place]) == 4
    captured = capsys.readouterr()
    assert captured.out == ""
    assert json.loads(captured.err)["error"]["type"] == "UnlockFailed"
    monkeypatch.delenv("BILLFOLD_PASSPHRASE")
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert run(["status", *place]) == 4


def test_a_key_file_opens_only_its_own_wallet(shell: Shell, tmp_path: Path) -> None:
    shell("init")
    other = tmp_path / "other"
    other.write_bytes(bytes(32))
    assert shell("status", "--key-file", str(other)).error == "UnlockFailed"
    other.write_bytes(bytes(31))
    assert shell("status", "--key-file", str(other)).error == "UnlockFailed"
    assert shell("status", "--key-file", str(tmp_path / "nowhere")).error == "UnlockFailed"
    assert run(["status", "--wallet", str(shell.folder)]) == 4


def test_a_wallet_of_a_newer_version_asks_for_an_update(shell: Shell) -> None:
    shell("init")
    path = shell.folder / unlock_file.UNLOCK_NAME
    items = codec.as_array(codec.decode(path.read_bytes(), size_max=4096))
    path.write_bytes(codec.encode([2, *items[1:]]))
    outcome = shell("status")
    assert (outcome.code, outcome.error) == (7, "UpdateNeeded")


def test_damage_is_told_and_the_file_kept(shell: Shell) -> None:
    shell("init")
    path = shell.folder / "wallet.db"
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    path.write_bytes(bytes(data))
    outcome = shell("status")
    assert outcome.code in {4, 7}
    assert path.read_bytes() == bytes(data)
    checks = {check["name"]: check["is_ok"] for check in shell("doctor").lines[0]["checks"]}
    assert checks == {"folder": True, "wallet": False}


def test_the_one_who_has_the_wallet_open_is_named(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell("init")
    monkeypatch.setattr("billfold.cli.front.BUSY_WAIT_S", 0.2)
    lock = WalletLock(shell.folder)
    try:
        outcome = shell.plain("status")
        assert outcome.code == 7
        assert str(os.getpid()) in outcome.err
    finally:
        lock.release()
    assert shell.plain("status").code == 0


def test_a_command_waits_until_another_has_let_go(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell("init")
    lock = WalletLock(shell.folder)
    monkeypatch.setattr("time.sleep", lambda _: lock.release())
    assert shell("status").code == 0


def test_doctor_finds_what_others_can_open(shell: Shell) -> None:
    shell("init")
    assert shell("doctor").code == 0
    (shell.folder / "wallet.db").chmod(0o644)
    outcome = shell("doctor")
    assert outcome.code == 9
    bad = [check for check in outcome.lines[0]["checks"] if not check["is_ok"]]
    assert [check["name"] for check in bad] == ["folder"]
    assert "wallet.db" in bad[0]["message"]


def test_without_a_server_a_wallet_says_what_to_do(shell: Shell) -> None:
    shell("init")
    for arguments in (("sync",), ("link", "--yes"), ("revoke", "x", "--yes")):
        outcome = shell.plain(*arguments)
        assert outcome.code == 2, arguments
        assert "billfold sync --server" in outcome.err


def test_a_server_that_cannot_be_reached_does_not_keep_anyone_from_working(shell: Shell) -> None:
    made = shell("init", "--server", "http://127.0.0.1:9").result
    assert made["is_synced"] is False
    assert made["sync_error"]["type"] == "TransportError"
    shell.add("login", "title=Library")
    outcome = shell("sync")
    assert outcome.code == 5
    assert outcome.lines[0]["unsynced_count"] > 0
    assert outcome.lines[0]["error"]["type"] == "TransportError"
    assert shell("revoke", "x", "--yes").code == 5
    assert shell("link", "--yes").code == 5
    assert shell("doctor").code == 9
    assert shell("doctor", "--offline").code == 0
    assert shell("sync", "--server", "ftp://example.org").code == 2


def test_a_device_has_a_name_that_can_change(shell: Shell) -> None:
    shell("init", "--name", "laptop")
    assert shell("rename-device", "laptop", "old laptop").code == 0
    (device,) = shell("devices").result["devices"]
    assert (device["name"], device["is_this"], device["is_removed"]) == ("old laptop", True, False)
    assert shell("rename-device", "phone", "x").error == "NotFound"
    assert shell("rename-device", "old laptop", "x" * 65).error == "InputError"


def test_the_folder_is_where_the_environment_says(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert default_folder() == tmp_path / "data" / "billfold" / "wallet"
    monkeypatch.setenv("XDG_DATA_HOME", "relative")
    assert default_folder() == Path.home() / ".local" / "share" / "billfold" / "wallet"
    shell("init")
    monkeypatch.setenv("BILLFOLD_WALLET", str(shell.folder))
    monkeypatch.setenv("BILLFOLD_KEY_FILE", str(tmp_path / "key"))
    assert run(["status"]) == 0

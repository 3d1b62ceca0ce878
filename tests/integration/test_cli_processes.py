import json
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from billfold.importing import BATCH_RECORDS_MAX
from tests.support.command_line import Computer, Shell, server_process

RECORDS_COUNT = 1000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with server_process(tmp_path_factory.mktemp("server")) as address:
        yield address


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(tmp_path / "laptop", capsys)


@pytest.fixture
def large_file(tmp_path: Path) -> str:
    items = [
        {
            "id": f"item-{number}",
            "type": 1,
            "name": f"Site {number}",
            "login": {"username": f"user{number}", "password": f"password {number}"},
        }
        for number in range(RECORDS_COUNT)
    ]
    path = tmp_path / "large.json"
    path.write_text(json.dumps({"encrypted": False, "items": items}))
    return str(path)


def test_commands_work_beside_a_watch_which_shows_what_other_devices_do(
    shell: Shell, server: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shell("init", "--name", "laptop", "--server", server)
    laptop, phone = Computer(folder=shell.folder), Computer(folder=tmp_path / "phone")
    phone_shell = Shell(phone.folder, capsys)
    with ExitStack() as stack:
        watching = stack.enter_context(laptop.started("watch"))
        watching.read_until("watching")
        watching.read_until("synced")
        # The others need not unlock what is open.
        unlocked = ("--key-file", str(tmp_path / "nowhere"))
        record = shell("add", "login", "title=Library", "password=one", *unlocked).result["id"]
        changed = watching.read_until("changed")
        assert (changed["id"], changed["device"], changed["is_local"]) == (record, "laptop", True)
        assert (changed["fields"], changed["hidden"]) == ({"title": "Library"}, ["password"])

        joining = stack.enter_context(phone.started("join", "--server", server, "--name", "phone"))
        uri = joining.read_until("code")["uri"]
        assert shell("link", uri, "--yes", *unlocked).lines[-1]["name"] == "phone"
        assert joining.end().code == 0

        assert phone_shell("set", record, "title=City library").result["is_changed"]
        changed = watching.read_until("changed")
        assert (changed["device"], changed["is_local"]) == ("phone", False)
        assert changed["fields"] == {"title": "City library"}
        assert shell("get", record, "title").result["value"] == "City library"

        status = shell("status").result
        assert status["is_online"]
        assert status["state_hash"] == phone_shell("status").result["state_hash"]
        assert shell("export", "-").code == 0
        assert shell("doctor").code == 0
        assert shell("revoke", "phone", "--yes").result["could_read"] == {"login": 1}
        assert watching.read_until("device_removed")["device"] == "phone"

        ended = watching.signal(signal.SIGINT)
        assert ended.code == 130
        assert "Traceback" not in ended.err
    assert not (shell.folder / "agent.sock").exists()
    assert shell("get", record, "title").result["value"] == "City library"


def test_a_command_that_waits_can_be_interrupted(shell: Shell, server: str) -> None:
    shell("init", "--server", server)
    with Computer(folder=shell.folder).started("link", "--yes") as linking:
        linking.read_until("code")
        ended = linking.signal(signal.SIGINT)
    assert (ended.code, ended.out) == (130, "")
    assert "Traceback" not in ended.err
    assert shell("status").code == 0


def test_commands_of_several_processes_wait_for_one_another(shell: Shell) -> None:
    shell("init")
    laptop = Computer(folder=shell.folder)
    with ExitStack() as stack:
        adding = [
            stack.enter_context(laptop.started("add", "login", f"title={n}")) for n in range(2)
        ]
        assert [one.end().code for one in adding] == [0, 0]
    assert [one["label"] for one in shell("ls").result["records"]] == ["0", "1"]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_an_import_that_is_cut_short_keeps_what_it_had_and_can_be_done_again(
    shell: Shell, large_file: str, number: int
) -> None:
    shell("init")
    laptop = Computer(folder=shell.folder)
    with ExitStack() as stack:
        watching = stack.enter_context(laptop.started("watch"))
        watching.read_until("watching")
        importing = stack.enter_context(laptop.started("import", large_file))
        first = watching.read_until("changed")["id"]
        for _ in range(BATCH_RECORDS_MAX):
            watching.read_until("changed")
        # The second batch has begun, so the first one is durable.
        if number == signal.SIGKILL:
            watching.signal(number)
            ended = importing.end()
            assert (ended.code, ended.error) == (5, "TransportError")
        else:
            assert importing.signal(number).code == 130
            assert watching.signal(signal.SIGTERM).code == 143
    # A socket that was left behind is no hindrance.
    assert (shell.folder / "agent.sock").exists() == (number == signal.SIGKILL)
    kept = {record["id"] for record in shell("ls").result["records"]}
    assert first in kept
    again = shell("import", large_file).result
    assert again["added"] == RECORDS_COUNT - len(kept)
    assert again["unchanged"] + again["updated"] == len(kept)
    assert len(shell("ls").result["records"]) == RECORDS_COUNT

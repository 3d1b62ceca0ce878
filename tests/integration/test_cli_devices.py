import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.command_line import Computer, Shell, server_process

MakeShell = Callable[[str], Shell]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with server_process(tmp_path_factory.mktemp("server")) as address:
        yield address


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> MakeShell:
    return lambda name: Shell(tmp_path / name, capsys)


@pytest.fixture
def laptop(shell: MakeShell, server: str) -> Shell:
    made = shell("laptop")
    assert made("init", "--name", "laptop", "--server", server).result["is_synced"]
    return made


def join_by_words(laptop: Shell, newcomer: Shell, server: str) -> None:
    """Link a device by typed words; the sponsor is a process of its own."""
    with Computer(folder=laptop.folder).started("link", "--yes") as linking:
        code = linking.read_until("code")["code"]
        joined = newcomer("join", code, "--server", server, "--name", newcomer.folder.name).result
        assert joined["event"] == "joined"
        assert linking.read_until("linked")["name"] == newcomer.folder.name
        assert linking.end().code == 0


def hash_of(shell: Shell) -> str:
    assert shell("sync").result["is_complete"]
    state_hash = shell("status").result["state_hash"]
    assert isinstance(state_hash, str)
    return state_hash


def test_a_device_joins_by_qr_code_and_the_code_is_good_once(
    laptop: Shell, shell: MakeShell, server: str, tmp_path: Path
) -> None:
    laptop.add("login", "title=Library", "password=geheim")
    png, svg = tmp_path / "code.png", tmp_path / "code.svg"
    files = ("--png", str(png), "--svg", str(svg))
    phone = Computer(folder=tmp_path / "phone")
    with phone.started("join", "--server", server, "--name", "phone", *files) as joining:
        shown = joining.read_until("code")
        assert png.read_bytes().startswith(b"\x89PNG")
        assert b"<svg" in svg.read_bytes()
        assert (png.stat().st_mode | svg.stat().st_mode) & 0o77 == 0
        assert laptop("link", shown["uri"]).error == "InputError"
        found, linked = laptop("link", shown["uri"], "--yes").lines
        assert found["event"] == "device_found"
        assert linked["event"] == "linked"
        assert found["name"] == linked["name"] == "phone"
        assert found["fingerprint"] == linked["fingerprint"] == shown["fingerprint"]
        joined = joining.read_until("joined")
        assert joined["is_synced"]
        assert joined["records_count"] == 1
        assert joining.end().code == 0
    again = laptop("link", shown["uri"], "--yes")
    assert (again.code, again.error) == (6, "PairingFailed")
    phone_shell = shell("phone")
    assert phone_shell("get", "login:Library", "password").result["value"] == "geheim"
    assert hash_of(phone_shell) == hash_of(laptop)
    names = [(one["name"], one["is_this"]) for one in phone_shell("devices").result["devices"]]
    assert names == [("laptop", False), ("phone", True)]


class Person(io.TextIOWrapper):
    """A terminal at which somebody has typed this."""

    def __init__(self, text: str) -> None:
        read_end, write_end = os.pipe()
        os.write(write_end, text.encode())
        os.close(write_end)
        super().__init__(os.fdopen(read_end, "rb"))

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("typed", "is_linked"), [("y\n", True), ("n\n", False), ("", False)])
def test_the_person_decides_whether_it_is_the_right_device(
    laptop: Shell,
    server: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    typed: str,
    *,
    is_linked: bool,
) -> None:
    with Computer(folder=tmp_path / "phone").started("join", "--server", server) as joining:
        shown = joining.read_until("code")
        with Person(typed) as person:
            monkeypatch.setattr("sys.stdin", person)
            outcome = laptop.plain("link", shown["uri"])
        assert shown["fingerprint"] in outcome.err
        assert outcome.code == (0 if is_linked else 6)
        assert joining.end().code == outcome.code
    assert len(laptop("devices").result["devices"]) == (2 if is_linked else 1)


def test_wrong_words_spend_the_code(laptop: Shell, shell: MakeShell, server: str) -> None:
    with Computer(folder=laptop.folder).started("link", "--yes") as linking:
        code = linking.read_until("code")["code"]
        number, first, second, _ = code.split("-")
        wrong = f"{number}-{first}-{second}-wrong"
        phone = shell("phone")
        guess = phone("join", wrong, "--server", server)
        assert (guess.code, guess.error) == (6, "PairingFailed")
        ended = linking.end()
        assert (ended.code, ended.error) == (6, "PairingFailed")
    late = phone("join", code, "--server", server)
    assert (late.code, late.error) == (6, "PairingFailed")
    assert phone("status").error == "StoreMissing"
    assert phone("join", "not a code", "--server", server).error == "InputError"
    assert laptop("link", "billfold-link:AAAA", "--yes").error == "PairingFailed"
    assert laptop("link", "https://example.org", "--yes").error == "WrongContext"


def test_edits_made_apart_merge_and_a_person_settles_the_conflict(
    laptop: Shell, shell: MakeShell, server: str
) -> None:
    phone = shell("phone")
    record = laptop.add("login", "title=Library", "username=ada", "password=one")
    join_by_words(laptop, phone, server)
    laptop("set", record, "password=from the laptop", "username=bob", "--offline")
    phone("set", record, "password=from the phone", "url=x", "--offline")
    assert phone("status").result["unsynced_count"] == 1
    hash_of(laptop)
    hash_of(phone)
    assert hash_of(laptop) == hash_of(phone)
    for device in (laptop, phone):
        (conflict,) = device("conflicts", "--show-secrets").result["conflicts"]
        assert (conflict["id"], conflict["field"]) == (record, "password")
        assert {(one["value"], one["device"]) for one in conflict["values"]} == {
            ("from the laptop", "laptop"),
            ("from the phone", "phone"),
        }
        assert device("get", record, "username").result["value"] == "bob"
        assert device("get", record, "url").result["value"] == "x"
    assert phone("resolve", record, "password", "--keep", "nobody").error == "NotFound"
    settled = phone("resolve", record, "password", "--keep", "laptop", "--show-secrets")
    assert settled.result["value"] == "from the laptop"
    assert hash_of(laptop) == hash_of(phone)
    assert laptop("conflicts").result["conflicts"] == []
    assert laptop("get", record, "password").result["value"] == "from the laptop"


def test_a_revoked_device_keeps_what_it_has_and_gets_nothing_new(
    laptop: Shell, shell: MakeShell, server: str
) -> None:
    tablet = shell("tablet")
    record = laptop.add("login", "title=Library")
    join_by_words(laptop, tablet, server)
    assert laptop("revoke", "tablet").error == "InputError"
    revoked = laptop("revoke", "tablet", "--yes").result
    assert (revoked["name"], revoked["could_read"]) == ("tablet", {"login": 1})
    assert laptop("revoke", "tablet", "--yes").error == "NotFound"
    assert laptop("revoke", "laptop", "--yes").code == 6
    laptop("set", record, "title=New")
    outcome = tablet("sync")
    assert outcome.code == 6
    assert outcome.lines[0]["error"]["type"] == "DeviceRevoked"
    assert "revoked" in tablet.plain("set", record, "title=Mine").err
    assert tablet("set", record, "title=Mine").error == "DeviceRevoked"
    assert tablet("status").result["is_removed"]
    assert tablet("get", record, "title").result["value"] == "Library"
    assert '"Library"' in tablet.plain("export", "-").out
    assert [one["is_removed"] for one in tablet("devices").result["devices"]] == [False, True]


def test_a_wallet_that_began_offline_gets_its_server_later(
    laptop: Shell, shell: MakeShell, server: str
) -> None:
    alone = shell("alone")
    alone("init", "--name", "alone")
    alone.add("login", "title=Library")
    assert alone("sync", "--server", server).result == {"is_complete": True, "unsynced_count": 0}
    assert alone("status").result["server"] == server
    assert alone("sync", "--server", "https://example.org").error == "InputError"
    assert alone("doctor").code == 0
    assert laptop("ls").result["records"] == []

from pathlib import Path

import pytest

from tests.support.command_line import Shell


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shell:
    made = Shell(tmp_path / "wallet", capsys)
    assert made("init", "--name", "laptop").result["event"] == "made"
    return made


def labels(shell: Shell, *arguments: str) -> list[str]:
    return [record["label"] for record in shell("ls", *arguments).result["records"]]


def test_a_record_goes_through_its_life(shell: Shell) -> None:
    record = shell.add("login", "title=Library", "username=ada", "password=geheim", "--tag", "city")
    assert shell("get", record).result == {
        "id": record,
        "type": "login",
        "label": "Library",
        "fields": {"title": "Library", "username": "ada"},
        "hidden": ["password"],
        "conflicts": {},
        "tags": ["city"],
        "attachments": [],
        "notes": None,
        "warnings": [],
        "is_trashed": False,
    }
    changed = shell("set", record, "username=bob", "visits:=3", "notes=long", "--unset", "title")
    assert changed.result["is_changed"]
    view = shell("get", record, "--show-secrets").result
    assert view["fields"] == {"password": "geheim", "username": "bob", "visits": 3}
    assert view["notes"] == "long"
    assert not shell("set", record, "username=bob").result["is_changed"]
    assert shell("rm", record).result["is_changed"]
    assert labels(shell) == []
    assert labels(shell, "--trash") == ["bob"]
    shell("restore", record)
    assert labels(shell) == ["bob"]
    assert shell("rm", record, "--purge", "--yes").code == 0
    assert labels(shell) == []
    assert shell("set", record, "username=").code == 0


def test_one_field_is_printed_alone_even_if_it_is_secret(shell: Shell) -> None:
    shell.add("login", "title=Library", "password=geheim", "notes=n", "count:=3")
    assert shell.plain("get", "login:Library", "password").out == "geheim\n"
    assert shell.plain("get", "login:Library", "notes").out == "n\n"
    assert shell.plain("get", "login:Library", "count").out == "3\n"
    assert shell.plain("get", "login:Library", "label").out == "Library\n"
    assert shell("get", "login:Library", "password").result["value"] == "geheim"
    assert shell("get", "login:Library", "nothing").code == 3


def test_secrets_are_in_no_table_and_in_no_json_unless_asked_for(shell: Shell) -> None:
    secrets = ("password", "totp", "private_key", "raw", "source/x", "password_history/0/password")
    shell.add(
        "login",
        "title=Library",
        *(f"{name}=CANARY" for name in secrets),
        "custom/0/kind=concealed-string",
        "custom/0/value=CANARY",
        "custom/1/kind=string",
        "custom/1/value=open",
    )
    shown = shell("get", "login:Library", "--show-secrets").out
    assert shown.count("CANARY") == len(secrets) + 1
    for command in (
        ("get", "login:Library"),
        ("ls", "--view", "full"),
        ("history", "login:Library"),
        ("conflicts",),
        ("undo", "login:Library", "password"),
    ):
        assert "CANARY" not in shell(*command).out
        assert "CANARY" not in shell.plain(*command).out
    assert "open" in shell.plain("get", "login:Library").out
    assert "CANARY" in shell("ls", "--view", "secrets").out


def test_a_record_is_named_by_id_by_prefix_or_by_type_and_label(shell: Shell) -> None:
    record = shell.add("login", "title=Library")
    for name in (record, record[:6], "login:Library", "login:LIBRARY"):
        assert shell("get", name, "id").result["value"] == record
    assert shell("get", "login:Libra").error == "NotFound"
    assert shell("get", record[:3]).error == "NotFound"
    other = shell.add("login", "title=library")
    assert shell("get", "login:library", "id").result["value"] == other
    assert shell("get", "login:LIBRARY").error == "InputError"
    shell("rm", other)
    assert shell("get", "login:LIBRARY", "id").result["value"] == record


def test_lists_can_be_narrowed(shell: Shell) -> None:
    shell.add("login", "title=City library", "--tag", "city")
    shell.add("login", "title=Bank")
    shell.add("preference", "subject=diet")
    assert labels(shell) == ["Bank", "City library", "diet"]
    assert labels(shell, "login") == ["Bank", "City library"]
    assert labels(shell, "--tag", "city") == ["City library"]
    assert labels(shell, "--find", "LIB", "--find", "city") == ["City library"]
    assert labels(shell, "--all") == ["laptop", "Bank", "City library", "diet"]
    assert labels(shell, "device") == ["laptop"]


def test_tags_come_and_go(shell: Shell) -> None:
    record = shell.add("login", "title=Library")
    assert shell("tag", record, "city", "books").result["is_changed"]
    assert shell("get", record, "tags").result["value"] == ["books", "city"]
    shell("tag", record, "city", "never there", "--remove")
    assert shell("get", record, "tags").result["value"] == ["books"]


def test_the_same_key_is_the_same_record(shell: Shell) -> None:
    first = shell.add("relationship", "organisation=example.org", "--key", "example.org")
    second = shell("add", "relationship", "organisation=example.org", "--key", "example.org")
    assert second.result == {
        "id": first,
        "type": "relationship",
        "label": "example.org",
        "is_changed": False,
    }


def test_history_and_undo_tell_and_take_back(shell: Shell) -> None:
    record = shell.add("login", "username=ada", "password=one")
    shell("set", record, "username=bob")
    items = shell("history", record, "username").result["items"]
    assert [(item["value"], item["is_current"], item["device"]) for item in items] == [
        ("ada", False, "laptop"),
        ("bob", True, "laptop"),
    ]
    assert shell("undo", record, "username").result["value"] == "ada"
    assert shell("get", record, "username").result["value"] == "ada"
    assert shell("history", record, "password").result["items"][0]["value"] == "one"
    assert shell("history", record, "nothing").error == "NotFound"
    assert shell("undo", record, "nothing").error == "NotFound"


def test_bytes_and_odd_values_pass_through(shell: Shell) -> None:
    record = shell.add("document", 'photo:={"base64": "AAE="}', "is_open:=true", "none:=null")
    assert shell("get", record).result["fields"] == {
        "photo": {"base64": "AAE="},
        "is_open": True,
        "none": None,
    }
    assert shell("set", record, 'photo:={"base64": "?"}').error == "InputError"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("add", "device", "name=x"), 2),
        (("set", "nothing", "a=b"), 3),
        (("set", "login:Library"), 2),
        (("set", "login:Library", "type=other"), 2),
        (("set", "login:Library", "notes:=3"), 2),
        (("set", "login:Library", "a#b=c"), 2),
        (("rm", "device:laptop"), 2),
        (("rm", "login:Library", "--purge"), 2),
        (("resolve", "login:Library", "title", "--keep", "1"), 3),
        (("ls", "--view", "everything"), 2),
        (("get",), 2),
        (("nothing",), 2),
        (("export",), 2),
    ],
)
def test_what_cannot_be_done_is_refused_in_one_sentence(
    shell: Shell, arguments: tuple[str, ...], code: int
) -> None:
    shell.add("login", "title=Library")
    plain = shell.plain(*arguments)
    assert plain.code == code
    assert plain.out == ""
    assert plain.err.startswith("billfold: ")
    assert len(plain.err.splitlines()) == 1
    json_outcome = shell(*arguments)
    assert json_outcome.code == code
    assert json_outcome.out == ""
    assert json_outcome.error


def test_a_record_cannot_steer_the_terminal(shell: Shell) -> None:
    shell.add("login", "title=\x1b[2Jboo\x07", "username=a\tb\x9b")
    for arguments in (("ls",), ("get", "login:\x1b[2Jboo\x07")):
        out = shell.plain(*arguments).out
        assert "boo" in out
        assert not set(out) & {"\x1b", "\x07", "\x9b"}

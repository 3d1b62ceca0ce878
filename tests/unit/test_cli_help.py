import re
import subprocess
import sys

import pytest

from billfold.cli.commands import COMMANDS
from billfold.cli.entry import run
from billfold.cli.exit_codes import MEANINGS, ExitCode, error_named, exit_code_of
from billfold.cli.front import report_unexpected
from billfold_protocol import errors
from billfold_protocol.errors import BillfoldError

PROMISED = frozenset(
    {
        *("init", "link", "join", "add", "set", "get", "ls", "rm", "restore", "history"),
        *("conflicts", "resolve", "devices", "revoke", "sync", "watch", "status", "import"),
        *("export", "doctor", "lock", "passphrase"),
    }
)
COMMON = ("--wallet", "--unlock", "--passphrase-file", "--key-file", "--offline", "--json")


def help_of(capsys: pytest.CaptureFixture[str], *command: str) -> str:
    capsys.readouterr()
    assert run([*command, "--help"]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("command", sorted({*PROMISED, *COMMANDS}))
def test_each_command_has_examples_and_the_common_options(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = help_of(capsys, command)
    assert f"  billfold {command}" in text or f"| billfold {command}" in text
    for option in COMMON:
        assert option in text


def test_the_help_lists_all_commands_and_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    text = help_of(capsys)
    for command in PROMISED:
        assert re.search(rf"^  {command} ", text, re.MULTILINE), command
    for code in ExitCode:
        assert re.search(rf"^    {code.value} +\S", text, re.MULTILINE), code
    assert MEANINGS.keys() == set(ExitCode)


def every_error() -> list[type[BillfoldError]]:
    found = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    return [kind for kind in found if issubclass(kind, BillfoldError)]


@pytest.mark.parametrize("kind", every_error(), ids=lambda kind: kind.__name__)
def test_each_error_has_an_exit_code_and_passes_through_the_socket(
    kind: type[BillfoldError],
) -> None:
    again = error_named(kind.__name__, "text")
    assert type(again) is kind
    assert str(again) == "text"
    is_root = kind is BillfoldError
    assert (exit_code_of(again) is ExitCode.UNEXPECTED) == is_root


def test_an_unknown_error_is_still_one() -> None:
    assert type(error_named("Unheard", "text")) is BillfoldError


def test_help_loads_neither_the_wallet_nor_its_libraries() -> None:
    program = (
        "import sys; from billfold.cli.entry import run; run(['--help']);"
        "sys.exit(' '.join(m for m in ('aiohttp', 'automerge', 'nacl', 'asyncio', 'rich',"
        " 'billfold.wallet') if m in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert done.stderr.decode() == "\n" or done.stderr == b""


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert re.fullmatch(r"billfold \d+\.\d+\.\d+\S*\n", capsys.readouterr().out)


def test_a_mistake_in_billfold_is_told_in_one_sentence_without_values(
    capsys: pytest.CaptureFixture[str],
) -> None:
    try:
        int("CANARY")
    except ValueError as error:
        report_unexpected(type(error), error, None)
    told = capsys.readouterr().err
    assert "ValueError at test_cli_help.py:" in told
    assert "CANARY" not in told
    assert len(told.splitlines()) == 1

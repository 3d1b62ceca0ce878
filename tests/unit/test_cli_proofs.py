import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.command_line import Shell

VECTORS = Path(__file__).parents[2] / "specs" / "vectors" / "proofs.json"


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(tmp_path / "wallet", capsys)


def sample(name: str) -> dict[str, Any]:
    vectors = json.loads(VECTORS.read_text())["vectors"]
    found: dict[str, Any] = next(vector for vector in vectors if vector["id"] == name)
    return found


def written(folder: Path, data: bytes) -> str:
    path = folder / "a.proof"
    path.write_bytes(data)
    return str(path)


def test_a_proof_is_told_in_plain_words_without_any_wallet(shell: Shell, tmp_path: Path) -> None:
    vector = sample("false-ack")
    file = written(tmp_path, bytes.fromhex(vector["proof"]))
    result = shell("verify-proof", file).result
    assert result["kind"] == "FalseAck"
    assert result["wallet_id"] == vector["wallet_id"]
    told = shell.plain("verify-proof", file)
    assert told.code == 0
    assert "signed that an entry of a device was stored" in told.out


def test_a_proof_is_checked_for_the_wallet_that_is_named(shell: Shell, tmp_path: Path) -> None:
    vector = sample("equivocation")
    file = written(tmp_path, bytes.fromhex(vector["proof"]))
    assert shell("verify-proof", file, "--wallet", vector["wallet_id"]).code == 0
    other = shell("verify-proof", file, "--wallet", "00" * 32)
    assert (other.error, other.code) == ("WrongContext", 8)
    wrong = shell("verify-proof", file, "--wallet", "0000")
    assert (wrong.error, wrong.code) == ("InputError", 2)


@pytest.mark.parametrize(
    ("data", "error"), [(b"no proof", "NotProven"), (b"\x90", "Downgrade"), (b"", "NotProven")]
)
def test_a_file_that_proves_nothing_is_refused(
    shell: Shell, tmp_path: Path, data: bytes, error: str
) -> None:
    refused = shell("verify-proof", written(tmp_path, data))
    assert (refused.error, refused.code) == (error, 8)


def test_a_changed_proof_is_refused(shell: Shell, tmp_path: Path) -> None:
    data = bytearray(bytes.fromhex(sample("rollback-by-number")["proof"]))
    data[-40] ^= 1
    assert shell("verify-proof", written(tmp_path, bytes(data))).code == 8


def test_a_wallet_that_met_no_wrong_has_nothing_to_prove(shell: Shell) -> None:
    shell("init")
    assert shell("proofs").result == {"findings": []}
    status = shell("status").result
    assert status["findings"] is None
    assert status["last_heard"] == {}
    checks = shell("doctor").result["checks"]
    assert next(check for check in checks if check["name"] == "honesty")["is_ok"]

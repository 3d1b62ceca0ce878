import json
from pathlib import Path

import pytest

from tests.support.command_line import Shell


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shell:
    made = Shell(tmp_path / "wallet", capsys)
    assert made("init", "--name", "laptop").result["event"] == "made"
    return made


def test_a_wallet_leaves_in_each_format(shell: Shell, tmp_path: Path) -> None:
    table = tmp_path / "passwords.csv"
    table.write_text("name,url,username,password\nLibrary,https://l.example,ada,geheim\n")
    assert shell("import", str(table)).result["added"] == 1
    assert shell("import", str(table)).result["unchanged"] == 1
    shell.add("preference", "subject=diet", "statement=vegetarian")

    out = tmp_path / "out"
    cxf = shell("export", str(out), "--format", "cxf")
    assert [item["field"] for item in cxf.result["left_out"]] == [None]
    assert json.loads(out.read_bytes())["accounts"][0]["items"][0]["title"] == "Library"

    shell("export", str(out), "--format", "html")
    assert "Library" in out.read_text()
    assert "geheim" not in out.read_text()
    shell("export", str(out), "--format", "html", "--show-secrets")
    assert "geheim" in out.read_text()
    assert shell("export", str(out), "--format", "pdf").code == 2


def test_a_migration_object_goes_out_and_in_under_its_password(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = [
        {
            "transactionIdentifier": "17",
            "time": "2025-07-29T09:11:20",
            "transactionType": "Presentation",
            "transactionResult": "Completed",
            "presentation": {"interactingPartyName": "ABC"},
        }
    ]
    source, out, password = tmp_path / "log.json", tmp_path / "out.jwe", tmp_path / "password"
    source.write_text(json.dumps(log))
    password.write_text("not a real password\n")
    assert shell("import", str(source)).result["added"] == 1
    sealed = shell("export", str(out), "--format", "ts10", "--password-file", str(password))
    assert sealed.result["format"] == "ts10"
    assert b"ABC" not in out.read_bytes()
    again = shell("import", str(out), "--password-file", str(password))
    assert again.result["added"] == 0
    assert again.result["unchanged"] == 1
    assert "--password-file" in shell("import", str(out)).err
    monkeypatch.setenv("BILLFOLD_FILE_PASSWORD", "another")
    assert shell("import", str(out)).error == "UnlockFailed"

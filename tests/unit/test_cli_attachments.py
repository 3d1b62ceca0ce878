from pathlib import Path

import pytest

from tests.support.command_line import Shell

CONTENT = b"what the scanner saw" * 20


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shell:
    made = Shell(tmp_path / "wallet", capsys)
    assert made("init", "--name", "laptop").result["event"] == "made"
    return made


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    path = tmp_path / "scan.pdf"
    path.write_bytes(CONTENT)
    return path


def names(shell: Shell, record: str) -> list[str]:
    return [one["name"] for one in shell("attachments", record).result["attachments"]]


def test_a_file_is_attached_listed_fetched_and_detached(
    shell: Shell, scan: Path, tmp_path: Path
) -> None:
    record = shell.add("document", "title=Passport")
    attached = shell("attach", "document:Passport", str(scan)).result
    assert attached["record"] == record
    assert (attached["name"], attached["size"]) == ("scan.pdf", len(CONTENT))
    assert attached["media_type"] == "application/pdf"
    assert attached["is_pending"]
    assert names(shell, record) == ["scan.pdf"]
    assert shell("get", record).result["attachments"] == ["scan.pdf"]
    copy = tmp_path / "copy.pdf"
    assert shell("fetch", record, "scan.pdf", "-o", str(copy)).result["path"] == str(copy)
    assert copy.read_bytes() == CONTENT
    assert shell("detach", record, attached["id"]).code == 0
    assert names(shell, record) == []
    assert shell("status").result["pending_attachments_count"] == 0


def test_a_file_that_is_there_is_replaced_only_by_force(
    shell: Shell, scan: Path, tmp_path: Path
) -> None:
    record = shell.add("document", "title=Passport")
    shell("attach", record, str(scan), "--name", "front.pdf")
    copy = tmp_path / "copy.pdf"
    copy.write_bytes(b"mine")
    assert shell("fetch", record, "front.pdf", "-o", str(copy)).error == "InputError"
    assert copy.read_bytes() == b"mine"
    assert shell("fetch", record, "front.pdf", "-o", str(copy), "--force").code == 0
    assert copy.read_bytes() == CONTENT
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "copy.pdf",
        "key",
        "scan.pdf",
        "wallet",
    ]


def test_what_is_not_there_is_not_attached_and_not_fetched(
    shell: Shell, scan: Path, tmp_path: Path
) -> None:
    record = shell.add("document", "title=Passport")
    assert shell("attach", record, str(tmp_path / "missing")).error == "InputError"
    assert shell("attach", record, str(tmp_path)).error == "InputError"
    assert shell("attach", "nothing", str(scan)).error == "NotFound"
    assert shell("attach", record, str(scan), "--media-type", "pdf").error == "InputError"
    out = str(tmp_path / "out")
    assert shell("fetch", record, "scan.pdf", "-o", out).error == "NotFound"
    assert shell("detach", record, "scan.pdf").error == "NotFound"


def test_two_files_of_one_name_are_told_apart_by_id(shell: Shell, scan: Path) -> None:
    record = shell.add("document", "title=Passport")
    first = shell("attach", record, str(scan)).result["id"]
    second = shell("attach", record, str(scan)).result["id"]
    assert shell("detach", record, "scan.pdf").error == "InputError"
    assert shell("detach", record, first[:8]).code == 0
    (left,) = shell("attachments", record).result["attachments"]
    assert left["id"] == second


def test_a_person_reads_what_happens_to_a_file(shell: Shell, scan: Path, tmp_path: Path) -> None:
    record = shell.add("document", "title=Passport")
    assert "400 bytes" in shell.plain("attach", record, str(scan)).out
    assert "waits for the server" in shell.plain("attachments", record).out
    assert "attachments: scan.pdf" in shell.plain("get", record).out
    out = tmp_path / "out.pdf"
    assert str(out) in shell.plain("fetch", record, "scan.pdf", "-o", str(out)).out
    assert "detached" in shell.plain("detach", record, "scan.pdf").out


def test_an_export_holds_no_attachment(shell: Shell, scan: Path) -> None:
    record = shell.add("document", "title=Passport")
    shell("attach", record, str(scan))
    assert "attachments/" not in shell.plain("export").out

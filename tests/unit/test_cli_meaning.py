from pathlib import Path

import pytest

from tests.support.command_line import Shell


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shell:
    made = Shell(tmp_path / "wallet", capsys)
    assert made("init", "--name", "laptop").result["event"] == "made"
    return made


def test_a_field_that_cannot_hold_what_is_typed_is_named(shell: Shell) -> None:
    refused = shell("add", "login", "password:=5")
    assert refused.code == 2
    assert "the field 'password' of a login is a text" in refused.err
    assert "needs the field 'organisation'" in shell("add", "relationship", "name=Acme").err
    record = shell.add("login", "title=Library")
    assert (
        "the field 'favorite' of a login is true or false" in shell("set", record, "favorite=x").err
    )


def test_the_same_thing_is_added_once(shell: Shell) -> None:
    first = shell.add("relationship", "organisation=https://acme.example")
    assert shell.add("relationship", "organisation=https://acme.example", "name=Acme") == first


def test_a_record_is_explained_field_by_field(shell: Shell) -> None:
    record = shell.add("login", "title=Library", "password=geheim", "orbit=3")
    shown = shell("show", record)
    assert "geheim" not in shown.out
    fields = {one["field"]: one for one in shown.result["fields"]}
    assert fields["title"]["standard"] == "CXF 1.0 item.title"
    assert fields["password"]["is_hidden"]
    assert fields["orbit"]["what"] is None
    assert "what the person calls it" in shell.plain("show", record).out
    assert "geheim" in shell("show", record, "--show-secrets").out


def test_statements_are_reviewed_and_corrected(shell: Shell) -> None:
    assert "says nothing about you" in shell.plain("statements").err
    record = shell.add("preference", "subject=diet", "statement=meat")
    assert shell("correct", record, "scope=work").code == 2
    shell("correct", record, "statement=vegan", "--evidence", "what I said")
    (statement,) = shell("statements").result["statements"]
    (said,) = statement["said"]
    assert (said["value"], said["source"], said["evidence"]) == ("vegan", "declared", "what I said")
    assert said["device"] == "laptop"
    assert "what I said" in shell.plain("statements", "preference").out
    assert "one thing" in shell("correct", record).err
    assert "declared" in shell.plain("show", record).out


def test_the_activity_log_is_listed_and_checked(shell: Shell) -> None:
    entry = (
        *("transaction_identifier=1", "time:=1700000000", "transaction_type=Presentation"),
        *("transaction_result=Completed", "interacting_party_identifier=bank.example"),
    )
    record = shell.add("activity", *entry, "claims_presented/age_over_18=urn:eudi:pid:1")
    log = shell("activity").result
    assert log["is_whole"]
    (listed,) = log["entries"]
    assert (listed["claims"], listed["device"]) == (["age_over_18"], "laptop")
    assert "bank.example" in shell.plain("activity").out
    assert shell("set", record, "purpose=another").code == 2
    shell("rm", record, "--purge", "--yes")
    after = shell("activity").result
    assert after["is_whole"]
    assert after["deleted"] == [{"device": "laptop", "number": 1}]
    assert "Entries that you deleted: 1." in shell.plain("activity").err

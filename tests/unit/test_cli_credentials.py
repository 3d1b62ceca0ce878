import json
from pathlib import Path

import pytest

from tests.support.command_line import Shell
from tests.support.credentials import SAMPLES, VCT, Issuer, ask

AUDIENCE = "https://shop.example"


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shell:
    made = Shell(tmp_path / "wallet", capsys)
    assert made("init", "--name", "laptop").result["event"] == "made"
    return made


def put(path: Path, content: str) -> str:
    path.write_text(content)
    return str(path)


def test_a_credential_is_added_listed_shown_and_presented(shell: Shell, tmp_path: Path) -> None:
    issuer = Issuer()
    jwks = put(tmp_path / "keys.json", json.dumps({"keys": [dict(issuer.keys.keys[0].jwk)]}))
    key = shell("credential", "new-key").result["public_key"]
    raw = put(tmp_path / "identity", issuer.issue(key) + "\n")
    added = shell("credential", "add", raw, "--issuer-keys", jwks).result
    assert (added["lifecycle"], added["why_not_here"]) == ("valid", None)
    (listed,) = shell("credential", "list").result["credentials"]
    assert (listed["id"], listed["type"]) == (added["id"], VCT)
    shell("set", added["id"], "title=Identity")
    query = put(tmp_path / "query.json", ask("over_18"))
    (option,) = shell("credential", "ask", query).result["options"]
    assert option["answers"][0]["claims"] == ["over_18"]
    shown = shell("credential", "present", query, "--audience", AUDIENCE, "--nonce", "n").result
    assert shown["vp_token"]["it"][0].count("~") == 2
    told = shell("credential", "show", "credential:Identity").result
    assert told["claims"]["given_name"] == "Erika"
    assert list(told["uses"].values()) == [AUDIENCE]

    text = shell.plain("credential", "show", "credential:Identity").out
    assert f"shown to {AUDIENCE}" in text
    assert "1. it: " in shell.plain("credential", "ask", query).out


def test_what_is_missing_or_wrong_is_said(shell: Shell, tmp_path: Path) -> None:
    query = put(tmp_path / "query.json", ask("over_18"))
    answers = shell("credential", "ask", query).result
    assert answers["options"] == []
    assert "There is no credential" in answers["missing"][0]["why"]
    asked = ("--audience", AUDIENCE, "--nonce", "n")
    assert shell("credential", "present", query, *asked).error == "NotFound"
    assert shell("credential", "show").error == "InputError"
    assert shell("credential", "add", put(tmp_path / "x", "no credential")).error == "Malformed"
    wrong = put(tmp_path / "bad.json", "neither")
    raw = put(tmp_path / "identity", Issuer().issue())
    assert shell("credential", "add", raw, "--issuer-keys", wrong).error == "Malformed"


def test_a_mobile_document_is_kept_and_said_not_to_be_shown(shell: Shell, tmp_path: Path) -> None:
    text = (SAMPLES / "mdoc" / "iso18013-5_D.4.1.2_deviceresponse.hex").read_text().strip()
    path = tmp_path / "licence"
    path.write_bytes(bytes.fromhex(text))
    added = shell("credential", "add", str(path)).result
    assert added["type"] == "org.iso.18013.5.1.mDL"
    assert added["lifecycle"] == "expired"
    assert "does not show" in shell.plain("credential", "list").out

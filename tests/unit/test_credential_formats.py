import base64
import json
from typing import Any

import cbor2
import pytest

from billfold.credentials.held import JWT_VC, LDP_VC, MDOC, read_credential
from billfold.credentials.mdoc import parse_mdoc
from billfold_protocol.errors import AlgorithmRefused, BillfoldError, LimitExceeded, Malformed
from tests.support.credentials import NAMES, SAMPLES, sample

HEX = (SAMPLES / "mdoc" / "iso18013-5_D.4.1.2_deviceresponse.hex").read_text().strip()
RESPONSE = bytes.fromhex(HEX)
ISO = "org.iso.18013.5.1"

W3C: dict[str, Any] = {
    "@context": ["https://www.w3.org/ns/credentials/v2"],
    "type": ["VerifiableCredential", "ExampleDegree"],
    "issuer": {"id": "did:example:issuer", "name": "Example"},
    "validFrom": "2025-01-01T00:00:00Z",
    "validUntil": "2035-01-01T00:00:00Z",
    "credentialSubject": {"id": "did:example:holder", "degree": "Bachelor"},
    "proof": {"type": "DataIntegrityProof"},
}


def issuer_signed() -> dict[str, Any]:
    value: dict[str, Any] = cbor2.loads(RESPONSE)["documents"][0]["issuerSigned"]
    return value


def token(payload: object, header: object) -> str:
    parts = [json.dumps(part).encode() for part in (header, payload)]
    encoded = [base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in (*parts, bytes(64))]
    return ".".join(encoded)


def test_the_published_document_says_who_it_is_for() -> None:
    for raw in (RESPONSE, HEX, base64.urlsafe_b64encode(RESPONSE).decode().rstrip("=")):
        held = read_credential(raw)
        assert (held.format, held.types) == (MDOC, frozenset(["org.iso.18013.5.1.mDL"]))
        elements = held.claims[ISO]
        assert isinstance(elements, dict)
        assert elements["family_name"] == "Doe"
        assert elements["issue_date"] == "2019-10-20"
        assert str(elements["portrait"]).startswith("_9j_")
        privileges = elements["driving_privileges"]
        assert isinstance(privileges, list)
        assert len(privileges) == 2
        assert (held.issued_at_s, held.expires_at_s) == (1_601_559_002, 1_633_095_002)
        assert len(held.withheld) == 6


def test_what_an_issuer_gives_out_reads_as_what_a_wallet_answers() -> None:
    assert parse_mdoc(cbor2.dumps(issuer_signed())) == parse_mdoc(RESPONSE)


def test_a_document_that_is_cut_or_bent_is_malformed() -> None:
    for size in range(0, len(RESPONSE), 61):
        with pytest.raises(BillfoldError):
            parse_mdoc(RESPONSE[:size])
    bent: list[dict[str, Any]] = [
        {"issuerAuth": []},
        {"issuerAuth": None},
        {"nameSpaces": []},
        {"nameSpaces": {ISO: {}}},
        {"nameSpaces": {1: []}},
        {"nameSpaces": {ISO: [b"x"]}},
        {"nameSpaces": {ISO: [issuer_signed()["nameSpaces"][ISO][0]] * 2}},
    ]
    for change in bent:
        with pytest.raises(Malformed):
            parse_mdoc(cbor2.dumps({**issuer_signed(), **change}))


def test_a_document_has_at_most_so_many_elements_bytes_and_levels() -> None:
    items = [
        cbor2.CBORTag(24, cbor2.dumps({"elementIdentifier": str(n), "elementValue": n}))
        for n in range(1025)
    ]
    with pytest.raises(LimitExceeded):
        parse_mdoc(cbor2.dumps({**issuer_signed(), "nameSpaces": {ISO: items}}))
    with pytest.raises(LimitExceeded):
        parse_mdoc(bytes(65_537))
    with pytest.raises(Malformed):
        parse_mdoc(b"\x81" * 1000)
    whole = cbor2.dumps(issuer_signed())
    assert whole[:1] == b"\xa2"
    with pytest.raises(Malformed):
        parse_mdoc(b"\xa3" + whole[1:] + cbor2.dumps("nameSpaces") + cbor2.dumps({}))


def test_values_of_every_kind_become_json() -> None:
    values = [1.5, float("nan"), cbor2.CBORTag(999, "x"), {1: b"a"}, None, True, cbor2.undefined]
    items = [
        cbor2.CBORTag(24, cbor2.dumps({"elementIdentifier": str(n), "elementValue": value}))
        for n, value in enumerate(values)
    ]
    shown = parse_mdoc(cbor2.dumps({**issuer_signed(), "nameSpaces": {ISO: items}}))
    assert list(shown.name_spaces[ISO].values())[:6] == [1.5, None, "x", {"1": "YQ"}, None, True]
    json.dumps(dict(shown.name_spaces), allow_nan=False)


def test_a_w3c_credential_is_read_with_its_proof_and_as_a_token() -> None:
    held = read_credential(json.dumps(W3C))
    assert (held.format, held.issuer) == (LDP_VC, "did:example:issuer")
    assert held.types == {"VerifiableCredential", "ExampleDegree"}
    assert (held.issued_at_s, held.expires_at_s) == (1_735_689_600, 2_051_222_400)
    assert held.is_bound
    inner = {name: value for name, value in W3C.items() if name != "proof"}
    for payload in (inner, {"iss": "did:example:issuer", "vc": {**inner, "issuer": "x"}}):
        assert read_credential(token(payload, {"alg": "ES256"})).format == JWT_VC


def test_a_date_that_is_none_leaves_the_time_open() -> None:
    for date in ("2025-01-01", "soon", 5):
        assert read_credential(json.dumps({**W3C, "validFrom": date})).issued_at_s is None


@pytest.mark.parametrize(
    "raw", ["", "x", "{}", "[]", "a.b", '{"type": "VerifiablePresentation"}', "ZZZZ", b"", "é"]
)
def test_what_is_no_credential_is_malformed(raw: str | bytes) -> None:
    with pytest.raises(Malformed):
        read_credential(raw)


def test_an_unsigned_token_is_no_credential() -> None:
    with pytest.raises(AlgorithmRefused):
        read_credential(token(W3C, {"alg": "none"}))


@pytest.mark.parametrize("name", NAMES)
def test_every_published_example_can_be_shown(name: str) -> None:
    held = read_credential(sample(name, "sd_jwt_issuance") or "")
    assert held.claims
    assert held.withheld

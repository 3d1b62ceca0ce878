import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from billfold.importers import ImportedRecord, ImportReport, read_import
from billfold.importers.field_names import join_path
from billfold_protocol.errors import LimitExceeded, Malformed

SAMPLES = Path(__file__).parents[1] / "support" / "samples" / "sd-jwt"
NAMES = sorted(path.name for path in SAMPLES.iterdir())
MAPPED = ("iss", "vct", "iat", "exp")


def encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def encode_json(value: object) -> str:
    return encode(json.dumps(value).encode())


def digest_of(disclosure: str) -> str:
    return encode(hashlib.sha256(disclosure.encode()).digest())


def make_jwt(payload: object, header: object = None) -> str:
    header = {"alg": "ES256", "typ": "dc+sd-jwt"} if header is None else header
    return f"{encode_json(header)}.{encode_json(payload)}.{encode(bytes(64))}"


def make(payload: object, *disclosures: str, header: object = None, end: str = "") -> bytes:
    return "~".join([make_jwt(payload, header), *disclosures, end]).encode()


def flatten(value: Any, path: tuple[str | int, ...] = ()) -> dict[str, Any]:
    members: list[tuple[str | int, Any]] = []
    match value:
        case dict():
            members = list(value.items())
        case list():
            members = list(enumerate(value))
        case _:
            return {join_path(path): value}
    flat = {}
    for name, member in members:
        flat.update(flatten(member, (*path, name)))
    return flat


def shown_claims(record: ImportedRecord) -> dict[str, Any]:
    return {
        name.removeprefix("claims/"): value
        for name, value in record.fields.items()
        if name.startswith("claims/") and not name.startswith("claims/cnf.")
    }


def sample(name: str, kind: str) -> bytes:
    return next((SAMPLES / name).glob(f"sd_jwt_{kind}.*")).read_bytes()


def expected_claims(name: str, file: str) -> dict[str, Any]:
    claims = json.loads((SAMPLES / name / file).read_text())
    return {
        key: value
        for key, value in flatten(claims).items()
        if key not in MAPPED and not key.startswith("cnf.")
    }


def only(report: ImportReport) -> ImportedRecord:
    assert report.refused == ()
    assert len(report.records) == 1
    return report.records[0]


def test_every_sample_is_there() -> None:
    assert len(NAMES) == 15


@pytest.mark.parametrize("name", [name for name in NAMES if name != "pid-03"])
def test_an_issued_sample_shows_exactly_the_claims_its_issuer_was_given(name: str) -> None:
    record = only(read_import(sample(name, "issuance") + b"\r\n"))
    assert shown_claims(record) == expected_claims(name, "user_claims.json")


@pytest.mark.parametrize("name", [name for name in NAMES if name != "pid-03"])
def test_a_presented_sample_shows_exactly_the_claims_its_verifier_saw(name: str) -> None:
    record = only(read_import(sample(name, "presentation")))
    assert shown_claims(record) == expected_claims(name, "verified_contents.json")


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_keeps_its_bytes_and_says_nothing_about_verification(name: str) -> None:
    data = sample(name, "issuance")
    record = only(read_import(b"\xef\xbb\xbf" + data + b"\n\n"))
    published = json.loads(data) if data.startswith(b'"') else data.decode()
    assert record.fields["raw"] == published
    assert "verified" not in record.fields
    assert record.type == "credential"


def test_the_person_identification_credential_is_read_in_full() -> None:
    record = only(read_import(sample("pid-03", "issuance") + b"\n"))
    assert record.fields["format"] == "dc+sd-jwt"
    assert record.fields["issuer"] == "https://pid-issuer.aendgard.example"
    assert record.fields["vct"] == "urn:example:eudi:pid:aendgard:1"
    assert record.fields["issued_at"] == 1683000000
    assert record.fields["expires_at"] == 1883000000
    assert record.fields["claims/address.street_address"] == "Sjøgata 12"
    assert record.fields["claims/age_equal_or_over.18"] is True
    assert record.fields["claims/age_equal_or_over.65"] is False
    assert record.fields["claims/nationalities.0"] == "Ændgard"
    assert record.fields["claims/sex"] == 2
    assert record.label == "urn:example:eudi:pid:aendgard:1 from " + record.fields["issuer"]


def test_the_natural_key_is_the_issuer_and_the_hash_of_what_it_signed() -> None:
    data = sample("simple", "issuance")
    signed = data.split(b"~")[0]
    key = ("https://issuer.example.com", hashlib.sha256(signed).hexdigest())
    assert only(read_import(data)).natural_key == key
    assert only(read_import(sample("simple", "presentation"))).natural_key == key


def test_a_credential_wrapped_over_lines_is_the_same_credential() -> None:
    data = sample("arf-pid", "issuance")
    wrapped = b"\n".join(data[at : at + 60] for at in range(0, len(data), 60))
    assert read_import(wrapped) == read_import(data)


def test_dates_of_the_verifiable_credentials_model_are_read() -> None:
    record = only(read_import(sample("jsonld", "issuance")))
    assert record.fields["issued_at"] == 1675940519
    assert record.fields["expires_at"] == 1833620519
    assert record.fields["claims/issuance-date"] == "2023-02-09T11:01:59Z"


def test_a_key_binding_proof_is_reported_as_kept_in_the_raw_credential() -> None:
    report = read_import(sample("simple", "presentation"))
    assert [(entry.where, entry.kept_as) for entry in report.unmapped] == [("key binding", "raw")]


def test_a_file_name_labels_a_credential_that_has_no_type() -> None:
    report = read_import(make({"iat": 1}), name="library-card.txt")
    assert only(report).label == "library-card.txt"


def test_claims_of_every_scalar_type_are_shown() -> None:
    disclosure = encode_json(["salt", "Größe", 1.5])
    payload = {
        "_sd": [digest_of(disclosure)],
        "none": None,
        "big": 2**70,
        "deep": [{"a.b": ["x", []]}],
    }
    claims = shown_claims(only(read_import(make(payload, disclosure))))
    assert claims == {
        "none": None,
        "big": str(2**70),
        "deep.0.a:2e:b.0": "x",
        "-gr:f6::df:e": 1.5,
    }


def test_claims_beyond_what_can_be_shown_are_reported() -> None:
    report = read_import(make({"list": list(range(600))}))
    assert len(report.records[0].fields) == 513
    assert len(report.unmapped) == 89
    assert report.unmapped[0].where == "list[511]"
    assert report.unmapped[0].kept_as == "raw"


NAME = encode_json(["salt-1", "name", "Ada"])
OTHER = encode_json(["salt-2", "name", "Bob"])
ELEMENT = encode_json(["salt-3", "DE"])


@pytest.mark.parametrize(
    ("data", "where", "words"),
    [
        (make({"_sd": []}, NAME), "disclosures[0]", "did not sign"),
        (make({"_sd": [digest_of(NAME)]}, NAME, OTHER), "disclosures[1]", "did not sign"),
        (make({"_sd": [digest_of(NAME)]}, NAME, NAME), "disclosures[1]", "there twice"),
        (make({"_sd": [digest_of(NAME)] * 2}, NAME), "payload", "occurs twice"),
        (make({"_sd": ["decoy", "decoy"]}), "payload", "occurs twice"),
        (make({"_sd": [digest_of(NAME)], "name": "Eve"}, NAME), "disclosures[0]", "already"),
        (
            make({"_sd": [digest_of(NAME), digest_of(OTHER)]}, NAME, OTHER),
            "disclosures[1]",
            "already",
        ),
        (make({"_sd": [digest_of(ELEMENT)]}, ELEMENT), "disclosures[0]", "for a list"),
        (make({"list": [{"...": digest_of(NAME)}]}, NAME), "disclosures[0]", "for a claim"),
        (make({"list": [{"...": "x", "more": 1}]}), "payload", "reserved"),
        (make({"list": [{"...": 7}]}), "payload", "not text"),
        (make({"_sd": "x"}), "payload", "not a list"),
        (make({"_sd_alg": "md5"}), "_sd_alg", "hash"),
        (make({"a": 1}, header={"alg": "none"}), "header", "not signed"),
        (make({"a": 1}, header={"typ": "dc+sd-jwt"}), "header", "not signed"),
    ],
)
def test_a_credential_that_must_not_be_accepted_is_refused(
    data: bytes, where: str, words: str
) -> None:
    report = read_import(data)
    assert report.records == ()
    assert [entry.where for entry in report.refused] == [where]
    assert words in report.refused[0].why


def test_a_disclosure_may_not_be_named_like_the_digests() -> None:
    for name in ("_sd", "..."):
        disclosure = encode_json(["salt", name, 1])
        report = read_import(make({"_sd": [digest_of(disclosure)]}, disclosure))
        assert "no claim may have" in report.refused[0].why


def test_digests_of_other_algorithms_are_understood() -> None:
    digest = encode(hashlib.sha512(NAME.encode()).digest())
    record = only(read_import(make({"_sd_alg": "sha-512", "_sd": [digest]}, NAME)))
    assert record.fields["claims/name"] == "Ada"


def test_a_flipped_character_in_any_disclosure_is_noticed() -> None:
    data = sample("simple", "issuance").decode()
    parts = data.split("~")
    for index in range(1, len(parts) - 1):
        disclosure = parts[index]
        broken = disclosure[:10] + ("A" if disclosure[10] != "A" else "B") + disclosure[11:]
        tampered = "~".join([*parts[:index], broken, *parts[index + 1 :]]).encode()
        try:
            assert read_import(tampered).records == ()
        except Malformed:
            continue


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (make_jwt({"a": 1}).encode(), "no '~'"),
        (b"eyJhbGciOiJFUzI1NiJ9.e30~", "three parts"),
        (b"eyJhbGciOiJFUzI1NiJ9.e30.~", "three parts"),
        (b"eyJhbGciOiJFUzI1NiJ9.e30.!!!~", "not base64url"),
        (b"eyJhbGciOiJFUzI1NiJ9.e30.A~", "not base64url"),
        (b"eyJhbGciOiJFUzI1NiJ9.e30.AB~", "not base64url"),  # Bits beyond the last byte.
        (b"eyJhbGciOiJFUzI1NiJ9.W10.AA~", "JSON objects"),
        (make({"_sd": []}, "!"), "disclosure 1 is not base64url"),
        (make({"_sd": []}, ""), "broken"),
        (make({"_sd": []}, encode(b"\xff\xfe")), "UTF-8"),
        (make({"_sd": []}, encode_json({"a": 1})), "two or three"),
        (make({"_sd": []}, encode_json(["salt"])), "two or three"),
        (make({"_sd": []}, encode_json([1, "name", 2])), "salt"),
        (make({"_sd": []}, encode(b'["s","n",{"a":1,"a":2}]')), "twice"),
        (make({"_sd": []}, encode(b'["s","n",NaN]')), "NaN"),
        (make({"_sd": []}, encode(b'["s","n",1e999]')), "too large"),
        (make({"a": 1}, end="x.y"), "key binding"),
        (b'{"payload": "e30", "signatures": []}', "no signature"),
        (b'{"payload": "e30", "signature": "AA"}', "must be text"),
        (b'{"payload": "e30", "signature": "AA", "header": 1}', "not an object"),
        (b'{"payload": 1, "signature": "AA", "header": {"disclosures": 1}}', "not a list"),
    ],
)
def test_a_broken_credential_is_malformed(data: bytes, words: str) -> None:
    with pytest.raises(Malformed, match=words):
        read_import(data)


def test_hostile_credentials_are_stopped_by_their_bounds() -> None:
    nested = b'["s","n",' + b"[" * 3_000 + b"]" * 3_000 + b"]"
    chain = encode_json(["salt", "leaf", 1])
    links = [chain]
    for index in range(40):
        chain = encode_json([f"salt-{index}", "next", {"_sd": [digest_of(chain)]}])
        links.append(chain)
    for data in (
        make({"a": "x" * 1_000_000}),
        make({"a": 1}, "A" * 1_000_000),
        make({"_sd": []}, encode(nested)),
        make({"_sd": [digest_of(chain)]}, *links),
    ):
        with pytest.raises(LimitExceeded):
            read_import(data)

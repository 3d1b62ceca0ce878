import json

import pytest

from billfold.credentials.disclosures import Place
from billfold.credentials.jose import Token
from billfold.credentials.presentation import Request, present, verify_presentation
from billfold.credentials.sd_jwt import parse_sd_jwt
from billfold.credentials.verification import VerifiedCredential, verify_credential
from billfold_protocol.errors import (
    BillfoldError,
    CredentialExpired,
    CredentialTampered,
    UnreferencedDisclosure,
    WrongAudience,
)
from tests.support.credentials import (
    AUDIENCE,
    EXAMPLE_KEYS,
    HOLDER,
    ISSUED_S,
    MEDIA_TYPES,
    NAMES,
    NONCE,
    PRESENTED_S,
    contents,
    sample,
)

EKYC, CLAIMS = ("verified_claims", "verification"), ("verified_claims", "claims")
SHOWN: dict[str, list[Place]] = {
    "address_only_flat": [("address",), ("address", "street_address")],
    "address_only_recursive": [],
    "address_only_structured": [],
    "address_only_structured_one_open": [],
    "arf-pid": [("nationalities", 0), ("age_equal_or_over", "18")],
    "complex_eidas": [
        (*EKYC, "evidence", 0),
        (*CLAIMS, "gender"),
        (*CLAIMS, "place_of_birth", "country"),
    ],
    "complex_eidas_proposal": [(*EKYC, "evidence", 0, "record")],
    "complex_ekyc": [
        (*EKYC, "time"),
        (*EKYC, "evidence", 0, "method"),
        (*CLAIMS, "given_name"),
        (*CLAIMS, "family_name"),
        (*CLAIMS, "address"),
    ],
    "json_serialization_flattened": [("given_name",), ("family_name",)],
    "json_serialization_general": [("given_name",), ("family_name",)],
    "jsonld": [
        ("credentialSubject", "type"),
        ("credentialSubject", "dateOfVaccination"),
        ("credentialSubject", "order"),
        ("credentialSubject", "vaccine", "type"),
        ("credentialSubject", "vaccine", "atcCode"),
        ("credentialSubject", "vaccine", "medicinalProductName"),
    ],
    "simple": [("given_name",), ("family_name",), ("address",), ("nationalities", 0)],
    "simple_structured": [("address", "region"), ("address", "country")],
    "w3c-vc": [("is_over_18",), ("given_name",)],
}
"""What `holder_disclosed_claims` of each example's specification asks to be shown."""

REQUEST = Request(audience=AUDIENCE, nonce=NONCE)
BOUND = [name for name in SHOWN if "cnf" in contents(name)]


def verified(name: str, what: str = "sd_jwt_issuance") -> VerifiedCredential:
    text = sample(name, what)
    assert text is not None
    return verify_credential(
        parse_sd_jwt(text), EXAMPLE_KEYS, now_s=ISSUED_S + 60, media_types=MEDIA_TYPES
    )


def test_every_example_that_was_presented_is_in_the_table() -> None:
    presented = {name for name in NAMES if sample(name, "sd_jwt_presentation") is not None}
    assert presented == set(SHOWN)
    assert set(NAMES) - presented == {"pid-03"}


@pytest.mark.parametrize("name", NAMES)
def test_an_example_verifies_as_issued(name: str) -> None:
    credential = verified(name)
    assert credential.sd_jwt.key_binding is None
    assert len(credential.opened.disclosed) == len(credential.sd_jwt.disclosures)


@pytest.mark.parametrize("name", SHOWN)
def test_an_example_as_presented_says_what_is_published(name: str) -> None:
    assert verified(name, "sd_jwt_presentation").claims == contents(name)


@pytest.mark.parametrize("name", SHOWN)
def test_presenting_an_example_gives_the_published_bytes(name: str) -> None:
    """ECDSA draws a random number, so the holder's signature alone differs; both verify."""
    published = sample(name, "sd_jwt_presentation")
    made = present(
        verified(name),
        SHOWN[name],
        request=REQUEST,
        key=HOLDER if name in BOUND else None,
        now_s=PRESENTED_S,
        with_parts=False,
    )
    binding, given = parse_sd_jwt(made).key_binding, parse_sd_jwt(published or "").key_binding
    if binding is not None and given is not None:
        assert binding.rpartition(".")[0] == given.rpartition(".")[0]
        assert binding != given
        Token.parse(binding, "key binding").verify(HOLDER.public, "key binding")
        made = made.replace(binding, given)
    assert made == published


@pytest.mark.parametrize("name", BOUND)
def test_a_verifier_takes_the_published_presentation_and_ours(name: str) -> None:
    published = sample(name, "sd_jwt_presentation")
    assert published is not None
    ours = present(
        verified(name),
        SHOWN[name],
        request=REQUEST,
        key=HOLDER,
        now_s=PRESENTED_S,
        with_parts=False,
    )
    for text in (published, ours):
        taken = verify_presentation(
            text, EXAMPLE_KEYS, request=REQUEST, now_s=PRESENTED_S, media_types=MEDIA_TYPES
        )
        assert taken.is_bound
        assert taken.claims == contents(name)


@pytest.mark.parametrize("name", [name for name in BOUND if "json" not in name])
def test_no_character_of_a_published_presentation_can_be_changed(name: str) -> None:
    text = sample(name, "sd_jwt_presentation")
    assert text is not None
    for index in range(0, len(text), 97):
        changed = text[:index] + ("A" if text[index] != "A" else "B") + text[index + 1 :]
        with pytest.raises(BillfoldError):
            verify_presentation(
                changed, EXAMPLE_KEYS, request=REQUEST, now_s=PRESENTED_S, media_types=MEDIA_TYPES
            )


def test_what_is_wrong_with_an_example_has_its_own_error() -> None:
    text = sample("simple", "sd_jwt_presentation") or ""
    later = 1_883_000_061
    head, _, rest = text.partition("~")
    for changed, kind, now_s, audience in (
        (text, CredentialExpired, later, AUDIENCE),
        (text, WrongAudience, PRESENTED_S, "https://other.example"),
        (f"{head[:-2]}AA~{rest}", CredentialTampered, PRESENTED_S, AUDIENCE),
        (f"{head}~{'WyJhIiwgImIiLCAxXQ'}~{rest}", UnreferencedDisclosure, PRESENTED_S, AUDIENCE),
    ):
        with pytest.raises(kind):
            verify_presentation(
                changed,
                EXAMPLE_KEYS,
                request=Request(audience=audience, nonce=NONCE),
                now_s=now_s,
                media_types=MEDIA_TYPES,
            )


def test_a_credential_in_json_form_is_shown_in_json_form() -> None:
    name = "json_serialization_general"
    shown = present(verified(name), [("sub",)], request=REQUEST, key=HOLDER, now_s=PRESENTED_S)
    value = json.loads(shown)
    assert len(value["signatures"]) == 2
    assert len(value["signatures"][0]["header"]["disclosures"]) == 1
    assert "disclosures" not in value["signatures"][1].get("header", {})

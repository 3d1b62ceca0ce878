import json

import pytest

from billfold.credentials.disclosures import open_disclosures
from billfold.credentials.jose import PrivateKey, PublicKey
from billfold.credentials.presentation import OpenRequests, Request, present
from billfold.credentials.sd_jwt import parse_sd_jwt
from billfold.credentials.verification import verify_credential
from billfold.importers.interface import Json
from billfold_protocol.errors import (
    AlgorithmRefused,
    InputError,
    LimitExceeded,
    Malformed,
    NonceReplayed,
    WrongHolder,
)
from tests.support.credentials import EXAMPLE_KEYS, HOLDER, ISSUED_S, MEDIA_TYPES, sample

ASKED = Request(audience="https://verifier.example", nonce="a nonce")


def test_a_request_is_answered_once() -> None:
    requests = OpenRequests()
    requests.open(ASKED, now_s=1000)
    with pytest.raises(InputError):
        requests.open(ASKED, now_s=1000)
    requests.take(ASKED, now_s=1001)
    with pytest.raises(NonceReplayed):
        requests.take(ASKED, now_s=1001)


def test_a_request_is_not_answered_too_late_nor_for_another() -> None:
    requests = OpenRequests(count_max=2)
    requests.open(ASKED, now_s=1000)
    with pytest.raises(NonceReplayed):
        requests.take(Request(audience="https://other.example", nonce="a nonce"), now_s=1000)
    with pytest.raises(NonceReplayed):
        requests.take(ASKED, now_s=1301)
    for nonce in "abc":
        requests.open(Request(audience="x", nonce=nonce), now_s=1000)
    with pytest.raises(NonceReplayed):
        requests.take(Request(audience="x", nonce="a"), now_s=1000)
    requests.take(Request(audience="x", nonce="c"), now_s=1000)


def test_a_credential_is_shown_only_with_its_own_key_and_for_a_request() -> None:
    credential = verify_credential(
        parse_sd_jwt(sample("simple", "sd_jwt_issuance") or ""),
        EXAMPLE_KEYS,
        now_s=ISSUED_S,
        media_types=MEDIA_TYPES,
    )
    for key in (PrivateKey.generate(), None):
        with pytest.raises(WrongHolder):
            present(credential, [], request=ASKED, key=key, now_s=ISSUED_S)
    for request in (Request(audience="", nonce="n"), Request(audience="a", nonce="n" * 2000)):
        with pytest.raises(InputError):
            present(credential, [], request=request, key=HOLDER, now_s=ISSUED_S)


def test_a_claim_is_shown_with_what_leads_to_it_and_with_its_parts_if_asked() -> None:
    opened = open_disclosures(parse_sd_jwt(sample("arf-pid", "sd_jwt_issuance") or ""))
    names = {
        with_parts: [
            place
            for place, one in opened.disclosed.items()
            if one in opened.choose([("address",)], with_parts=with_parts)
        ]
        for with_parts in (True, False)
    }
    assert names[False] == [("address",)]
    assert set(names[True]) == {
        ("address",),
        *(("address", part) for part in ("street_address", "locality", "postal_code", "country")),
    }
    inner = opened.choose([("address", "locality")])
    assert len(inner) == 2


def test_a_private_key_is_in_no_repr_and_in_no_error() -> None:
    key = PrivateKey.generate()
    secret = json.loads(key.export())["d"]
    assert secret not in repr(key)
    for text in (
        key.export().replace('"P-256"', '"P-999"'),
        key.export().replace('"x": "', '"x": "AA'),
        json.dumps(dict(key.public.jwk)),
        "[]",
    ):
        with pytest.raises(InputError) as caught:
            PrivateKey.parse(text)
        assert secret not in str(caught.value)
        assert caught.value.__cause__ is None


def test_a_key_of_another_kind_or_off_its_curve_is_refused() -> None:
    jwk = PrivateKey.generate().public.jwk
    others: list[Json] = [{**jwk, "kty": "RSA"}, {**jwk, "crv": "secp256k1"}, {"kty": "oct"}]
    for bad in others:
        with pytest.raises(AlgorithmRefused):
            PublicKey.parse(bad)
    bent: list[Json] = [{**jwk, "x": "AA"}, {**jwk, "y": jwk["x"]}, {**jwk, "x": 1}, [], "x"]
    for wrong in bent:
        with pytest.raises(Malformed):
            PublicKey.parse(wrong)


def test_a_credential_has_at_most_so_many_disclosures_and_bytes() -> None:
    token = (sample("simple", "sd_jwt_issuance") or "").partition("~")[0]
    with pytest.raises(LimitExceeded):
        parse_sd_jwt(f"{token}~" + "WyJhIl0~" * 1025)
    with pytest.raises(LimitExceeded):
        parse_sd_jwt("a" * 65_537)
    decoys: list[Json] = [f"{number:x}" for number in range(4_097)]
    crowded = HOLDER.sign({"typ": "dc+sd-jwt"}, {"_sd": decoys})
    with pytest.raises(LimitExceeded):
        open_disclosures(parse_sd_jwt(f"{crowded}~"))
    fewer = HOLDER.sign({"typ": "dc+sd-jwt"}, {"_sd": decoys[1:]})
    assert open_disclosures(parse_sd_jwt(f"{fewer}~")).claims == {}

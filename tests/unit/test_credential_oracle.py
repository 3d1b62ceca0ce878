"""An independent implementation agrees with ours, in both directions."""

import json
from datetime import UTC, datetime

import pytest
from openvc.keys import P256SigningKey
from openvc.proof.sd_jwt import SdJwtVcProofSuite
from openvc.status.token_status_list import encode_status_list, get_status, new_status_list
from openvc.status.token_status_list import set_status as set_theirs

from billfold.credentials.issuer_keys import IssuerKeys
from billfold.credentials.jose import PrivateKey, PublicKey
from billfold.credentials.presentation import Request, present, verify_presentation
from billfold.credentials.sd_jwt import parse_sd_jwt
from billfold.credentials.status_list import parse_list
from billfold.credentials.verification import verify_credential

VCT = "https://issuer.example/identity"
CLAIMS = {"iss": "https://issuer.example", "given_name": "Erika", "age": 62, "sub": "x"}
REQUEST = Request(audience="https://verifier.example", nonce="a nonce")


def theirs(key: PrivateKey) -> P256SigningKey:
    return P256SigningKey.from_jwk(json.loads(key.export()), "key-1")


def test_what_the_other_issues_and_presents_we_take_and_it_takes_what_we_present() -> None:
    issuer, holder, suite = PrivateKey.generate(), PrivateKey.generate(), SdJwtVcProofSuite()
    issued = suite.issue(
        CLAIMS,
        signing_key=theirs(issuer),
        disclosable=("given_name", "age"),
        holder_jwk=dict(holder.public.jwk),
        vct=VCT,
        decoys=3,
    )
    now_s = int(datetime.now(UTC).timestamp())
    keys = IssuerKeys.pinned(issuer.public.jwk)
    credential = verify_credential(parse_sd_jwt(issued), keys, now_s=now_s, vct=[VCT])
    assert {name: credential.claims[name] for name in CLAIMS} == CLAIMS

    whole = suite.create_presentation(
        issued, holder_key=theirs(holder), audience=REQUEST.audience, nonce=REQUEST.nonce
    )
    assert verify_presentation(whole, keys, request=REQUEST, now_s=now_s).claims["age"] == 62

    ours = present(credential, [("age",)], request=REQUEST, key=holder, now_s=now_s)
    taken = suite.verify(
        ours,
        public_key_jwk=dict(issuer.public.jwk),
        audience=REQUEST.audience,
        nonce=REQUEST.nonce,
        require_key_binding=True,
        expected_vct=VCT,
    )
    assert taken.claims["age"] == 62
    assert "given_name" not in taken.claims


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_a_status_list_of_the_other_reads_the_same(bits: int) -> None:
    data = new_status_list(4096, bits=bits)
    for index in range(0, 4096, 7):
        set_theirs(data, index, index % (1 << bits), bits=bits)
    ours_bits, ours = parse_list({"bits": bits, "lst": encode_status_list(bytes(data))})
    assert ours_bits == bits
    for index in range(4096):
        position, offset = divmod(index * bits, 8)
        value = (ours[position] >> offset) & ((1 << bits) - 1)
        assert value == get_status(bytes(data), index, bits=bits)


def test_a_key_has_the_name_that_the_standard_gives_it() -> None:
    """RFC 7638 names a key by its required members alone."""
    key = PrivateKey.generate()
    named = PublicKey.parse({**key.public.jwk, "kid": "a", "use": "sig"})
    assert named.thumbprint == key.public.thumbprint

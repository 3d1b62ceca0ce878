import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID
from joserfc.jwk import ECKey

from billfold.credentials.certificates import authority_key_ids
from billfold.credentials.encoding import Object, encode_base64url
from billfold.credentials.issuer_keys import IssuerKeys
from billfold.credentials.jose import PrivateKey, Token
from billfold_protocol.errors import (
    CredentialTampered,
    InputError,
    LimitExceeded,
    Malformed,
    UntrustedIssuer,
)

NOW = datetime(2026, 9, 1, tzinfo=UTC)
NOW_S = int(NOW.timestamp())
ISSUER = "https://issuer.example"


class Party:
    """A key with a certificate of another, or of its own."""

    def __init__(
        self, name: str, *, by: "Party | None" = None, is_ca: bool = False, days: int = 30
    ) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        signer = by or self
        public, theirs = self.key.public_key(), signer.key.public_key()
        names: list[x509.GeneralName] = [
            x509.UniformResourceIdentifier(f"https://{name}"),
            x509.DNSName(f"www.{name}"),
        ]
        builder = (
            x509.CertificateBuilder()
            .subject_name(self.name)
            .issuer_name(signer.name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - timedelta(days=60))
            .not_valid_after(NOW + timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(theirs), critical=False
            )
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(
                x509.KeyUsage(
                    digital_signature=not is_ca,
                    key_cert_sign=is_ca,
                    crl_sign=is_ca,
                    content_commitment=False,
                    key_encipherment=False,
                    data_encipherment=False,
                    key_agreement=False,
                    encipher_only=False,
                    decipher_only=False,
                ),
                critical=True,
            )
        )
        self.certificate = builder.sign(signer.key, hashes.SHA256())

    @property
    def x5c(self) -> str:
        return base64.b64encode(self.certificate.public_bytes(Encoding.DER)).decode()

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    def sign(self, header: Object, payload: Object) -> Token:
        pem = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        jwk = json.dumps(ECKey.import_key(pem).as_dict(private=True))
        return Token.parse(PrivateKey.parse(jwk).sign(header, payload), "token")


ROOT = Party("root.example", is_ca=True)
BETWEEN = Party("between.example", by=ROOT, is_ca=True)
LEAF = Party("issuer.example", by=BETWEEN)
CHAIN: Object = {"x5c": [LEAF.x5c, BETWEEN.x5c]}
KEYS = IssuerKeys.certified(ROOT.pem)


def test_a_chain_that_leads_to_an_anchor_speaks_for_its_address_and_its_host() -> None:
    for issuer in (ISSUER, "https://www.issuer.example"):
        assert KEYS.verify(LEAF.sign(CHAIN, {"iss": issuer}), now_s=NOW_S) == issuer


def test_without_a_named_issuer_the_certificate_says_who_it_is() -> None:
    assert KEYS.verify(LEAF.sign(CHAIN, {}), now_s=NOW_S) == "CN=issuer.example"


@pytest.mark.parametrize(
    "issuer",
    ["https://other.example", "https://www.issuer.example:8443", "http://www.issuer.example"],
)
def test_a_certificate_does_not_speak_for_another_issuer(issuer: str) -> None:
    with pytest.raises(UntrustedIssuer):
        KEYS.verify(LEAF.sign(CHAIN, {"iss": issuer}), now_s=NOW_S)


def test_a_chain_is_refused_that_leads_nowhere_or_through_one_who_may_not_sign() -> None:
    stranger = Party("stranger.example", is_ca=True)
    forged = Party("issuer.example", by=LEAF)
    over = Party("issuer.example", by=BETWEEN, days=-1)
    for signer, chain in (
        (LEAF, [LEAF.x5c]),
        (Party("issuer.example", by=stranger), []),
        (forged, [LEAF.x5c, BETWEEN.x5c]),
        (over, [BETWEEN.x5c]),
        (Party("issuer.example"), []),
    ):
        listed = chain if chain[:1] == [signer.x5c] else [signer.x5c, *chain]
        with pytest.raises(UntrustedIssuer):
            KEYS.verify(signer.sign({"x5c": list(listed)}, {"iss": ISSUER}), now_s=NOW_S)


def test_a_certificate_of_another_key_does_not_help() -> None:
    with pytest.raises(CredentialTampered):
        KEYS.verify(ROOT.sign(CHAIN, {"iss": ISSUER}), now_s=NOW_S)


def test_a_chain_alone_is_not_believed_where_keys_are_asked_for() -> None:
    pinned = IssuerKeys.pinned(PrivateKey.generate().public.jwk)
    with pytest.raises(CredentialTampered):
        pinned.verify(LEAF.sign(CHAIN, {"iss": ISSUER}), now_s=NOW_S)


@pytest.mark.parametrize("chain", ["x", [], [1], ["%"], [base64.b64encode(b"no").decode()]])
def test_what_is_no_chain_is_malformed(chain: object) -> None:
    with pytest.raises(Malformed):
        KEYS.verify(LEAF.sign({"x5c": chain}, {}), now_s=NOW_S)  # type: ignore[dict-item]  # As such.


def test_a_chain_has_at_most_eight_certificates() -> None:
    with pytest.raises(LimitExceeded):
        KEYS.verify(LEAF.sign({"x5c": [LEAF.x5c[:40]] * 9}, {}), now_s=NOW_S)


def test_anchors_are_certificates_and_somebody_must_be_believed() -> None:
    with pytest.raises(InputError):
        IssuerKeys.certified(b"no certificate")
    with pytest.raises(InputError):
        IssuerKeys().verify(LEAF.sign(CHAIN, {}), now_s=NOW_S)


def test_the_authorities_of_a_chain_are_its_authority_key_identifiers() -> None:
    kind = x509.AuthorityKeyIdentifier
    found = LEAF.certificate.extensions.get_extension_for_class(kind).value.key_identifier
    assert found is not None
    assert encode_base64url(found) in authority_key_ids([LEAF.x5c])

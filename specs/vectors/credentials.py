"""Makes the credentials, presentations and status lists of the vectors, the same bytes each time.

The signatures are deterministic (RFC 6979), so that the files are; an issuer's need not be.

Spec: 42-credentials.md
"""

import base64
import hashlib
import json
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

START_S = 1_790_000_000
ISSUER = "https://issuer.example"
VCT = "https://issuer.example/identity"
AUDIENCE = "https://verifier.example"
NONCE = "n-0S6_WzA2Mj"


class Signer:
    """A key for ES256 that a label decides."""

    def __init__(self, label: str) -> None:
        """Take the key of this name."""
        number = int.from_bytes(hashlib.sha512(label.encode()).digest())
        order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
        self._key = ec.derive_private_key(1 + number % (order - 1), ec.SECP256R1())

    @property
    def jwk(self) -> dict[str, str]:
        """The public key (RFC 7517)."""
        numbers = self._key.public_key().public_numbers()
        x, y = (base64url(n.to_bytes(32)) for n in (numbers.x, numbers.y))
        return {"kty": "EC", "crv": "P-256", "x": x, "y": y}

    def sign(self, header: Mapping[str, Any], payload: Mapping[str, Any]) -> str:
        """Return a compact token."""
        signing_input = f"{pack(header)}.{pack(payload)}"
        algorithm = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
        r, s = decode_dss_signature(self._key.sign(signing_input.encode(), algorithm))
        return f"{signing_input}.{base64url(r.to_bytes(32) + s.to_bytes(32))}"


ISSUER_KEY, HOLDER_KEY, OTHER_KEY = Signer("issuer"), Signer("holder"), Signer("other")


def base64url(data: bytes) -> str:
    """Encode without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def pack(value: object) -> str:
    """Encode JSON in base64url."""
    return base64url(json.dumps(value).encode())


def disclosure(*parts: object) -> str:
    """Return a disclosure of a claim (name, value) or of an element (value), with a salt."""
    return pack([f"salt {len(json.dumps(parts))}", *parts])


def digest(encoded: str) -> str:
    """Return the digest that names a disclosure."""
    return base64url(hashlib.sha256(encoded.encode()).digest())


GIVEN = disclosure("given_name", "Erika")
BIRTH = disclosure("birthdate", "1963-08-12")
LOCALITY = disclosure("locality", "Köln")
ADDRESS = disclosure("address", {"_sd": [digest(LOCALITY)], "country": "DE"})
NATION = disclosure("DE")


def claims(**changed: object) -> dict[str, Any]:
    """Return what the issuer signs; a changed claim that is None is left out."""
    usual = {
        "_sd": sorted(map(digest, (GIVEN, BIRTH, ADDRESS))),
        "iss": ISSUER,
        "iat": START_S - 86_400,
        "exp": START_S + 86_400,
        "vct": VCT,
        "nationalities": [{"...": digest(NATION)}, {"...": digest("a decoy")}],
        "_sd_alg": "sha-256",
        "cnf": {"jwk": HOLDER_KEY.jwk},
        "status": {"status_list": {"idx": 3, "uri": f"{ISSUER}/statuses/1"}},
    }
    return {name: value for name, value in {**usual, **changed}.items() if value is not None}


def credential(
    *disclosures: str,
    payload: Mapping[str, Any] | None = None,
    header: Mapping[str, Any] | None = None,
    signer: Signer = ISSUER_KEY,
) -> str:
    """Return a credential with these disclosures, without a key binding."""
    token = signer.sign(
        {"alg": "ES256", "typ": "dc+sd-jwt"} if header is None else header,
        claims() if payload is None else payload,
    )
    return "".join(f"{part}~" for part in (token, *disclosures))


ALL = (GIVEN, BIRTH, ADDRESS, LOCALITY, NATION)
USUAL = credential(*ALL)


def present(
    shown: str,
    *,
    said: Mapping[str, Any] | None = None,
    header: Mapping[str, Any] | None = None,
    signer: Signer = HOLDER_KEY,
) -> str:
    """Return a presentation: a credential with the holder's signature after it."""
    usual = {
        "nonce": NONCE,
        "aud": AUDIENCE,
        "iat": START_S,
        "sd_hash": base64url(hashlib.sha256(shown.encode()).digest()),
    }
    return shown + signer.sign(
        {"alg": "ES256", "typ": "kb+jwt"} if header is None else header, {**usual, **(said or {})}
    )


def status_token(
    values: Sequence[int],
    *,
    bits: int = 2,
    changed: Mapping[str, Any] | None = None,
    header: Mapping[str, Any] | None = None,
    packed: str | None = None,
) -> str:
    """Return a status list token."""
    number = sum(value << (index * bits) for index, value in enumerate(values))
    raw = number.to_bytes((len(values) * bits + 7) // 8, "little")
    usual = {
        "sub": f"{ISSUER}/statuses/1",
        "iat": START_S - 3_600,
        "exp": START_S + 86_400,
        "ttl": 7_200,
        "status_list": {"bits": bits, "lst": packed or base64url(zlib.compress(raw, 9))},
    }
    content = {name: one for name, one in {**usual, **(changed or {})}.items() if one is not None}
    return ISSUER_KEY.sign(
        {"alg": "ES256", "typ": "statuslist+jwt"} if header is None else header, content
    )

"""Credentials for tests: the published examples with their keys, and an issuer to make others.

Spec: 42-credentials.md
"""

import hashlib
import json
import time
import zlib
from pathlib import Path
from typing import Any

from billfold.credentials.encoding import Object, encode_base64url, encode_json
from billfold.credentials.issuer_keys import IssuerKeys
from billfold.credentials.jose import PrivateKey
from billfold.importers.interface import Json

SAMPLES = Path(__file__).parent / "samples"
SD_JWTS = SAMPLES / "sd-jwt"
NAMES = sorted(path.name for path in SD_JWTS.iterdir())
MEDIA_TYPES = ("dc+sd-jwt", "example+sd-jwt")

ISSUER_JWK = {
    "kty": "EC",
    "crv": "P-256",
    "x": "b28d4MwZMjw8-00CG4xfnn9SLMVMM19SlqZpVb_uNtQ",
    "y": "Xv5zWwuoaTgdS6hV43yI6gBwTnjukmFQQnJ_kCxzqk8",
}
"""The published issuer's key of the examples."""

HOLDER_JWK = {
    "kty": "EC",
    "crv": "P-256",
    "x": "TCAER19Zvu3OHF4j4W4vfSVoHIP1ILilDls7vCeGemc",
    "y": "ZxjiWWbZMQGHVWKVQ4hbSIirsVfuecCE6t4jT9F2HZQ",
    "d": "5K5SCos8zf9zRemGGUl6yfok-_NiiryNZsvANWMhF-I",
}
"""The published holder's key of the examples, with its private member."""

AUDIENCE = "https://verifier.example.org"
NONCE = "1234567890"
ISSUED_S, PRESENTED_S = 1_683_000_000, 1_795_289_450

VCT = "https://issuer.example/identity"
PERSON: Object = {"given_name": "Erika", "family_name": "Mustermann", "over_18": True}
YEAR_S = 365 * 24 * 60 * 60

EXAMPLE_KEYS = IssuerKeys.pinned(ISSUER_JWK)
HOLDER = PrivateKey.parse(json.dumps(HOLDER_JWK))


def sample(name: str, what: str) -> str | None:
    """Return a file of an example; two of them hold JSON text inside a JSON string."""
    folder = SD_JWTS / name
    for path in (folder / f"{what}.txt", folder / f"{what}.json"):
        if path.exists():
            text = path.read_text().strip()
            return str(json.loads(text)) if text.startswith('"') else text
    return None


def contents(name: str) -> Any:
    """Return the claims that the example's verifier ends with."""
    return json.loads((SD_JWTS / name / "verified_contents.json").read_text())


class Issuer:
    """An issuer of credentials that are valid now."""

    def __init__(self, name: str = "https://issuer.example") -> None:
        self.name = name
        self._key = PrivateKey.generate()
        self.keys = IssuerKeys.pinned(self._key.public.jwk)
        self._count = 0

    def issue(
        self,
        key: Object | None = None,
        *,
        vct: str = VCT,
        index: int | None = None,
        lasts_s: int = YEAR_S,
        **changed: Json,
    ) -> str:
        """Return a credential in which everything about the person can be withheld."""
        self._count += 1
        now_s = int(time.time())
        disclosures = [
            encode_json([f"salt {self._count} {name}", name, value])
            for name, value in {**PERSON, **changed}.items()
        ]
        digests: list[Json] = [
            encode_base64url(hashlib.sha256(one.encode()).digest()) for one in disclosures
        ]
        payload: Object = {"iss": self.name, "vct": vct, "iat": now_s, "exp": now_s + lasts_s}
        payload["_sd"] = digests
        if key is not None:
            payload["cnf"] = {"jwk": key}
        if index is not None:
            payload["status"] = {"status_list": {"idx": index, "uri": f"{self.name}/statuses"}}
        token = self._key.sign({"typ": "dc+sd-jwt"}, payload)
        return "".join(f"{part}~" for part in (token, *disclosures))

    def status_list(self, *values: int, age_s: int = 0) -> str:
        """Return a status list token with two bits for each credential."""
        number = sum(value << (index * 2) for index, value in enumerate(values))
        packed = encode_base64url(zlib.compress(number.to_bytes(16, "little")))
        return self._key.sign(
            {"typ": "statuslist+jwt"},
            {
                "sub": f"{self.name}/statuses",
                "iat": int(time.time()) - age_s,
                "status_list": {"bits": 2, "lst": packed},
            },
        )


def ask(*claims: str, vct: str = VCT) -> str:
    """Return a query for claims of a credential."""
    asked: Object = {"id": "it", "format": "dc+sd-jwt", "meta": {"vct_values": [vct]}}
    if claims:
        asked["claims"] = [{"path": [name]} for name in claims]
    return json.dumps({"credentials": [asked]})

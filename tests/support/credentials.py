"""Credentials for tests: the published examples with their keys, and an issuer to make others.

Spec: 42-credentials.md
"""

import json
from pathlib import Path
from typing import Any

from billfold.credentials.issuer_keys import IssuerKeys
from billfold.credentials.jose import PrivateKey

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

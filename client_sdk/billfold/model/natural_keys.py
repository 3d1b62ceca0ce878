"""What makes a thing the same on two devices that add it without knowing of each other.

Types without a function here (`login`, `preference`) have no natural key: two additions are two
records, with random ids.

Spec: 40-wallet-document.md
"""

import hashlib


def credential_key(issuer: str, *, serial: str | None = None, raw: bytes = b"") -> tuple[str, ...]:
    """Return a credential's natural key: its issuer, and its serial number or else its hash.

    Args:
        issuer: as the credential names it.
        serial: unique among the issuer's credentials.
        raw: what the issuer has signed; used where there is no serial number.
    """
    return (issuer, hashlib.sha256(raw).hexdigest() if serial is None else serial)


def relationship_key(organisation: str) -> tuple[str, ...]:
    """Return a relationship's natural key: the organisation's identifier."""
    return (organisation,)

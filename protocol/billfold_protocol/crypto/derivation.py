"""Key derivation: HKDF-SHA256 (RFC 5869) with a domain label and bound context.

Spec: 12-key-hierarchy.md
"""

import hmac

from billfold_protocol.crypto.domains import Domain
from billfold_protocol.crypto.hashing import frame

KEY_SIZE = 32
"""Bytes of every symmetric key."""


def derive_key(secret: bytes, domain: Domain, *context: bytes) -> bytes:
    """Derive the 32-byte key of one purpose from a uniformly random secret of at least 32 bytes.

    HKDF with an empty salt: extract, then the first block of expand (RFC 5869 §2.2, §2.3).
    """
    pseudorandom_key = hmac.digest(b"\0" * 32, secret, "sha256")
    return hmac.digest(pseudorandom_key, frame(domain, *context) + b"\x01", "sha256")

"""SHA-256 with a domain label and length-prefixed parts.

Spec: 11-cryptography.md
"""

import hashlib

from billfold_protocol.crypto.domains import Domain

HASH_SIZE = 32
"""Bytes of a SHA-256 digest (FIPS 180-4)."""


def frame(domain: Domain, *parts: bytes) -> bytes:
    """Join a label and parts, each after its length in 4 bytes, so that no two inputs collide."""
    pieces = [domain.prefix]
    for part in parts:
        pieces += (len(part).to_bytes(4, "big"), part)
    return b"".join(pieces)


def digest(domain: Domain, *parts: bytes) -> bytes:
    """Return the 32-byte SHA-256 of a label and parts."""
    return hashlib.sha256(frame(domain, *parts)).digest()

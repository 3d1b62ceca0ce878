"""Vectors of labels, hashes and key derivation.

Spec: 11-cryptography.md
"""

from billfold_protocol.crypto import derivation, hashing
from billfold_protocol.crypto.domains import Domain
from specs.vectors.wallets import Vector, secret

_PARTS: tuple[tuple[bytes, ...], ...] = ((), (b"",), (b"a", b"bc"), (b"ab", b"c"), (b"", b"abc"))


def build_hashing() -> list[Vector]:
    """Return the vectors of `hashing.json`: each label, and parts that only framing tells apart."""
    every_label = [(domain, (b"one", b"", bytes(300))) for domain in Domain]
    framings = [(Domain.ENTRY_BODY, parts) for parts in _PARTS]
    return [
        {
            "id": f"{domain.name.lower().replace('_', '-')}-{_name(parts)}",
            "comment": "the framed bytes and their hash",
            "label": domain.value.decode(),
            "parts": [part.hex() for part in parts],
            "expect": "ok",
            "framed": hashing.frame(domain, *parts).hex(),
            "digest": hashing.digest(domain, *parts).hex(),
        }
        for domain, parts in (*every_label, *framings)
    ]


def build_derivation() -> list[Vector]:
    """Return the vectors of `derivation.json`."""
    return [
        {
            "id": f"{domain.name.lower().replace('_', '-')}-{len(context)}",
            "comment": f"the key of one purpose, bound to {len(context)} parts of context",
            "secret": secret("derivation").hex(),
            "label": domain.value.decode(),
            "context": [part.hex() for part in context],
            "expect": "ok",
            "key": derivation.derive_key(secret("derivation"), domain, *context).hex(),
        }
        for domain in Domain
        if domain.value.startswith(b"billfold/v1/derive/")
        for context in ((), (secret("wallet id"),), (b"a", b"", bytes(100)))
    ]


def _name(parts: tuple[bytes, ...]) -> str:
    return "-".join(str(len(part)) for part in parts) or "no-parts"

"""Bytes that look random and are the same for the same seed.

Spec: 11-cryptography.md
"""

import hashlib


class SeededBytes:
    """Call it with a size to get that many bytes; each call gives the next ones."""

    def __init__(self, seed: str) -> None:
        self._seed = seed.encode()
        self._calls = 0

    def __call__(self, size: int) -> bytes:
        self._calls += 1
        return hashlib.shake_256(self._seed + b"/%d" % self._calls).digest(size)


def bytes_of(seed: str, size: int) -> bytes:
    """Return `size` bytes that belong to a seed."""
    return hashlib.shake_256(seed.encode()).digest(size)

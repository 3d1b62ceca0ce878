"""A device token that lies in memory, as a phone's keystore would keep it.

Spec: 15-feeds.md
"""

import hashlib
import hmac
from collections.abc import Callable


class MemoryToken:
    """A `DeviceTokenStore`; a new one is a device on which the wallet was never opened."""

    def __init__(self) -> None:
        self.tokens: list[bytes] = []

    def copied(self) -> "MemoryToken":
        """Return what somebody has who copied everything."""
        token = MemoryToken()
        token.tokens = list(self.tokens)
        return token

    def matches(self, expected_hash: bytes) -> bool:
        return self._find(expected_hash) is not None

    def renew(self, random: Callable[[int], bytes], *, current_hash: bytes | None) -> bytes:
        current = None if current_hash is None else self._find(current_hash)
        token = random(16)
        self.tokens = [token] if current is None else [current, token]
        return hashlib.sha256(token).digest()

    def settle(self) -> None:
        self.tokens = self.tokens[-1:]

    def _find(self, expected_hash: bytes) -> bytes | None:
        for token in self.tokens:
            if hmac.compare_digest(hashlib.sha256(token).digest(), expected_hash):
                return token
        return None

"""A client's nonce that shows which statements it held already when it asked.

The nonce is a hash of a random salt and of those statements. A server that signs it has signed
after they were made: so the two are in order for anybody who is shown the salt, whatever any clock
says. To the server the nonce is random.

Spec: 15-feeds.md
"""

from collections.abc import Iterable
from dataclasses import dataclass

from billfold_protocol import codec, limits
from billfold_protocol.crypto import hashing
from billfold_protocol.crypto.domains import Domain

SALT_SIZE = 32


@dataclass(frozen=True, slots=True)
class Freshness:
    """What a client nonce was made of."""

    salt: bytes
    """32 random bytes."""

    known: tuple[bytes, ...]
    """The 32-byte hashes of the statements that were held, ascending."""

    @classmethod
    def of(cls, salt: bytes, statements: Iterable[bytes]) -> "Freshness":
        """Return what makes a nonce from the signed bytes of some statements."""
        hashes = sorted({statement_hash(raw) for raw in statements})
        return cls(salt, tuple(hashes[: limits.KNOWN_STATEMENTS_COUNT_MAX]))

    @property
    def nonce(self) -> bytes:
        """The 32 bytes that the server signs."""
        return hashing.digest(Domain.CLIENT_NONCE, self.salt, codec.encode(list(self.known)))

    def follows(self, statement: bytes) -> bool:
        """Whether what repeats the nonce was signed after a statement was."""
        return statement_hash(statement) in self.known

    def fields(self) -> list[object]:
        """Return it as it stands in a proof."""
        return [self.salt, list(self.known)]

    @classmethod
    def parse(cls, value: object) -> "Freshness":
        """Parse what `fields` made.

        Raises:
            Malformed: it is something else.
        """
        salt, known = codec.as_array(value, 2)
        items = codec.as_list(known, count_max=limits.KNOWN_STATEMENTS_COUNT_MAX)
        hashes = [codec.as_bytes(item, hashing.HASH_SIZE) for item in items]
        codec.require_ascending(hashes, "the statements that a nonce shows")
        return cls(codec.as_bytes(salt, SALT_SIZE), tuple(hashes))


def statement_hash(raw: bytes) -> bytes:
    """Return the 32-byte hash of a signed statement."""
    return hashing.digest(Domain.STATEMENT_HASH, raw)

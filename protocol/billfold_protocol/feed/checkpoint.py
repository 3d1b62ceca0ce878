"""What a server signs about what it holds.

A checkpoint and an ack are ordered by the server's arrival number `n`; two of them, signed by one
server key, prove a rollback or a false ack to anybody.

Spec: 15-feeds.md
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, unique
from typing import TypeVar

from billfold_protocol import codec, limits
from billfold_protocol.crypto import signing
from billfold_protocol.crypto.domains import Domain
from billfold_protocol.errors import Downgrade, Malformed, WrongContext
from billfold_protocol.ids import (
    ChainHead,
    EntryId,
    ServerKey,
    WalletId,
)

VERSION = 1

STATEMENT_SIZE_MAX = limits.BATCH_COUNT_MAX * 40 + 1024

T = TypeVar("T")


@unique
class Reason(Enum):
    """Why a server refuses; the client knows the cure by it."""

    STALE_EPOCH = "stale_epoch"
    STALE_CHAIN = "stale_chain"
    NOT_MEMBER = "not_member"
    REVOKED = "revoked"
    ROLE = "role"
    NOT_NEXT = "not_next"
    FORK = "fork"
    QUOTA = "quota"
    RATE = "rate"
    FULL = "full"
    UNKNOWN_WALLET = "unknown_wallet"
    REGISTRATION = "registration"
    INVALID = "invalid"
    CLOSED = "closed"
    LIMIT = "limit"
    UNKNOWN_BLOB = "unknown_blob"
    PRUNED = "pruned"
    MOVED = "moved"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A server's signed statement of what it holds of one wallet."""

    wallet_id: WalletId
    n: int
    """Arrival number of the newest entry, 0 if there is none."""

    k: int
    head: ChainHead
    time_s: int
    client_nonce: bytes | None
    """32 bytes that the client chose, which prove that the statement is fresh."""

    vector_hash: bytes | None

    def encode(self) -> bytes:
        """Return the bytes that are signed."""
        return codec.encode(
            [
                VERSION,
                self.wallet_id,
                self.n,
                self.k,
                self.head,
                self.time_s,
                self.client_nonce,
                self.vector_hash,
            ]
        )

    def sign(self, key: signing.SigningKey) -> bytes:
        """Return the signature followed by the statement."""
        return sign_statement(key, self.encode(), Domain.CHECKPOINT_SIGNATURE)

    @classmethod
    def verify(cls, raw: bytes, key: ServerKey, wallet_id: WalletId) -> "Checkpoint":
        """Check and parse a signed checkpoint.

        Raises:
            AuthFailed: the signature is not the server's.
            WrongContext: it is about another wallet.
            Malformed: it is no checkpoint.
            Downgrade: it is of another version.
        """
        fields = open_statement(raw, key, Domain.CHECKPOINT_SIGNATURE, 8, wallet_id)
        n, k, head, time_s, client_nonce, hash_ = fields
        return cls(
            wallet_id=wallet_id,
            n=codec.as_integer(n),
            k=codec.as_integer(k),
            head=ChainHead(codec.as_bytes(head, 16)),
            time_s=codec.as_integer(time_s),
            client_nonce=None if client_nonce is None else codec.as_bytes(client_nonce, 32),
            vector_hash=None if hash_ is None else codec.as_bytes(hash_, 32),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ack:
    """A server's signed promise that entries are durable."""

    wallet_id: WalletId
    ids: tuple[EntryId, ...]
    n: int
    """Arrival number of the newest entry after the commit that holds them."""

    k: int
    head: ChainHead

    def sign(self, key: signing.SigningKey) -> bytes:
        """Return the signature followed by the statement."""
        body = codec.encode([VERSION, self.wallet_id, list(self.ids), self.n, self.k, self.head])
        return sign_statement(key, body, Domain.ACK_SIGNATURE)

    @classmethod
    def verify(cls, raw: bytes, key: ServerKey, wallet_id: WalletId) -> "Ack":
        """Check and parse a signed ack.

        Raises:
            AuthFailed: the signature is not the server's.
            WrongContext: it is about another wallet.
            Malformed: it is no ack.
            Downgrade: it is of another version.
        """
        ids, n, k, head = open_statement(raw, key, Domain.ACK_SIGNATURE, 6, wallet_id)
        return cls(
            wallet_id=wallet_id,
            ids=_parse_ids(ids),
            n=codec.as_integer(n),
            k=codec.as_integer(k),
            head=ChainHead(codec.as_bytes(head, 16)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """A server's signed refusal of entries or of a membership entry."""

    wallet_id: WalletId
    ids: tuple[EntryId, ...]
    """What was refused: ids of feed entries, or the hash of one membership entry."""

    reason: Reason
    k: int
    """Index of the newest membership entry the server judged by."""

    def sign(self, key: signing.SigningKey) -> bytes:
        """Return the signature followed by the statement."""
        body = codec.encode([VERSION, self.wallet_id, list(self.ids), self.reason.value, self.k])
        return sign_statement(key, body, Domain.REJECTION_SIGNATURE)

    @classmethod
    def verify(cls, raw: bytes, key: ServerKey, wallet_id: WalletId) -> "Rejection":
        """Check and parse a signed rejection.

        Raises:
            AuthFailed: the signature is not the server's.
            WrongContext: it is about another wallet.
            Malformed: it is no rejection.
            Downgrade: it is of another version.
        """
        ids, reason, k = open_statement(raw, key, Domain.REJECTION_SIGNATURE, 5, wallet_id)
        return cls(
            wallet_id=wallet_id,
            ids=_parse_ids(ids),
            reason=parse_reason(reason),
            k=codec.as_integer(k),
        )


def parse_reason(value: object) -> Reason:
    """Parse the word that stands for a reason.

    Raises:
        Malformed: the word is unknown.
    """
    try:
        return Reason(codec.as_text(value))
    except ValueError as error:
        raise Malformed("the reason of the refusal is unknown") from error


def sign_statement(key: signing.SigningKey, body: bytes, domain: Domain) -> bytes:
    """Return the signature followed by the body."""
    return key.sign(domain, body) + body


def open_statement(
    raw: bytes,
    key: bytes,
    domain: Domain,
    length: int,
    wallet_id: WalletId,
    *,
    version: int = VERSION,
    size_max: int = STATEMENT_SIZE_MAX,
) -> list[object]:
    """Check a signed statement and return its fields after the version and the wallet id.

    Raises:
        AuthFailed: the signature is not that of the key.
        WrongContext: it is about another wallet.
        Malformed: it is none, or has another number of fields than `length`.
        Downgrade: it is of another version.
    """
    signature, body = signing.split(raw)
    signing.check_signature(key, signature, domain, body)
    fields = codec.as_array(codec.decode(body, size_max=size_max))
    if not fields or fields[0] != version or type(fields[0]) is not int:
        raise Downgrade("the statement is of a version this client does not speak")
    if codec.as_bytes(codec.as_array(fields, length)[1], 32) != wallet_id:
        raise WrongContext("the statement is about another wallet")
    return fields[2:]


def _parse_ids(value: object) -> tuple[EntryId, ...]:
    items: Sequence[object] = codec.as_list(value, count_max=limits.BATCH_COUNT_MAX)
    return tuple(EntryId(codec.as_bytes(item, 32)) for item in items)

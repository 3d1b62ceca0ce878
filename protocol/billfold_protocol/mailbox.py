"""Mailboxes as a server sees them: their addresses, what opens one, what is asked and answered.

An address is the hash of a key that only the wallet's devices hold, so nobody else can open it. The
right to send is another secret, of which a server keeps a hash. What a server answers is signed.

Spec: 26-channels.md
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum, unique

from billfold_protocol import codec, limits
from billfold_protocol.crypto import hashing
from billfold_protocol.crypto.domains import Domain
from billfold_protocol.crypto.enrolment import check_signing_key, check_wrapping_key
from billfold_protocol.crypto.signing import SigningKey, check_signature, split
from billfold_protocol.errors import Downgrade, Malformed, WrongContext
from billfold_protocol.ids import (
    MailboxAddress,
    ServerKey,
    SigningPublicKey,
    WalletId,
    WrappingPublicKey,
)

VERSION = 1
CAPABILITY_SIZE = 32
NONCE_SIZE = 32

_DEPOSIT, _ASK_CARD, _TAKE_REPLIES = 1, 2, 3
_DEPOSITED, _REFUSED, _CARD, _REPLIES = 1, 2, 3, 4


def address_of(signing_key: SigningPublicKey) -> MailboxAddress:
    """Return the address that belongs to the public signing key of a channel."""
    return MailboxAddress(hashing.digest(Domain.MAILBOX_ADDRESS, signing_key))


def capability_hash(address: MailboxAddress, capability: bytes) -> bytes:
    """Return the 32 bytes by which a server knows a sender's capability."""
    return hashing.digest(Domain.MAILBOX_CAPABILITY, address, capability)


def item_id(address: MailboxAddress, sealed: bytes) -> bytes:
    """Return the 32 bytes that name one sealed message in a mailbox."""
    return hashing.digest(Domain.MAILBOX_ITEM, address, sealed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """The person's public keys for one relationship, which the address proves."""

    signing: SigningPublicKey
    wrapping: WrappingPublicKey

    @property
    def address(self) -> MailboxAddress:
        """The mailbox of the relationship."""
        return address_of(self.signing)

    def sign(self, key: SigningKey) -> bytes:
        """Return the signature followed by the card; the key is that of `signing`."""
        body = codec.encode([VERSION, self.signing, self.wrapping])
        return key.sign(Domain.MAILBOX_CARD_SIGNATURE, body) + body

    @classmethod
    def verify(cls, raw: bytes) -> "Card":
        """Check and parse a signed card; that it has the wanted address, the caller checks.

        Raises:
            Malformed: it is no card.
            Downgrade: it is of another version.
            AuthFailed: it is not signed by its own key.
            WeakKey: one of its keys is not valid.
        """
        signature, body = split(raw)
        fields = codec.as_array(codec.decode(body, size_max=limits.MAILBOX_CARD_SIZE_MAX))
        _require_version(fields)
        _, signing_key, wrapping_key = codec.as_array(fields, 3)
        key = check_signing_key(codec.as_bytes(signing_key))
        check_signature(key, signature, Domain.MAILBOX_CARD_SIGNATURE, body)
        return cls(signing=key, wrapping=check_wrapping_key(codec.as_bytes(wrapping_key)))


def sign_opening(
    key: SigningKey, server_key: ServerKey, wallet_id: WalletId, capability: bytes
) -> bytes:
    """Return the 64 bytes that let a wallet open the mailbox of a key on one server.

    `capability` is the hash that the server is to keep.
    """
    address = address_of(key.public_key)
    return key.sign(Domain.MAILBOX_OPENING_SIGNATURE, server_key, wallet_id, address, capability)


def check_opening(
    card: Card, server_key: ServerKey, wallet_id: WalletId, capability: bytes, proof: bytes
) -> None:
    """Check that whoever opens a mailbox holds its key.

    Raises:
        AuthFailed: it was signed by another key, or for another server, wallet or capability.
    """
    parts = (server_key, wallet_id, card.address, capability)
    domain = Domain.MAILBOX_OPENING_SIGNATURE
    check_signature(card.signing, proof, domain, *parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deposit:
    """Leave one sealed message."""

    sealed: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class AskCard:
    """Ask for the person's keys, and thereby whether the channel is open."""

    nonce: bytes
    """32 random bytes that bind the answer to the question."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeReplies:
    """Take the replies after a number; those up to it need not be kept any more."""

    nonce: bytes
    """32 random bytes that bind the answer to the question."""

    after: int
    """The number of the last reply that the sender has kept, 0 for none."""


MailboxRequest = Deposit | AskCard | TakeReplies


def encode_request(request: MailboxRequest) -> bytes:
    """Return the body of a request over HTTPS."""
    match request:
        case Deposit(sealed=sealed):
            return codec.encode([VERSION, _DEPOSIT, sealed])
        case AskCard(nonce=nonce):
            return codec.encode([VERSION, _ASK_CARD, nonce])
        case TakeReplies(nonce=nonce, after=after):
            return codec.encode([VERSION, _TAKE_REPLIES, nonce, after])


def parse_request(body: bytes) -> MailboxRequest:
    """Parse the body of a request.

    Raises:
        Malformed: it is none.
        Downgrade: it is of another version.
    """
    fields = codec.as_array(codec.decode(body, size_max=limits.MAILBOX_REQUEST_SIZE_MAX))
    _require_version(fields)
    match fields[1:]:
        case [kind, sealed] if kind == _DEPOSIT and type(kind) is int:
            size_max = limits.MAILBOX_ITEM_SIZE_MAX
            return Deposit(sealed=codec.as_bytes(sealed, size_max=size_max))
        case [kind, nonce] if kind == _ASK_CARD:
            return AskCard(nonce=codec.as_bytes(nonce, NONCE_SIZE))
        case [kind, nonce, after] if kind == _TAKE_REPLIES:
            return TakeReplies(
                nonce=codec.as_bytes(nonce, NONCE_SIZE), after=codec.as_integer(after)
            )
        case _:
            raise Malformed("the request is none that may be made of a mailbox")


@unique
class Refusal(Enum):
    """Why a sender's request is refused."""

    UNKNOWN = "unknown"
    """No such mailbox, or not with this capability: one answer for both."""

    CLOSED = "closed"
    """The person has ended what this capability may send."""

    MOVED = "moved"
    """The wallet lives on another server now; ask there."""

    FULL = "full"
    """Nothing has been collected for long; try again later."""

    RATE = "rate"
    """Too much was sent within the hour."""

    STORE = "store"
    """The server could not keep it; try again later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deposited:
    """A message is durable on the server."""

    number: int
    """Its number in the mailbox, from 1."""

    time_s: int
    expires_s: int
    """When it goes if no device has collected it, in seconds since 1970."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A request was refused."""

    reason: Refusal
    home: tuple[str, ServerKey] | None = None
    """With `MOVED`: the origin and the key of the server to ask instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CardShown:
    """The person's signed card."""

    card: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Replies:
    """Replies of the person, in ascending number."""

    items: tuple[tuple[int, bytes], ...]
    """Number and sealed bytes."""

    has_more: bool


MailboxAnswer = Deposited | Refused | CardShown | Replies


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What an answer must repeat: the mailbox and the request."""

    address: MailboxAddress
    body: bytes = field(repr=False)

    @property
    def hash(self) -> bytes:
        """32 bytes."""
        return hashing.digest(Domain.MAILBOX_REQUEST, self.address, self.body)


def sign_answer(key: SigningKey, question: Question, answer: MailboxAnswer) -> bytes:
    """Return the signature followed by the answer."""
    body = codec.encode([VERSION, question.address, question.hash, *_fields(answer)])
    return key.sign(Domain.MAILBOX_ANSWER_SIGNATURE, body) + body


def verify_answer(raw: bytes, key: ServerKey, question: Question) -> MailboxAnswer:
    """Check and parse the answer to a question.

    Raises:
        AuthFailed: the signature is not the server's.
        WrongContext: it answers another question.
        Malformed: it is no answer.
        Downgrade: it is of another version.
    """
    signature, body = split(raw)
    check_signature(key, signature, Domain.MAILBOX_ANSWER_SIGNATURE, body)
    fields = codec.as_array(codec.decode(body, size_max=limits.MAILBOX_ANSWER_SIZE_MAX))
    _require_version(fields)
    if fields[1:3] != [question.address, question.hash]:
        raise WrongContext("the answer is to another question")
    return _parse_answer(fields[3:])


def _fields(answer: MailboxAnswer) -> Sequence[object]:
    match answer:
        case Deposited(number=number, time_s=time_s, expires_s=expires_s):
            return [_DEPOSITED, number, time_s, expires_s]
        case Refused(reason=reason, home=home):
            return [_REFUSED, reason.value, None if home is None else list(home)]
        case CardShown(card=card):
            return [_CARD, card]
        case Replies(items=items, has_more=has_more):
            return [_REPLIES, [list(item) for item in items], has_more]


def _parse_answer(fields: Sequence[object]) -> MailboxAnswer:
    match fields:
        case [kind, number, time_s, expires_s] if kind == _DEPOSITED and type(kind) is int:
            return Deposited(
                number=codec.as_integer(number, minimum=1),
                time_s=codec.as_integer(time_s),
                expires_s=codec.as_integer(expires_s),
            )
        case [kind, reason, home] if kind == _REFUSED:
            refusal = _parse_refusal(reason)
            if (home is not None) != (refusal is Refusal.MOVED):
                raise Malformed("a new home is named by who says that the wallet moved, only")
            return Refused(reason=refusal, home=None if home is None else _parse_home(home))
        case [kind, card] if kind == _CARD:
            size_max = limits.MAILBOX_CARD_SIZE_MAX
            return CardShown(card=codec.as_bytes(card, size_max=size_max))
        case [kind, items, has_more] if kind == _REPLIES:
            parsed = codec.as_list(items, count_max=limits.BATCH_COUNT_MAX)
            return Replies(
                items=tuple(parse_item(item) for item in parsed),
                has_more=codec.as_flag(has_more),
            )
        case _:
            raise Malformed("the answer is none that a server gives about a mailbox")


def parse_item(value: object) -> tuple[int, bytes]:
    """Parse `[number, sealed bytes]`.

    Raises:
        Malformed: it is something else.
    """
    number, sealed = codec.as_array(value, 2)
    size_max = limits.MAILBOX_ITEM_SIZE_MAX
    return codec.as_integer(number, minimum=1), codec.as_bytes(sealed, size_max=size_max)


def _parse_refusal(value: object) -> Refusal:
    try:
        return Refusal(codec.as_text(value))
    except ValueError as error:
        raise Malformed("the reason of the refusal is unknown") from error


def _parse_home(value: object) -> tuple[str, ServerKey]:
    address, key = codec.as_array(value, 2)
    origin = codec.as_text(address, size_max=limits.ADDRESS_SIZE_MAX)
    return origin, ServerKey(codec.as_bytes(key, 32))


def _require_version(fields: Sequence[object]) -> None:
    if not fields or type(fields[0]) is not int or fields[0] != VERSION:
        raise Downgrade("this is of a version of mailboxes that is not spoken here")

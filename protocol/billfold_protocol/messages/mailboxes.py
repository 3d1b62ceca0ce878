"""The messages about a wallet's own mailboxes, between its devices and its server.

    device                                  server
    list ─────────────────────────────────► the mailboxes, and how far each has come
    open, close ──────────────────────────► how the mailbox stands now
    take (after a number) ────────────────► messages; the device asks for what is left
    merged (up to a number, as of n) ─────► nothing; they go once a snapshot covers n
    reply (about something) ──────────────► which reply stands: the first, for ever

Spec: 26-channels.md
"""

from dataclasses import dataclass

from billfold_protocol import codec, limits
from billfold_protocol.errors import Malformed
from billfold_protocol.feed import Reason
from billfold_protocol.feed.checkpoint import parse_reason
from billfold_protocol.ids import MailboxAddress, WalletId

CLIENT_KINDS = range(61, 67)
SERVER_KINDS = range(28, 33)
PROOF_SIZE = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenMailbox:
    """Open the mailbox of a channel, or say again that it is open."""

    card: bytes
    """The channel's signed public keys; the address follows from them."""

    capability: bytes
    """32 bytes: the hash of what a sender must show."""

    proof: bytes
    """64 bytes: the signature of the channel's key, see `sign_opening`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseMailbox:
    """Take no more messages, for ever."""

    address: MailboxAddress


@dataclass(frozen=True, slots=True, kw_only=True)
class ListMailboxes:
    """Ask for the wallet's mailboxes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeMail:
    """Ask for messages after a number."""

    address: MailboxAddress
    after: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MergedMail:
    """Say that the wallet holds a mailbox's messages up to a number.

    They are in entries that arrived up to `n`.
    """

    address: MailboxAddress
    upto: int
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PutReply:
    """Leave a reply for the organisation, unless there is one about the same thing already."""

    address: MailboxAddress
    about: bytes
    """32 bytes: what is answered, so that it is answered once."""

    sealed: bytes


OwnerRequest = OpenMailbox | CloseMailbox | ListMailboxes | TakeMail | MergedMail | PutReply


@dataclass(frozen=True, slots=True, kw_only=True)
class MailboxState:
    """How a mailbox stands."""

    address: MailboxAddress
    is_open: bool
    last: int
    """The number of the newest message, 0 for none."""

    merged: int
    """Up to which number devices have said that they merged them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MailboxList:
    """All mailboxes of the wallet, by address."""

    mailboxes: tuple[MailboxState, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """Messages of one mailbox, in ascending number."""

    address: MailboxAddress
    items: tuple[tuple[int, int, bytes], ...]
    """Number, when it came in seconds since 1970, sealed bytes."""

    upto: int
    """All that is held up to this number has been sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyKept:
    """A reply about something is durable; it is the one with this id, whoever left it."""

    address: MailboxAddress
    about: bytes
    item: bytes
    """32 bytes: the id of the sealed bytes that stand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MailboxRefused:
    """A request about a mailbox was refused."""

    address: MailboxAddress
    about: bytes | None
    """With a reply: what it was about."""

    reason: Reason


OwnerNews = MailboxState | MailboxList | Mail | ReplyKept | MailboxRefused


@dataclass(frozen=True, slots=True, kw_only=True)
class AskMailbox:
    """A device's request about its wallet's mailboxes."""

    wallet_id: WalletId
    request: OwnerRequest

    def fields(self) -> list[object]:
        """Return the message's array."""
        match self.request:
            case OpenMailbox(card=card, capability=capability, proof=proof):
                return [61, self.wallet_id, card, capability, proof]
            case CloseMailbox(address=address):
                return [62, self.wallet_id, address]
            case ListMailboxes():
                return [63, self.wallet_id]
            case TakeMail(address=address, after=after):
                return [64, self.wallet_id, address, after]
            case MergedMail(address=address, upto=upto, n=n):
                return [65, self.wallet_id, address, upto, n]
            case PutReply(address=address, about=about, sealed=sealed):
                return [66, self.wallet_id, address, about, sealed]


@dataclass(frozen=True, slots=True, kw_only=True)
class TellMailbox:
    """What a server says about a wallet's mailboxes."""

    wallet_id: WalletId
    news: OwnerNews

    def fields(self) -> list[object]:
        """Return the message's array."""
        match self.news:
            case MailboxState() as state:
                return [28, self.wallet_id, *_state_fields(state)]
            case MailboxList(mailboxes=mailboxes):
                return [29, self.wallet_id, [_state_fields(state) for state in mailboxes]]
            case Mail(address=address, items=items, upto=upto):
                return [30, self.wallet_id, address, [list(item) for item in items], upto]
            case ReplyKept(address=address, about=about, item=item):
                return [31, self.wallet_id, address, about, item]
            case MailboxRefused(address=address, about=about, reason=reason):
                return [32, self.wallet_id, address, about, reason.value]


def parse_from_client(kind: int, wallet_id: WalletId, rest: list[object]) -> AskMailbox:
    """Parse a device's request about mailboxes.

    Raises:
        Malformed: it is something else.
    """
    return AskMailbox(wallet_id=wallet_id, request=_parse_request(kind, rest))


def parse_from_server(kind: int, wallet_id: WalletId, rest: list[object]) -> TellMailbox:
    """Parse what a server says about mailboxes.

    Raises:
        Malformed: it is something else.
    """
    return TellMailbox(wallet_id=wallet_id, news=_parse_news(kind, rest))


def _parse_request(kind: int, rest: list[object]) -> OwnerRequest:
    match kind, rest:
        case 61, [card, capability, proof]:
            return OpenMailbox(
                card=codec.as_bytes(card, size_max=limits.MAILBOX_CARD_SIZE_MAX),
                capability=codec.as_bytes(capability, 32),
                proof=codec.as_bytes(proof, PROOF_SIZE),
            )
        case 62, [address]:
            return CloseMailbox(address=_parse_address(address))
        case 63, []:
            return ListMailboxes()
        case 64, [address, after]:
            return TakeMail(address=_parse_address(address), after=codec.as_integer(after))
        case 65, [address, upto, n]:
            return MergedMail(
                address=_parse_address(address),
                upto=codec.as_integer(upto),
                n=codec.as_integer(n),
            )
        case 66, [address, about, sealed]:
            return PutReply(
                address=_parse_address(address),
                about=codec.as_bytes(about, 32),
                sealed=codec.as_bytes(sealed, size_max=limits.MAILBOX_ITEM_SIZE_MAX),
            )
        case _:
            raise Malformed("the message is not one that a client sends about a mailbox")


def _parse_news(kind: int, rest: list[object]) -> OwnerNews:
    match kind, rest:
        case 28, [address, is_open, last, merged]:
            return _parse_state([address, is_open, last, merged])
        case 29, [mailboxes]:
            listed = codec.as_list(mailboxes, count_max=limits.MAILBOXES_COUNT_MAX)
            states = tuple(_parse_state(codec.as_array(item, 4)) for item in listed)
            codec.require_ascending([state.address for state in states], "addresses")
            return MailboxList(mailboxes=states)
        case 30, [address, items, upto]:
            listed = codec.as_list(items, count_max=limits.BATCH_COUNT_MAX)
            return Mail(
                address=_parse_address(address),
                items=tuple(_parse_item(item) for item in listed),
                upto=codec.as_integer(upto),
            )
        case 31, [address, about, item]:
            return ReplyKept(
                address=_parse_address(address),
                about=codec.as_bytes(about, 32),
                item=codec.as_bytes(item, 32),
            )
        case 32, [address, about, reason]:
            return MailboxRefused(
                address=_parse_address(address),
                about=None if about is None else codec.as_bytes(about, 32),
                reason=parse_reason(reason),
            )
        case _:
            raise Malformed("the message is not one that a server sends about a mailbox")


def _state_fields(state: MailboxState) -> list[object]:
    return [state.address, state.is_open, state.last, state.merged]


def _parse_state(fields: list[object]) -> MailboxState:
    address, is_open, last, merged = fields
    return MailboxState(
        address=_parse_address(address),
        is_open=codec.as_flag(is_open),
        last=codec.as_integer(last),
        merged=codec.as_integer(merged),
    )


def _parse_item(value: object) -> tuple[int, int, bytes]:
    number, time_s, sealed = codec.as_array(value, 3)
    return (
        codec.as_integer(number, minimum=1),
        codec.as_integer(time_s),
        codec.as_bytes(sealed, size_max=limits.MAILBOX_ITEM_SIZE_MAX),
    )


def _parse_address(value: object) -> MailboxAddress:
    return MailboxAddress(codec.as_bytes(value, 32))

"""The messages a server sends.

Spec: 21-sync.md
"""

from dataclasses import dataclass

from billfold_protocol import codec, limits
from billfold_protocol.feed import Reason, Vector, parse_vector
from billfold_protocol.feed.checkpoint import STATEMENT_SIZE_MAX, parse_reason
from billfold_protocol.feed.vector import encode_vector
from billfold_protocol.ids import DeviceId, InstanceId, ServerKey, WalletId
from billfold_protocol.messages import mailboxes, moving, recovery
from billfold_protocol.messages.client import parse_raws, parse_wraps
from billfold_protocol.messages.heads import open_message, wallet_of
from billfold_protocol.messages.mailboxes import TellMailbox
from billfold_protocol.messages.moving import Vacancy
from billfold_protocol.messages.recovery import Located, LocatorKept
from billfold_protocol.messages.snapshots import (
    FromServer,
    Judged,
    SnapshotBytes,
    SnapshotHeld,
    SnapshotWanted,
    parse_from_server,
    server_fields,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """The server speaks first."""

    version: int
    nonce: bytes
    """32 random bytes that every proof on this connection covers."""

    server_key: ServerKey
    instance: InstanceId


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscribed:
    """The subscription stands; the chain's new entries and the log's follow."""

    wallet_id: WalletId
    checkpoint: bytes
    """A signed `Checkpoint` with the client's nonce and the vector's hash."""

    entries_count: int
    """At most this many entries follow before `CaughtUp`, for showing progress."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Members:
    """Membership entries, in order from index `k`."""

    wallet_id: WalletId
    k: int
    entries: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wraps:
    """Wrapped epoch keys for this device."""

    wallet_id: WalletId
    wraps: tuple[tuple[int, DeviceId, bytes], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entries:
    """Feed entries in order of arrival."""

    wallet_id: WalletId
    n: int
    """Arrival number up to which the log has been sent, or 0 in answer to `Fetch`."""

    entries: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CaughtUp:
    """All that was stored when the subscription began has been sent; what follows is live."""

    wallet_id: WalletId
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """Entries are durable: a signed `Ack`."""

    wallet_id: WalletId
    ack: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """Entries or a membership entry were refused: a signed `Rejection`."""

    wallet_id: WalletId
    rejection: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Appended:
    """A membership entry is durable: a signed `Checkpoint`."""

    wallet_id: WalletId
    checkpoint: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """The wallet's chain is durable here; subscribe next."""

    wallet_id: WalletId


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """The server's vector, in answer to `Compare`; what the client lacks follows."""

    wallet_id: WalletId
    vector: Vector


@dataclass(frozen=True, slots=True, kw_only=True)
class HeardBeacon:
    """Another device's signed beacon."""

    wallet_id: WalletId
    beacon: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """The subscription, or the request for one, ends; the connection stays."""

    wallet_id: WalletId
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerState:
    """What the server holds, in answer to `AskState`."""

    wallet_id: WalletId
    checkpoint: bytes
    """A signed `Checkpoint` with the client's nonce and the hash of the vector."""

    vector: Vector


ServerMessage = (
    Challenge
    | Subscribed
    | Members
    | Wraps
    | Entries
    | CaughtUp
    | Pushed
    | Rejected
    | Appended
    | Registered
    | Difference
    | HeardBeacon
    | Ended
    | ServerState
    | FromServer
    | LocatorKept
    | Located
    | TellMailbox
    | Vacancy
)


def encode_server_message(message: ServerMessage) -> bytes:
    """Return the bytes of one WebSocket message."""
    match message:
        case Challenge():
            fields: list[object] = [
                1,
                message.version,
                message.nonce,
                message.server_key,
                message.instance,
            ]
        case Subscribed():
            fields = [2, message.wallet_id, message.checkpoint, message.entries_count]
        case Members():
            fields = [3, message.wallet_id, message.k, list(message.entries)]
        case Wraps():
            fields = [4, message.wallet_id, [list(wrap) for wrap in message.wraps]]
        case Entries():
            fields = [5, message.wallet_id, message.n, list(message.entries)]
        case CaughtUp():
            fields = [6, message.wallet_id, message.n]
        case Pushed():
            fields = [7, message.wallet_id, message.ack]
        case Rejected():
            fields = [8, message.wallet_id, message.rejection]
        case Appended():
            fields = [9, message.wallet_id, message.checkpoint]
        case Registered():
            fields = [10, message.wallet_id]
        case Difference():
            fields = [11, message.wallet_id, encode_vector(message.vector)]
        case HeardBeacon():
            fields = [12, message.wallet_id, message.beacon]
        case Ended():
            fields = [13, message.wallet_id, message.reason.value]
        case ServerState():
            vector = encode_vector(message.vector)
            fields = [26, message.wallet_id, message.checkpoint, vector]
        case LocatorKept() | Located() | TellMailbox() | Vacancy():
            fields = message.fields()
        case SnapshotHeld() | SnapshotBytes() | SnapshotWanted() | Judged():
            fields = server_fields(message)
    return codec.encode(fields)


def parse_server_message(data: bytes) -> ServerMessage:
    """Parse one WebSocket message from a server.

    Raises:
        Malformed: it is not a message that a server sends.
    """
    kind, fields = open_message(data)
    if kind == 1:
        _, version, nonce, server_key, instance = codec.as_array(fields, 5)
        return Challenge(
            version=codec.as_integer(version, maximum=255),
            nonce=codec.as_bytes(nonce, 32),
            server_key=ServerKey(codec.as_bytes(server_key, 32)),
            instance=InstanceId(codec.as_bytes(instance, 16)),
        )
    if kind in {recovery.LOCATOR_KEPT, recovery.LOCATED}:
        return recovery.parse_from_server(fields)
    if kind == moving.VACANCY:
        return moving.parse_vacancy(fields)
    wallet_id = wallet_of(fields)
    if kind in mailboxes.SERVER_KINDS:
        return mailboxes.parse_from_server(kind, wallet_id, fields[2:])
    return _parse_about_wallet(kind, wallet_id, fields[2:])


def _parse_about_wallet(kind: int, wallet_id: WalletId, rest: list[object]) -> ServerMessage:
    match kind, rest:
        case 2, [checkpoint, entries_count]:
            return Subscribed(
                wallet_id=wallet_id,
                checkpoint=_parse_statement(checkpoint),
                entries_count=codec.as_integer(entries_count),
            )
        case 3, [k, entries]:
            return Members(
                wallet_id=wallet_id,
                k=codec.as_integer(k, maximum=limits.CHAIN_LENGTH_MAX),
                entries=parse_raws(entries),
            )
        case 4, [wraps]:
            return Wraps(wallet_id=wallet_id, wraps=parse_wraps(wraps))
        case 5, [n, entries]:
            return Entries(wallet_id=wallet_id, n=codec.as_integer(n), entries=parse_raws(entries))
        case 6, [n]:
            return CaughtUp(wallet_id=wallet_id, n=codec.as_integer(n))
        case 7, [ack]:
            return Pushed(wallet_id=wallet_id, ack=_parse_statement(ack))
        case 8, [rejection]:
            return Rejected(wallet_id=wallet_id, rejection=_parse_statement(rejection))
        case 9, [checkpoint]:
            return Appended(wallet_id=wallet_id, checkpoint=_parse_statement(checkpoint))
        case 10, []:
            return Registered(wallet_id=wallet_id)
        case 11, [vector]:
            return Difference(wallet_id=wallet_id, vector=parse_vector(vector))
        case 12, [beacon]:
            return HeardBeacon(
                wallet_id=wallet_id, beacon=codec.as_bytes(beacon, size_max=limits.BEACON_SIZE_MAX)
            )
        case 13, [reason]:
            return Ended(wallet_id=wallet_id, reason=parse_reason(reason))
        case 26, [checkpoint, vector]:
            return ServerState(
                wallet_id=wallet_id,
                checkpoint=_parse_statement(checkpoint),
                vector=parse_vector(vector),
            )
        case _:
            return parse_from_server(kind, wallet_id, rest)


def _parse_statement(value: object) -> bytes:
    return codec.as_bytes(value, size_max=STATEMENT_SIZE_MAX)

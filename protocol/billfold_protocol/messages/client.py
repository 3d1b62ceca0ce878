"""The messages a client sends.

Spec: 21-sync.md
"""

from dataclasses import dataclass

from billfold_protocol import codec, limits
from billfold_protocol.feed import Vector, parse_vector
from billfold_protocol.feed.beacon import CHECKPOINT_SIZE_MAX
from billfold_protocol.feed.vector import encode_vector
from billfold_protocol.ids import ChainHead, DeviceId, FeedId, InstanceId, WalletId
from billfold_protocol.messages import mailboxes, moving, recovery
from billfold_protocol.messages.heads import open_message, wallet_of
from billfold_protocol.messages.mailboxes import AskMailbox
from billfold_protocol.messages.moving import Inquire
from billfold_protocol.messages.recovery import Locate, PutLocator
from billfold_protocol.messages.snapshots import (
    FromClient,
    Judge,
    OfferSnapshot,
    SnapshotPart,
    WantSnapshot,
    Wish,
    client_fields,
    parse_from_client,
    parse_wish,
)

PROOF_SIZE = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """How far this device has read one server's log of a wallet."""

    instance: InstanceId
    n: int
    """Arrival number of the last entry that was read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscribe:
    """Ask for a wallet's membership chain and entries, now and as they come."""

    wallet_id: WalletId
    device: DeviceId
    client_nonce: bytes
    """32 random bytes that the server's checkpoint must repeat."""

    k: int
    """Index of the newest membership entry this device holds, or -1."""

    head: ChainHead
    """Its hash's first 16 bytes; zeros with -1."""

    cursor: Cursor | None
    vector: Vector | None
    """What this device holds, when it has no cursor of this server."""

    wish: Wish | None = None
    """Whether it would rather begin with a snapshot."""

    proof: bytes = b""
    """64 bytes: the device's signature, see `signed_fields`."""

    def signed_fields(self) -> bytes:
        """Return the fields that the proof covers beside nonce, server key and origin."""
        return codec.encode(self.fields())

    def fields(self) -> list[object]:
        """Return everything but the proof, in the order of the message."""
        return [
            self.wallet_id,
            self.device,
            self.client_nonce,
            self.k,
            self.head,
            None if self.cursor is None else [self.cursor.instance, self.cursor.n],
            None if self.vector is None else encode_vector(self.vector),
            None if self.wish is None else self.wish.encode(),
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Register:
    """Bring a wallet's whole membership chain to a server that does not have it."""

    wallet_id: WalletId
    device: DeviceId
    members: tuple[bytes, ...]
    wraps: tuple[tuple[int, DeviceId, bytes], ...]
    """Index of the membership entry that lists the wrap, its recipient, the wrap."""

    token: str | None
    """What the operator gave to people who may register, if the server asks for one."""

    proof: bytes = b""

    def signed_fields(self) -> bytes:
        """Return the fields that the proof covers beside nonce, server key and origin."""
        return codec.encode(self.fields())

    def fields(self) -> list[object]:
        """Return everything but the proof, in the order of the message."""
        return [
            self.wallet_id,
            self.device,
            list(self.members),
            [list(wrap) for wrap in self.wraps],
            self.token,
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Append:
    """Append one membership entry onto the current one."""

    wallet_id: WalletId
    entry: bytes
    wraps: tuple[tuple[int, DeviceId, bytes], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """Bring this device's own new entries, in the order of its feed."""

    wallet_id: WalletId
    entries: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """Bring entries of any device that the server lacks."""

    wallet_id: WalletId
    entries: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Compare:
    """Ask for the server's vector and for every entry that this one lacks."""

    wallet_id: WalletId
    vector: Vector


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetch:
    """Ask for entries of one feed from a sequence number on."""

    wallet_id: WalletId
    feed: FeedId
    from_seq: int
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SendBeacon:
    """Leave a signed beacon for the wallet's other devices."""

    wallet_id: WalletId
    beacon: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class AskState:
    """Ask what the server holds now, signed."""

    wallet_id: WalletId
    client_nonce: bytes
    """32 bytes that the server's checkpoint must repeat."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remind:
    """Show the server what it has signed, so that what it lost may come back at any rate."""

    wallet_id: WalletId
    checkpoint: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterPart:
    """Bring the beginning of a chain that is too long for one `Register`, in order."""

    wallet_id: WalletId
    members: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsubscribe:
    """End a subscription; the connection stays."""

    wallet_id: WalletId


ClientMessage = (
    Subscribe
    | Register
    | Append
    | Push
    | Offer
    | Compare
    | Fetch
    | SendBeacon
    | Unsubscribe
    | AskState
    | Remind
    | RegisterPart
    | FromClient
    | PutLocator
    | Locate
    | AskMailbox
    | Inquire
)


def encode_client_message(message: ClientMessage) -> bytes:
    """Return the bytes of one WebSocket message."""
    match message:
        case Subscribe():
            fields = [32, *message.fields(), message.proof]
        case Register():
            fields = [33, *message.fields(), message.proof]
        case Append():
            wraps = [list(wrap) for wrap in message.wraps]
            fields = [34, message.wallet_id, message.entry, wraps]
        case Push():
            fields = [35, message.wallet_id, list(message.entries)]
        case Offer():
            fields = [36, message.wallet_id, list(message.entries)]
        case Compare():
            fields = [37, message.wallet_id, encode_vector(message.vector)]
        case Fetch():
            fields = [38, message.wallet_id, message.feed, message.from_seq, message.count]
        case SendBeacon():
            fields = [39, message.wallet_id, message.beacon]
        case Unsubscribe():
            fields = [40, message.wallet_id]
        case AskState():
            fields = [57, message.wallet_id, message.client_nonce]
        case Remind():
            fields = [58, message.wallet_id, message.checkpoint]
        case RegisterPart():
            fields = [59, message.wallet_id, list(message.members)]
        case PutLocator() | Locate() | AskMailbox() | Inquire():
            fields = message.fields()
        case Remind():
            fields = [58, message.wallet_id, message.checkpoint]
        case RegisterPart():
            fields = [59, message.wallet_id, list(message.members)]
        case OfferSnapshot() | SnapshotPart() | Judge() | WantSnapshot():
            fields = client_fields(message)
    return codec.encode(fields)


def parse_client_message(data: bytes) -> ClientMessage:
    """Parse one WebSocket message from a client.

    Raises:
        Malformed: it is not a message that a client sends.
    """
    kind, fields = open_message(data)
    rest = fields[2:]
    if kind in {recovery.PUT_LOCATOR, recovery.LOCATE}:
        return recovery.parse_from_client(fields)
    if kind == moving.INQUIRE:
        return moving.parse_inquire(fields)
    wallet_id = wallet_of(fields)
    if kind in mailboxes.CLIENT_KINDS:
        return mailboxes.parse_from_client(kind, wallet_id, rest)
    return _parse_about_wallet(kind, wallet_id, rest)


def _parse_about_wallet(kind: int, wallet_id: WalletId, rest: list[object]) -> ClientMessage:
    match kind, rest:
        case 32, [device, client_nonce, k, head, cursor, vector, wish, proof]:
            return Subscribe(
                wallet_id=wallet_id,
                device=DeviceId(codec.as_bytes(device, 16)),
                client_nonce=codec.as_bytes(client_nonce, 32),
                k=codec.as_integer(k, minimum=-1, maximum=limits.CHAIN_LENGTH_MAX),
                head=ChainHead(codec.as_bytes(head, 16)),
                cursor=None if cursor is None else _parse_cursor(cursor),
                vector=None if vector is None else parse_vector(vector),
                wish=None if wish is None else parse_wish(wish),
                proof=codec.as_bytes(proof, PROOF_SIZE),
            )
        case 33, [device, members, wraps, token, proof]:
            return Register(
                wallet_id=wallet_id,
                device=DeviceId(codec.as_bytes(device, 16)),
                members=parse_raws(members, count_max=limits.CHAIN_LENGTH_MAX),
                wraps=parse_wraps(wraps),
                token=None if token is None else codec.as_text(token),
                proof=codec.as_bytes(proof, PROOF_SIZE),
            )
        case 34, [entry, wraps]:
            return Append(
                wallet_id=wallet_id, entry=codec.as_bytes(entry), wraps=parse_wraps(wraps)
            )
        case 35, [entries]:
            return Push(wallet_id=wallet_id, entries=parse_raws(entries))
        case 36, [entries]:
            return Offer(wallet_id=wallet_id, entries=parse_raws(entries))
        case 37, [vector]:
            return Compare(wallet_id=wallet_id, vector=parse_vector(vector))
        case 38, [feed, from_seq, count]:
            return Fetch(
                wallet_id=wallet_id,
                feed=FeedId(codec.as_bytes(feed, 16)),
                from_seq=codec.as_integer(from_seq),
                count=codec.as_integer(count, minimum=1, maximum=limits.BATCH_COUNT_MAX),
            )
        case 39, [beacon]:
            return SendBeacon(
                wallet_id=wallet_id, beacon=codec.as_bytes(beacon, size_max=limits.BEACON_SIZE_MAX)
            )
        case 40, []:
            return Unsubscribe(wallet_id=wallet_id)
        case _:
            return _parse_about_evidence(kind, wallet_id, rest)


def _parse_about_evidence(kind: int, wallet_id: WalletId, rest: list[object]) -> ClientMessage:
    match kind, rest:
        case 57, [client_nonce]:
            return AskState(wallet_id=wallet_id, client_nonce=codec.as_bytes(client_nonce, 32))
        case 58, [checkpoint]:
            return Remind(
                wallet_id=wallet_id,
                checkpoint=codec.as_bytes(checkpoint, size_max=CHECKPOINT_SIZE_MAX),
            )
        case 59, [members]:
            return RegisterPart(wallet_id=wallet_id, members=parse_raws(members))
        case _:
            return parse_from_client(kind, wallet_id, rest)


def parse_raws(value: object, *, count_max: int = limits.BATCH_COUNT_MAX) -> tuple[bytes, ...]:
    """Parse an array of signed records.

    Raises:
        Malformed: it is something else or too long.
    """
    return tuple(codec.as_bytes(item) for item in codec.as_list(value, count_max=count_max))


def parse_wraps(value: object) -> tuple[tuple[int, DeviceId, bytes], ...]:
    """Parse an array of `[k, recipient, wrap]`.

    Raises:
        Malformed: it is something else or too long.
    """
    wraps = []
    for item in codec.as_list(value, count_max=limits.MEMBERS_COUNT_MAX):
        k, device, wrapped = codec.as_array(item, 3)
        wraps.append(
            (
                codec.as_integer(k, maximum=limits.CHAIN_LENGTH_MAX),
                DeviceId(codec.as_bytes(device, 16)),
                codec.as_bytes(wrapped, size_max=limits.WRAP_SIZE_MAX),
            )
        )
    return tuple(wraps)


def _parse_cursor(value: object) -> Cursor:
    instance, n = codec.as_array(value, 2)
    return Cursor(instance=InstanceId(codec.as_bytes(instance, 16)), n=codec.as_integer(n))

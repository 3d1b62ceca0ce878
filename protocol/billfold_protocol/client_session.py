"""The client's end of one connection: a state machine over messages, with no I/O.

    connection   WAITING ──challenge──► READY ──► CLOSED

    wallet       NONE ──subscribe──► ASKED ──subscribed──► CATCHING_UP ──caught up──► LIVE
                  ▲                    │                        │                      │
                  └──────ended─────────┴────────ended───────────┴────────ended─────────┘

Every statement of the server is verified here, with the key its challenge named: a checkpoint
must repeat this subscription's nonce, acks and rejections must be signed.

Spec: 20-handshake.md
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum, unique

from billfold_protocol import limits
from billfold_protocol.crypto.domains import Domain
from billfold_protocol.crypto.signing import SigningKey
from billfold_protocol.errors import (
    CommitMismatch,
    Downgrade,
    LocalProtocolError,
    RemoteProtocolError,
    ServerIdentity,
    StaleServer,
)
from billfold_protocol.feed import Ack, Checkpoint, Rejection, Vector, vector_hash
from billfold_protocol.ids import EntryId, InstanceId, ServerKey, WalletId
from billfold_protocol.messages import (
    PROTOCOL_VERSION,
    Appended,
    AskState,
    CaughtUp,
    Challenge,
    ClientMessage,
    Cursor,
    Difference,
    Ended,
    Entries,
    FromServer,
    HeardBeacon,
    Judged,
    Locate,
    Located,
    LocatorKept,
    Members,
    Push,
    Pushed,
    Register,
    Registered,
    Rejected,
    ServerMessage,
    ServerState,
    SnapshotBytes,
    SnapshotHeld,
    SnapshotWanted,
    Subscribe,
    Subscribed,
    TellMailbox,
    Unsubscribe,
    Vacancy,
    Wraps,
    encode_client_message,
    parse_server_message,
    proof_parts,
)


@unique
class WalletPhase(Enum):
    """Where one wallet stands on this connection."""

    ASKED = "asked"
    CATCHING_UP = "catching up"
    LIVE = "live"


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """The server has spoken; subscribe now."""

    server_key: ServerKey
    instance: InstanceId


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The subscription stands, by this fresh checkpoint."""

    wallet_id: WalletId
    checkpoint: Checkpoint
    checkpoint_raw: bytes
    entries_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Acked:
    """Own entries are durable on the server."""

    wallet_id: WalletId
    ack: Ack
    ack_raw: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Own entries, or a membership entry, were refused."""

    wallet_id: WalletId
    rejection: Rejection


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainGrew:
    """An own membership entry is durable on the server."""

    wallet_id: WalletId
    checkpoint: Checkpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class StateShown:
    """The server has described, and signed, what it holds."""

    wallet_id: WalletId
    checkpoint: Checkpoint
    checkpoint_raw: bytes
    vector: Vector


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """Something came that was on its way when the wallet was unsubscribed from; ignore it."""

    wallet_id: WalletId


Event = (
    Opened
    | Accepted
    | Acked
    | Refused
    | ChainGrew
    | StateShown
    | Members
    | Wraps
    | Entries
    | CaughtUp
    | Registered
    | Difference
    | HeardBeacon
    | Ended
    | LocatorKept
    | Located
    | Left
    | FromServer
    | TellMailbox
)


class ClientSession:
    """One connection, seen from the client."""

    def __init__(self, *, origin: str) -> None:
        """Begin.

        Args:
            origin: the http(s) origin that was dialled; proofs are bound to it.
        """
        self._origin = origin
        self._challenge: Challenge | None = None
        self._phases: dict[WalletId, WalletPhase] = {}
        self._nonces: dict[WalletId, deque[bytes]] = {}
        """The nonces that the next checkpoints must repeat, in order."""

        self._in_flight: dict[WalletId, dict[EntryId, int]] = {}
        self._left: set[WalletId] = set()
        self._locators: set[bytes] = set()

    @property
    def challenge(self) -> Challenge:
        """What the server said first.

        Raises:
            LocalProtocolError: it has not spoken yet.
        """
        if self._challenge is None:
            raise LocalProtocolError("the server has not spoken yet")
        return self._challenge

    def is_live(self, wallet_id: WalletId) -> bool:
        """Whether everything stored has been received and new entries come at once."""
        return self._phases.get(wallet_id) is WalletPhase.LIVE

    def is_subscribed(self, wallet_id: WalletId) -> bool:
        """Whether the server takes messages about the wallet."""
        return self._phases.get(wallet_id) in {WalletPhase.CATCHING_UP, WalletPhase.LIVE}

    def receive(self, data: bytes) -> Event:
        """Return the event in one WebSocket frame, with its signatures checked.

        Raises:
            Malformed: it is no server message.
            RemoteProtocolError: it may not come now.
            VerificationError: a statement is not the server's, not about this wallet or not fresh.
        """
        message = parse_server_message(data)
        if isinstance(message, Challenge):
            return self._open(message)
        if isinstance(message, Located):
            return self._located(message)
        phase = self._phases.get(message.wallet_id)
        if phase is None and message.wallet_id in self._left:
            return Left(wallet_id=message.wallet_id)
        if phase is None:
            raise RemoteProtocolError("the server speaks of a wallet it was not asked for")
        if phase is WalletPhase.ASKED and not isinstance(message, Subscribed | Registered | Ended):
            # Without `subscribed` there is no fresh checkpoint to hold the rest against.
            raise RemoteProtocolError("the server sends entries before it answers the question")
        return self._about_wallet(message)

    def subscribe(
        self, message: Subscribe, key: SigningKey, *, pinned_key: ServerKey | None
    ) -> bytes:
        """Ask for a wallet; the proof is added here.

        Raises:
            ServerIdentity: the server's key is not the one that the wallet pins.
            LocalProtocolError: the wallet is subscribed to already.
        """
        self._ask(message.wallet_id, pinned_key)
        self._nonces[message.wallet_id] = deque([message.client_nonce])
        proof = key.sign(
            Domain.SUBSCRIBE_SIGNATURE, *proof_parts(self.challenge, self._origin, message)
        )
        return encode_client_message(replace(message, proof=proof))

    def register(
        self, message: Register, key: SigningKey, *, pinned_key: ServerKey | None
    ) -> bytes:
        """Bring a wallet's chain; the proof is added here.

        Raises:
            ServerIdentity: the server's key is not the one that the wallet pins.
            LocalProtocolError: the wallet is subscribed to already.
        """
        self._ask(message.wallet_id, pinned_key)
        proof = key.sign(
            Domain.REGISTER_SIGNATURE, *proof_parts(self.challenge, self._origin, message)
        )
        return encode_client_message(replace(message, proof=proof))

    def locate(self, locator: bytes) -> bytes:
        """Ask for the pin under a locator."""
        self._locators.add(locator)
        return encode_client_message(Locate(locator=locator))

    def push_room(self, wallet_id: WalletId) -> int:
        """Return how many bytes of entries may be pushed now."""
        return limits.PUSH_CREDIT_SIZE - sum(self._in_flight.get(wallet_id, {}).values())

    def push(self, wallet_id: WalletId, entries: Sequence[tuple[EntryId, bytes]]) -> bytes:
        """Bring own entries, within the credit.

        Raises:
            LocalProtocolError: the wallet is not subscribed to, or the credit does not allow it.
        """
        if self._phases.get(wallet_id) in {None, WalletPhase.ASKED}:
            raise LocalProtocolError("the wallet is not subscribed to")
        if sum(len(raw) for _, raw in entries) > self.push_room(wallet_id):
            raise LocalProtocolError("more entries are in flight than the credit allows")
        in_flight = self._in_flight.setdefault(wallet_id, {})
        in_flight.update((entry_id, len(raw)) for entry_id, raw in entries)
        message = Push(wallet_id=wallet_id, entries=tuple(raw for _, raw in entries))
        return encode_client_message(message)

    def ask_state(self, wallet_id: WalletId, client_nonce: bytes) -> bytes:
        """Ask what the server holds now.

        Raises:
            LocalProtocolError: the wallet is not subscribed to.
        """
        if self._phases.get(wallet_id) in {None, WalletPhase.ASKED}:
            raise LocalProtocolError("the wallet is not subscribed to")
        self._nonces.setdefault(wallet_id, deque()).append(client_nonce)
        return encode_client_message(AskState(wallet_id=wallet_id, client_nonce=client_nonce))

    def unsubscribe(self, wallet_id: WalletId) -> bytes:
        """End a subscription; the wallet may be subscribed to again on another connection."""
        self._phases.pop(wallet_id, None)
        self._in_flight.pop(wallet_id, None)
        self._left.add(wallet_id)
        return encode_client_message(Unsubscribe(wallet_id=wallet_id))

    def send(self, message: ClientMessage) -> bytes:
        """Return the bytes of a message that needs no proof and no credit.

        Raises:
            LocalProtocolError: the message does.
        """
        if isinstance(message, Subscribe | Register | Push | Unsubscribe | AskState | Locate):
            raise LocalProtocolError("this message has a method of its own")
        return encode_client_message(message)

    def cursor(self, n: int) -> Cursor:
        """Return the cursor for an arrival number of this server."""
        return Cursor(instance=self.challenge.instance, n=n)

    def _open(self, challenge: Challenge) -> Opened:
        if self._challenge is not None:
            raise RemoteProtocolError("the server opened the connection twice")
        if challenge.version != PROTOCOL_VERSION:
            raise Downgrade("the server speaks another version of the protocol")
        self._challenge = challenge
        return Opened(server_key=challenge.server_key, instance=challenge.instance)

    def _located(self, located: Located) -> Located:
        if located.locator not in self._locators:
            raise RemoteProtocolError("the server answers what it was not asked")
        self._locators.remove(located.locator)
        return located

    def _ask(self, wallet_id: WalletId, pinned_key: ServerKey | None) -> None:
        if pinned_key is not None and self.challenge.server_key != pinned_key:
            raise ServerIdentity("the server's key is not the one that the wallet pins")
        if wallet_id in self._phases or wallet_id in self._left:
            raise LocalProtocolError("the wallet was subscribed to on this connection already")
        self._phases[wallet_id] = WalletPhase.ASKED

    def _about_wallet(self, message: ServerMessage) -> Event:
        server_key = self.challenge.server_key
        match message:
            case Subscribed(wallet_id=wallet_id, checkpoint=raw):
                checkpoint = self._fresh_checkpoint(wallet_id, raw)
                self._phases[wallet_id] = WalletPhase.CATCHING_UP
                return Accepted(
                    wallet_id=wallet_id,
                    checkpoint=checkpoint,
                    checkpoint_raw=raw,
                    entries_count=message.entries_count,
                )
            case CaughtUp(wallet_id=wallet_id):
                self._phases[wallet_id] = WalletPhase.LIVE
                return message
            case Pushed(wallet_id=wallet_id, ack=raw):
                ack = Ack.verify(raw, server_key, wallet_id)
                self._give_back(wallet_id, ack.ids)
                return Acked(wallet_id=wallet_id, ack=ack, ack_raw=raw)
            case Rejected(wallet_id=wallet_id, rejection=raw):
                rejection = Rejection.verify(raw, server_key, wallet_id)
                self._give_back(wallet_id, rejection.ids)
                return Refused(wallet_id=wallet_id, rejection=rejection)
            case Appended(wallet_id=wallet_id, checkpoint=raw):
                checkpoint = Checkpoint.verify(raw, server_key, wallet_id)
                return ChainGrew(wallet_id=wallet_id, checkpoint=checkpoint)
            case ServerState(wallet_id=wallet_id, checkpoint=raw, vector=vector):
                checkpoint = self._fresh_checkpoint(wallet_id, raw)
                if checkpoint.vector_hash != vector_hash(vector):
                    raise CommitMismatch("the server's heads are not those that it signed")
                return StateShown(
                    wallet_id=wallet_id, checkpoint=checkpoint, checkpoint_raw=raw, vector=vector
                )
            case Registered(wallet_id=wallet_id) | Ended(wallet_id=wallet_id):
                self._phases.pop(wallet_id)
                self._in_flight.pop(wallet_id, None)
                self._nonces.pop(wallet_id, None)
                return message
            case Challenge() | Located() | Vacancy():
                raise RemoteProtocolError("the message is about no wallet")
            case (
                Members()
                | Wraps()
                | Entries()
                | Difference()
                | HeardBeacon()
                | SnapshotHeld()
                | SnapshotBytes()
                | SnapshotWanted()
                | Judged()
                | LocatorKept()
                | TellMailbox()
            ):
                return message

    def _fresh_checkpoint(self, wallet_id: WalletId, raw: bytes) -> Checkpoint:
        checkpoint = Checkpoint.verify(raw, self.challenge.server_key, wallet_id)
        nonces = self._nonces.get(wallet_id)
        if not nonces or checkpoint.client_nonce != nonces.popleft():
            raise StaleServer("the server's checkpoint is not fresh")
        return checkpoint

    def _give_back(self, wallet_id: WalletId, ids: Sequence[EntryId]) -> None:
        in_flight = self._in_flight.get(wallet_id, {})
        for entry_id in ids:
            in_flight.pop(entry_id, None)

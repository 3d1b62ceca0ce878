"""The server's end of one connection: a state machine over messages, with no I/O.

    connection   OPEN ──► CLOSED

    wallet       NONE ──subscribe──► ASKED ──accept──► SUBSCRIBED ──unsubscribe, end──► NONE
                  │                    └────refuse────► NONE
                  └──register──► ASKED ──answer──► NONE

Only a subscribed wallet takes `Append, Push, Offer, Compare, Fetch, SendBeacon, AskState,
PutLocator` and what is about snapshots; `Locate` is about no wallet, `Inquire` about one that need
not be here, and both may come at any time. What breaks this is a `RemoteProtocolError`; the caller
closes the connection with its code.

Spec: 20-handshake.md
"""

from collections.abc import Collection
from enum import Enum, unique

from billfold_protocol import limits
from billfold_protocol.crypto import signing
from billfold_protocol.crypto.domains import Domain
from billfold_protocol.errors import AuthFailed, RemoteProtocolError
from billfold_protocol.ids import InstanceId, ServerKey, SigningPublicKey, WalletId
from billfold_protocol.messages import (
    PROTOCOL_VERSION,
    Challenge,
    ClientMessage,
    Inquire,
    Locate,
    Push,
    Register,
    RegisterPart,
    ServerMessage,
    Subscribe,
    Unsubscribe,
    encode_server_message,
    parse_client_message,
    proof_parts,
)

CLOSE_POLICY = 1008
"""RFC 6455 §7.4.1: the peer broke a rule that is not the WebSocket protocol's."""


@unique
class WalletPhase(Enum):
    """Where one wallet stands on this connection."""

    ASKED = "asked"
    SUBSCRIBED = "subscribed"


class ServerSession:
    """One connection, seen from the server."""

    def __init__(
        self,
        *,
        server_key: ServerKey,
        instance: InstanceId,
        nonce: bytes,
        origins: Collection[str],
    ) -> None:
        """Begin.

        Args:
            server_key: the server's public key.
            instance: the id of the server's store.
            nonce: 32 fresh random bytes.
            origins: the http(s) origins under which clients reach this server.
        """
        self._challenge = Challenge(
            version=PROTOCOL_VERSION, nonce=nonce, server_key=server_key, instance=instance
        )
        self._origins = tuple(origins)
        self._phases: dict[WalletId, WalletPhase] = {}
        self._uncommitted: dict[WalletId, int] = {}
        self._ended: set[WalletId] = set()

    def challenge(self) -> bytes:
        """Return the message that opens the connection."""
        return encode_server_message(self._challenge)

    def receive(self, data: bytes) -> ClientMessage | None:
        """Return the message in one WebSocket frame, if it may come now.

        None if its wallet's subscription was ended from here while the message was on its way.

        Raises:
            Malformed: it is no client message.
            RemoteProtocolError: it may not come now, or exceeds what may be in flight.
        """
        message = parse_client_message(data)
        if isinstance(message, Locate | Inquire):
            return message
        phase = self._phases.get(message.wallet_id)
        match message:
            case Subscribe() | Register():
                if phase is not None:
                    raise RemoteProtocolError(
                        "the wallet is subscribed to on this connection already",
                        close_code=CLOSE_POLICY,
                    )
                if len(self._phases) >= limits.SUBSCRIPTIONS_COUNT_MAX:
                    raise RemoteProtocolError(
                        "too many wallets on one connection", close_code=CLOSE_POLICY
                    )
                self._phases[message.wallet_id] = WalletPhase.ASKED
                self._ended.discard(message.wallet_id)
            case RegisterPart():
                if phase is not None:
                    raise RemoteProtocolError(
                        "the wallet is subscribed to on this connection already",
                        close_code=CLOSE_POLICY,
                    )
            case Unsubscribe():
                self.end(message.wallet_id)
            case _:
                if phase is None and message.wallet_id in self._ended:
                    return None
                if phase is not WalletPhase.SUBSCRIBED:
                    raise RemoteProtocolError(
                        "the wallet is not subscribed to", close_code=CLOSE_POLICY
                    )
                if isinstance(message, Push):
                    self._take_credit(message)
        return message

    def is_proven(self, message: Subscribe | Register, key: SigningPublicKey) -> bool:
        """Whether a device signed the message, for this connection to this server."""
        domain = (
            Domain.SUBSCRIBE_SIGNATURE
            if isinstance(message, Subscribe)
            else Domain.REGISTER_SIGNATURE
        )
        for origin in self._origins:
            parts = proof_parts(self._challenge, origin, message)
            try:
                signing.check_signature(key, message.proof, domain, *parts)
            except AuthFailed:
                continue
            return True
        return False

    def accept(self, wallet_id: WalletId) -> None:
        """Let the wallet's other messages come."""
        self._phases[wallet_id] = WalletPhase.SUBSCRIBED

    def end(self, wallet_id: WalletId) -> None:
        """Forget the wallet; it may be subscribed to again."""
        if self._phases.pop(wallet_id, None) is not None:
            if len(self._ended) >= limits.SUBSCRIPTIONS_COUNT_MAX:
                self._ended.clear()
            self._ended.add(wallet_id)
        self._uncommitted.pop(wallet_id, None)

    def answered(self, wallet_id: WalletId, size: int) -> None:
        """Give back the credit of pushed entries that were acked or rejected."""
        if wallet_id in self._uncommitted:
            self._uncommitted[wallet_id] -= size

    def send(self, message: ServerMessage) -> bytes:
        """Return the bytes of one WebSocket message."""
        return encode_server_message(message)

    def _take_credit(self, message: Push) -> None:
        size = sum(map(len, message.entries))
        in_flight = self._uncommitted.get(message.wallet_id, 0) + size
        if in_flight > limits.PUSH_CREDIT_SIZE:
            raise RemoteProtocolError(
                "more entries are in flight than the credit allows", close_code=CLOSE_POLICY
            )
        self._uncommitted[message.wallet_id] = in_flight

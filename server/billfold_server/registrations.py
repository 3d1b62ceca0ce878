"""The beginnings of long chains, in memory until the rest comes; bounded for all connections.

Spec: 20-handshake.md
"""

from billfold_protocol import limits
from billfold_protocol.errors import RemoteProtocolError
from billfold_protocol.ids import WalletId
from billfold_protocol.messages import RegisterPart
from billfold_protocol.server_session import CLOSE_POLICY
from billfold_server.hub import Peer

TOTAL_SIZE_MAX = 64 * 1024 * 1024
"""Bytes that wait for the rest of their chains, of all connections together."""


class RegistrationParts:
    """What each connection has brought of a wallet that it is going to register."""

    def __init__(self) -> None:
        self._parts: dict[Peer, tuple[WalletId, list[bytes]]] = {}
        self._size = 0

    def add(self, peer: Peer, message: RegisterPart) -> None:
        """Keep a part; of one wallet at a time on each connection.

        Raises:
            RemoteProtocolError: it is too much, for this connection or for all.
        """
        wallet_id, members = self._parts.get(peer, (message.wallet_id, []))
        size = sum(map(len, members)) + sum(map(len, message.members))
        count = len(members) + len(message.members)
        if (
            wallet_id != message.wallet_id
            or count > limits.CHAIN_LENGTH_MAX
            or size > limits.REGISTRATION_SIZE_MAX
            or self._size + sum(map(len, message.members)) > TOTAL_SIZE_MAX
        ):
            raise RemoteProtocolError(
                "too much is brought before a registration", close_code=CLOSE_POLICY
            )
        members.extend(message.members)
        self._size += sum(map(len, message.members))
        self._parts[peer] = (wallet_id, members)

    def take(self, peer: Peer, wallet_id: WalletId | None = None) -> list[bytes]:
        """Return, and forget, what a connection has brought of a wallet; nothing of another."""
        found_id, members = self._parts.pop(peer, (None, []))
        self._size -= sum(map(len, members))
        return members if found_id == wallet_id else []

"""What the SDK asks of a transport.

Spec: 30-server-api.md
"""

from dataclasses import dataclass
from typing import Protocol

from billfold_protocol.ids import ServerKey

SYNC_PATH = "/v1/sync"
RENDEZVOUS_PATH = "/v1/rendezvous/"
INFO_PATH = "/v1/server"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerInfo:
    """What a server says of itself to anybody."""

    key: ServerKey
    software: str


class Connection(Protocol):
    """One open connection."""

    async def send(self, frame: bytes) -> None:
        """Send one message; waits while the other side reads slowly.

        Raises:
            TransportError: the connection failed.
        """
        ...

    async def receive(self) -> bytes:
        """Return the next message.

        Raises:
            TransportError: the connection failed or was closed; the message says why.
            RemoteProtocolError: the other side sent something that is not a binary message.
        """
        ...

    async def close(self) -> None:
        """Close; closing twice is no mistake."""
        ...


class Transport(Protocol):
    """A way to servers."""

    async def connect(self, address: str, path: str) -> Connection:
        """Open a connection to a path of a server.

        Raises:
            TransportError: the server cannot be reached or refuses.
        """
        ...

    async def info(self, address: str) -> ServerInfo:
        """Ask a server who it is.

        Raises:
            TransportError: the server cannot be reached.
            RemoteProtocolError: what answers is not a Billfold server.
        """
        ...

    async def close(self) -> None:
        """Close every connection."""
        ...

"""The transport that a wallet takes when it is given none: WebSockets, loaded with the first dial.

What carries them takes as long to load as all the rest of a wallet, and a command that only reads
needs none of it.

Spec: 30-server-api.md
"""

import importlib
from typing import cast

from billfold.transport.interface import Connection, ServerInfo, Transport


class DefaultTransport:
    """A `WebSocketTransport` that is made when it is first used."""

    def __init__(self) -> None:
        self._made: Transport | None = None

    async def connect(self, address: str, path: str) -> Connection:
        """Open a WebSocket to a path of a server.

        Raises:
            TransportError: the server cannot be reached or refuses.
        """
        return await self._transport.connect(address, path)

    async def info(self, address: str) -> ServerInfo:
        """Ask a server who it is.

        Raises:
            TransportError: the server cannot be reached.
            RemoteProtocolError: what answers is not a Billfold server.
        """
        return await self._transport.info(address)

    async def close(self) -> None:
        """Close every connection."""
        if self._made is not None:
            await self._made.close()

    @property
    def _transport(self) -> Transport:
        if self._made is None:
            websocket = importlib.import_module("billfold.transport.websocket")
            self._made = cast("Transport", websocket.WebSocketTransport())
        return self._made

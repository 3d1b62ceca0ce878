"""A way to a real server that changes what the server says about blobs.

Spec: 02-threat-model.md
"""

from collections.abc import Callable

from billfold.transport import Connection, ServerInfo, WebSocketTransport
from billfold_protocol.errors import Malformed
from billfold_protocol.messages.blobs import BlobAnswer, encode_blob_answer, parse_blob_answer

Lie = Callable[[BlobAnswer], BlobAnswer]


class _LyingConnection:
    def __init__(self, honest: Connection, lie: Lie) -> None:
        self._honest = honest
        self._lie = lie

    async def send(self, frame: bytes) -> None:
        await self._honest.send(frame)

    async def receive(self) -> bytes:
        frame = await self._honest.receive()
        try:
            answer = parse_blob_answer(frame)
        except Malformed:
            return frame  # The handshake.
        return encode_blob_answer(self._lie(answer))

    async def close(self) -> None:
        await self._honest.close()


class LyingTransport:
    """Connects to honest servers and puts lies into their mouths."""

    def __init__(self, lie: Lie) -> None:
        self._honest = WebSocketTransport()
        self._lie = lie

    async def connect(self, address: str, path: str) -> Connection:
        """Open a connection whose answers are changed."""
        return _LyingConnection(await self._honest.connect(address, path), self._lie)

    async def info(self, address: str) -> ServerInfo:
        """Ask a server who it is."""
        return await self._honest.info(address)

    async def close(self) -> None:
        """Close every connection."""
        await self._honest.close()

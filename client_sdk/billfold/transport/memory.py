"""A transport inside one process, for tests and for applications that embed a server.

Spec: 30-server-api.md
"""

import asyncio
from collections.abc import Awaitable, Callable

from billfold.transport.interface import ServerInfo
from billfold_protocol.errors import TransportError

QUEUE_COUNT_MAX = 1024
"""Messages that wait for the other side, before `send` waits."""


class MemoryConnection:
    """One end of a pair of queues."""

    def __init__(
        self, inbound: asyncio.Queue[bytes | None], outbound: asyncio.Queue[bytes | None]
    ) -> None:
        self._inbound = inbound
        self._outbound = outbound
        self._is_closed = False

    @classmethod
    def pair(cls) -> tuple["MemoryConnection", "MemoryConnection"]:
        """Return the two ends of a new connection."""
        left: asyncio.Queue[bytes | None] = asyncio.Queue(QUEUE_COUNT_MAX)
        right: asyncio.Queue[bytes | None] = asyncio.Queue(QUEUE_COUNT_MAX)
        return cls(left, right), cls(right, left)

    async def send(self, frame: bytes) -> None:
        """Send one message.

        Raises:
            TransportError: this end is closed.
        """
        if self._is_closed:
            raise TransportError("the connection is closed")
        await self._outbound.put(frame)

    async def receive(self) -> bytes:
        """Return the next message.

        Raises:
            TransportError: either end is closed.
        """
        if self._is_closed:
            raise TransportError("the connection is closed")
        frame = await self._inbound.get()
        if frame is None:
            self._is_closed = True
            raise TransportError("the server closed the connection")
        return frame

    async def close(self) -> None:
        """Close both ends."""
        if not self._is_closed:
            self._is_closed = True
            for queue in (self._outbound, self._inbound):
                if queue.full():
                    queue.get_nowait()
                queue.put_nowait(None)


class MemoryTransport:
    """Connects to a function of this process."""

    def __init__(
        self,
        serve: Callable[[str, str, MemoryConnection], Awaitable[None]],
        info: Callable[[str], ServerInfo],
    ) -> None:
        """Begin.

        Args:
            serve: is run for each connection, with its address, its path and the server's end.
            info: says who the server at an address is; raises TransportError if there is none.
        """
        self._serve = serve
        self._info = info
        self._tasks: set[asyncio.Task[None]] = set()
        self._connections: list[MemoryConnection] = []

    async def connect(self, address: str, path: str) -> MemoryConnection:
        """Open a connection.

        Raises:
            TransportError: there is no server at the address.
        """
        self._info(address)
        ours, theirs = MemoryConnection.pair()
        task = asyncio.ensure_future(self._run(address, path, theirs))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self._connections.append(ours)
        return ours

    async def info(self, address: str) -> ServerInfo:
        """Ask a server who it is.

        Raises:
            TransportError: there is no server at the address.
        """
        return self._info(address)

    async def close(self) -> None:
        """Close every connection."""
        for connection in self._connections:
            await connection.close()
        self._connections.clear()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run(self, address: str, path: str, connection: MemoryConnection) -> None:
        try:
            await self._serve(address, path, connection)
        except TransportError:
            return
        finally:
            await connection.close()

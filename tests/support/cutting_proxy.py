"""A TCP proxy on loopback that breaks every connection, or stalls, when some bytes have passed.

Spec: 02-threat-model.md
"""

import asyncio
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

PIECE_SIZE = 64 * 1024


class CuttingProxy:
    """Passes connections on to a server, and cuts them as often as it is told."""

    def __init__(self, target: str) -> None:
        """Begin.

        Args:
            target: the server's address, such as `http://127.0.0.1:8080`.
        """
        self._target = ("", 0)
        self.aim(target)
        self.passed = 0
        """Bytes that have passed since `aim`, both ways."""

        self._every = 0
        self._left = 0
        self._passed = 0
        self.cuts_count = 0
        """How often all connections were broken since `cut_every`."""

        self._stall_at: int | None = None
        self.stalled = asyncio.Event()
        """Set when nothing passes any more."""

        self._flowing = asyncio.Event()
        self._flowing.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self._server.close()
        self.flow()
        self._cut()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self._server.wait_closed()

    @property
    def address(self) -> str:
        """Where to connect in place of the server."""
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def aim(self, target: str) -> None:
        """Pass new connections on to another server: the same one, started again elsewhere."""
        parts = urlsplit(target)
        assert parts.hostname is not None
        assert parts.port is not None
        self._target = (parts.hostname, parts.port)
        self.passed = 0

    def cut_every(self, size: int, *, times: int) -> None:
        """Break every connection after each `size` bytes from now on, so many times."""
        self._every, self._left, self._passed, self.cuts_count = size, times, 0, 0

    def stall_after(self, size: int) -> None:
        """Let nothing pass any more after `size` bytes from now on, until `flow`."""
        self._passed, self._stall_at = 0, size

    def flow(self) -> None:
        """Let everything pass again."""
        self._stall_at = None
        self.stalled.clear()
        self._flowing.set()

    def _cut(self) -> None:
        for writer in tuple(self._writers):
            writer.transport.abort()

    def _count(self, size: int) -> None:
        self._passed += size
        self.passed += size
        if self._stall_at is not None and self._passed >= self._stall_at:
            self._flowing.clear()
            self.stalled.set()
        if self._left and self._passed >= self._every:
            self._passed = 0
            self._left -= 1
            self.cuts_count += 1
            self._cut()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self._writers.add(writer)
        try:
            there, onward = await asyncio.open_connection(*self._target)
            self._writers.add(onward)
            try:
                await asyncio.gather(self._pass(reader, onward), self._pass(there, writer))
            finally:
                self._writers.discard(onward)
                onward.close()
        except OSError:
            return
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(PIECE_SIZE):
            await self._flowing.wait()
            writer.write(data)
            await writer.drain()
            self._count(len(data))
        if writer.can_write_eof():
            writer.write_eof()

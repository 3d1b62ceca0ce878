"""TCP proxies on loopback: one that passes everything on, and one that records it.

Spec: 02-threat-model.md
"""

import asyncio
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

CHUNK_SIZE = 64 * 1024


class Proxy:
    """Passes connections on to a server, a pump for each direction."""

    def __init__(self, target: str) -> None:
        """Begin.

        Args:
            target: the server's address, such as `http://127.0.0.1:8080`.
        """
        self._target = ("", 0)
        self.aim(target)
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
        self.cut()
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

    def cut(self) -> None:
        """Break every connection."""
        for writer in tuple(self._writers):
            writer.transport.abort()

    async def passing(self, data: bytes, *, is_up: bool, record: bytearray) -> bytes:
        """Return what is passed on in place of a piece, once it may be.

        Args:
            data: the piece.
            is_up: whether it goes to the server.
            record: belongs to this direction of this connection; it is kept with it.
        """
        del is_up, record
        return data

    def passed(self, size: int) -> None:
        """Take note of bytes that have passed."""

    def begin(self, *, is_up: bool) -> bytearray:
        """Return what belongs to one direction of a new connection."""
        del is_up
        return bytearray()

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
                await asyncio.gather(
                    self._pump(reader, onward, is_up=True), self._pump(there, writer, is_up=False)
                )
            finally:
                self._writers.discard(onward)
                onward.close()
        except OSError:
            return
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_up: bool
    ) -> None:
        record = self.begin(is_up=is_up)
        while data := await reader.read(CHUNK_SIZE):
            writer.write(await self.passing(data, is_up=is_up, record=record))
            await writer.drain()
            self.passed(len(data))
        if writer.can_write_eof():
            writer.write_eof()


class RecordingProxy(Proxy):
    """A proxy of which `recorded` is all that went either way.

    Each direction of each connection is recorded on its own, so that nothing that passed is torn
    apart by what passed beside it.
    """

    def __init__(self, target: str) -> None:
        super().__init__(target)
        self._recorded: list[bytearray] = []

    @property
    def recorded(self) -> list[bytes]:
        """All that has passed: one value for each direction of each connection."""
        return [bytes(data) for data in self._recorded]

    def begin(self, *, is_up: bool) -> bytearray:
        """Begin a record."""
        record = super().begin(is_up=is_up)
        self._recorded.append(record)
        return record

    async def passing(self, data: bytes, *, is_up: bool, record: bytearray) -> bytes:
        """Record a piece."""
        record += data
        return await super().passing(data, is_up=is_up, record=record)


def payloads(recorded: bytes) -> list[bytes]:
    """Return what the WebSocket frames of one direction carried, unmasked, and the HTTP head.

    RFC 6455 §5.2; a frame that is cut off at the end is returned as far as it came.
    """
    head, separator, rest = recorded.partition(b"\r\n\r\n")
    found = [head]
    if not separator:
        return found
    while len(rest) >= 2:
        is_masked, size, start = rest[1] >> 7, rest[1] & 0x7F, 2
        if size >= 126:
            width = 2 if size == 126 else 8
            size = int.from_bytes(rest[start : start + width], "big")
            start += width
        mask = b""
        if is_masked:
            mask = rest[start : start + 4]
            start += 4
        data = rest[start : start + size]
        found.append(unmask(data, mask) if len(mask) == 4 else data)
        rest = rest[start + size :]
    return found


def unmask(data: bytes, mask: bytes) -> bytes:
    """Take a client's mask off, or put it on."""
    repeated = (mask * (len(data) // 4 + 1))[: len(data)]
    whole = int.from_bytes(data, "big") ^ int.from_bytes(repeated, "big")
    return whole.to_bytes(len(data), "big")

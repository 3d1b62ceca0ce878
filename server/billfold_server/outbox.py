"""The frames that wait for one connection, bounded in bytes.

A frame leaves at once while the peer keeps up; else a task writes what waits, at the peer's pace.
Above the high-water mark the connection is congested: the relay stops sending it live entries, and
it reads them from the store once it has caught up with what waits here.

Spec: 30-server-api.md
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from dataclasses import dataclass
from typing import Any

from billfold_protocol import limits

HIGH_WATER = 512 * 1024
"""Bytes above which one connection is congested."""

LOW_WATER = 64 * 1024
"""Bytes below which it is not congested any more."""

OUTBOX_SIZE_MAX = 32 * 1024 * 1024
"""Bytes at which a connection is given up: its peer asks for much and reads nothing."""

POOL_SIZE_AIM = 64 * 1024 * 1024
"""Bytes of all connections together, above which the low-water mark decides for each."""

Writing = Coroutine[Any, Any, None]
"""One frame on its way; it waits for nothing while the peer keeps up."""

assert LOW_WATER < HIGH_WATER <= limits.FRAME_SIZE_MAX < OUTBOX_SIZE_MAX


@dataclass(slots=True)
class OutboxPool:
    """What waits for all connections together."""

    size: int = 0


class SocketOutbox:
    """An `Outbox` over an asynchronous write; made and used on one event loop."""

    def __init__(
        self,
        write: Callable[[bytes], Writing],
        pool: OutboxPool,
        *,
        on_room: Callable[[], None],
        on_broken: Callable[[], None],
    ) -> None:
        """Begin.

        Args:
            write: sends one WebSocket message and returns when the next may be sent.
            pool: what waits for all connections.
            on_room: called when a congested connection is no longer so.
            on_broken: called once when the connection cannot be written to any more.
        """
        self._write = write
        self._pool = pool
        self._on_room = on_room
        self._on_broken = on_broken
        self._frames: deque[bytes] = deque()
        self._size = 0
        self._task: asyncio.Task[None] | None = None
        self._is_closed = False
        self._has_overflown = False
        self._waiting: list[asyncio.Future[None]] = []

    @property
    def size(self) -> int:
        """Bytes that wait, the frame on its way included."""
        return self._size

    @property
    def is_congested(self) -> bool:
        """Whether the peer reads slower than it is sent to."""
        # Once congested, it stays so until most has been written: one change, not many.
        is_strict = self._has_overflown or self._pool.size > POOL_SIZE_AIM
        self._has_overflown = self._size > (LOW_WATER if is_strict else HIGH_WATER)
        return self._has_overflown

    def send(self, frame: bytes) -> None:
        """Send or queue one WebSocket message; dropped after the end of the connection."""
        if self._is_closed:
            return
        if self._task is None:
            self._write_now(frame)
            return
        self._frames.append(frame)
        self._count(len(frame))
        if self._size > OUTBOX_SIZE_MAX:
            self._break()

    async def wait_for_room(self) -> None:
        """Wait until the connection is not congested, or is closed."""
        while self.is_congested and not self._is_closed:
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(future)
            await future

    async def flush(self) -> None:
        """Wait until everything is written, or the connection is closed."""
        if self._task is not None:
            await asyncio.wait([self._task])

    def close(self) -> None:
        """Drop what waits and take no more; again is harmless."""
        self._is_closed = True
        self._frames.clear()
        self._pool.size -= self._size
        self._size = 0
        if self._task is not None:
            self._task.cancel()
        self._release()

    def _write_now(self, frame: bytes) -> None:
        """Write a frame in this turn of the event loop; a task goes on if the peer is slow."""
        writing = self._write(frame)
        try:
            waits_for = writing.send(None)
        except StopIteration:
            return
        except OSError:
            self._break()
            return
        self._count(len(frame))
        rest = self._write_all(_Begun(writing, waits_for), len(frame))
        self._task = asyncio.get_running_loop().create_task(rest)

    async def _write_all(self, begun: "_Begun", size: int) -> None:
        try:
            await begun
            self._written(size)
            while self._frames:
                frame = self._frames.popleft()
                await self._write(frame)
                self._written(len(frame))
        except OSError:
            self._break()
        finally:
            self._task = None

    def _written(self, size: int) -> None:
        if self._is_closed:
            return
        had_overflown = self._has_overflown
        self._count(-size)
        if had_overflown and not self.is_congested:
            self._release()
            self._on_room()

    def _count(self, size: int) -> None:
        self._size += size
        self._pool.size += size

    def _release(self) -> None:
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)

    def _break(self) -> None:
        self.close()
        self._on_broken()


class _Begun:
    """The rest of a coroutine that was run up to the first future it waits for."""

    def __init__(self, work: Writing, waits_for: object) -> None:
        self._work = work
        self._waits_for = waits_for

    def __await__(self) -> Generator[object, None, None]:
        try:
            yield self._waits_for
        except (OSError, asyncio.CancelledError) as error:
            self._work.throw(error)
        else:
            yield from self._work.__await__()

"""The frames that leave by one connection: at once while it takes them, else at its pace.

While the peer keeps up, a frame is written in the turn of the event loop that made it, without a
task or a queue between; a task is made only for what has to wait.

Spec: 21-sync.md
"""

import asyncio
from collections import deque
from collections.abc import Coroutine, Generator
from typing import Any

from billfold.transport import Connection
from billfold_protocol.errors import TransportError


class Sending:
    """The sending side of one connection; made and used on one event loop."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._frames: deque[bytes] = deque()
        self._task: asyncio.Task[None] | None = None
        self._is_ended = False

    def send(self, frame: bytes) -> None:
        """Send or queue one frame; dropped after the end."""
        if self._is_ended:
            return
        if self._task is not None:
            self._frames.append(frame)
            return
        writing = self._connection.send(frame)
        try:
            waits_for = writing.send(None)
        except StopIteration:
            return
        except TransportError:
            # The receiving side reports why.
            self.end()
            return
        self._task = asyncio.get_running_loop().create_task(
            self._send_all(_Begun(writing, waits_for))
        )

    def end(self) -> None:
        """End the connection soon; what waits is dropped."""
        if self._is_ended:
            return
        self._is_ended = True
        self._frames.clear()
        if self._task is not None:
            self._task.cancel()
        self._task = asyncio.get_running_loop().create_task(self._connection.close())

    async def close(self) -> None:
        """End the connection and wait for that."""
        self.end()
        assert self._task is not None
        await asyncio.shield(self._task)

    async def _send_all(self, begun: "_Begun") -> None:
        try:
            await begun
            while self._frames:
                await self._connection.send(self._frames.popleft())
        except TransportError:
            self._task = None
            self.end()
        else:
            self._task = None


class _Begun:
    """The rest of a coroutine that was run up to the first future it waits for."""

    def __init__(self, work: Coroutine[Any, Any, None], waits_for: object) -> None:
        self._work = work
        self._waits_for = waits_for

    def __await__(self) -> Generator[object, None, None]:
        try:
            yield self._waits_for
        except (OSError, asyncio.CancelledError) as error:
            self._work.throw(error)
        else:
            yield from self._work.__await__()

"""A TCP proxy on loopback that breaks every connection, or stalls, when some bytes have passed.

Spec: 02-threat-model.md
"""

import asyncio
from types import TracebackType

from tests.support.net import Proxy


class CuttingProxy(Proxy):
    """Passes connections on to a server, and cuts them as often as it is told."""

    def __init__(self, target: str) -> None:
        self.passed_size = 0
        """Bytes that have passed since `aim`, both ways."""

        super().__init__(target)
        self._every = 0
        self._left = 0
        self._since = 0
        self.cuts_count = 0
        """How often all connections were broken since `cut_every`."""

        self._stall_at: int | None = None
        self.stalled = asyncio.Event()
        """Set when nothing passes any more."""

        self._flowing = asyncio.Event()
        self._flowing.set()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.flow()
        await super().__aexit__(kind, error, traceback)

    def aim(self, target: str) -> None:
        """Pass new connections on to another server, and count from now on."""
        super().aim(target)
        self.passed_size = 0

    def cut_every(self, size: int, *, times: int) -> None:
        """Break every connection after each `size` bytes from now on, so many times."""
        self._every, self._left, self._since, self.cuts_count = size, times, 0, 0

    def stall_after(self, size: int) -> None:
        """Let nothing pass any more after `size` bytes from now on, until `flow`."""
        self._since, self._stall_at = 0, size

    def flow(self) -> None:
        """Let everything pass again."""
        self._stall_at = None
        self.stalled.clear()
        self._flowing.set()

    async def passing(self, data: bytes, *, is_up: bool, record: bytearray) -> bytes:
        """Hold a piece up while nothing may pass."""
        await self._flowing.wait()
        return await super().passing(data, is_up=is_up, record=record)

    def passed(self, size: int) -> None:
        """Count, and cut or stall when it is time."""
        self._since += size
        self.passed_size += size
        if self._stall_at is not None and self._since >= self._stall_at:
            self._flowing.clear()
            self.stalled.set()
        if self._left and self._since >= self._every:
            self._since = 0
            self._left -= 1
            self.cuts_count += 1
            self.cut()

"""Makes what the relay has staged durable, one group at a time, in a thread of its own.

    IDLE ──staged──► ON ITS WAY ──done, nothing staged──► IDLE
                      │      ▲
                      └──────┘ done, more staged: the next group leaves at once

Nothing lingers: what is staged when no group is on its way leaves at once, and what comes
meanwhile shares the next wait for the disk. What a full disk did not take is refused and the server
goes on; a damaged store ends the process, because nothing may be acknowledged on it any more.

Spec: 30-server-api.md
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

from billfold_protocol.errors import StoreDamaged, StoreError, StoreFull
from billfold_server.commits import Commit
from billfold_server.logs import Contained, ServerLog
from billfold_server.relay import Relay
from billfold_server.store import LogStore

STAGED_SIZE_MAX = 32 * 1024 * 1024
"""Bytes that may wait for the next group before no more frames are read."""

MAINTENANCE_INTERVAL_S = 1.0
FULL_FOR_S = 10.0
"""How long after a refused write the store counts as full."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitReport:
    """What one group took."""

    writes_count: int
    duration_s: float


class Committer:
    """The way of staged writes to the disk; made and used on one event loop."""

    def __init__(
        self,
        relay: Relay,
        store: LogStore,
        *,
        on_commit: Callable[[CommitReport], None],
        on_broken: Callable[[BaseException], None],
    ) -> None:
        """Start the writing thread.

        Args:
            relay: what stages and acknowledges.
            store: where writes become durable.
            on_commit: told of each durable group.
            on_broken: told once when the store, or this program, is beyond repair.
        """
        self._relay = relay
        self._store = store
        self._on_commit = on_commit
        self._on_broken = on_broken
        self._log = ServerLog()
        self._loop = asyncio.get_running_loop()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="billfold-writer")
        self._is_on_its_way = False
        self._is_broken = False
        self._waiting: list[asyncio.Future[None]] = []
        self._full_until_s = 0.0

    @property
    def is_full(self) -> bool:
        """Whether the store has refused a write for lack of room a moment ago."""
        return time.monotonic() < self._full_until_s

    @property
    def has_room(self) -> bool:
        """Whether more may be staged."""
        return self._relay.staged_size < STAGED_SIZE_MAX

    def kick(self) -> None:
        """Send off what is staged, unless a group is on its way; call it after each frame."""
        if not self._is_on_its_way and not self._is_broken:
            self._send_off()

    async def wait_for_room(self) -> None:
        """Wait until more may be staged."""
        while not self.has_room and not self._is_broken:
            await self._next_end()

    async def finish(self) -> None:
        """Wait until all that is staged is durable and acknowledged, or refused."""
        self.kick()
        while self._is_on_its_way and not self._is_broken:
            await self._next_end()

    async def close(self) -> None:
        """Wait for the group on its way and end the thread; what else is staged is dropped."""
        self._is_broken = True
        await self._loop.run_in_executor(None, self._thread.shutdown)

    def _send_off(self) -> None:
        commit = self._relay.take_commit()
        self._is_on_its_way = commit is not None
        if commit is None:
            return

        def tell(written: Future[CommitReport]) -> None:
            # Straight to the loop: a future of its own would cost another turn.
            with suppress(RuntimeError):  # It is closed: nobody is left to be told.
                self._loop.call_soon_threadsafe(self._end, commit, written)

        self._thread.submit(self._write, commit).add_done_callback(tell)

    def _write(self, commit: Commit) -> CommitReport:
        """Run in the writing thread."""
        started_s = time.perf_counter()
        writes = commit.writes()
        self._store.commit(writes)
        return CommitReport(writes_count=len(writes), duration_s=time.perf_counter() - started_s)

    def _end(self, commit: Commit, written: Future[CommitReport]) -> None:
        """Go on after a group has ended, on the loop."""
        with Contained("a group of writes could not be ended") as failure:
            error = written.exception()
            if error is None:
                # The disk works on the next group while this one's acks are made.
                self._send_off()
                self._relay.committed(commit)
                # The numbers wait a turn, so that the acks leave first.
                self._loop.call_soon(self._on_commit, written.result())
            else:
                self._refuse(commit, error)
                self._send_off()
        if failure.error is not None:
            # What is half told cannot be gone on from.
            self._is_broken = True
            self._on_broken(failure.error)
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)

    def _refuse(self, commit: Commit, error: BaseException) -> None:
        if isinstance(error, StoreDamaged) or not isinstance(error, StoreError):
            raise error
        if isinstance(error, StoreFull):
            self._full_until_s = time.monotonic() + FULL_FOR_S
            self._log.warning("the store is full, writes are refused")
        else:
            self._log.error("the store did not take a group of writes", error)
        self._relay.failed(commit)

    async def _next_end(self) -> None:
        future: asyncio.Future[None] = self._loop.create_future()
        self._waiting.append(future)
        await future


async def keep_maintained(store: LogStore, *, on_broken: Callable[[BaseException], None]) -> None:
    """Do the store's upkeep about once a second in a thread of its own, until cancelled."""
    log, loop = ServerLog(), asyncio.get_running_loop()
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="billfold-upkeep") as thread:
        while True:
            await asyncio.sleep(MAINTENANCE_INTERVAL_S)
            try:
                await loop.run_in_executor(thread, store.maintain)
            except StoreFull:
                log.warning("the store has no room for its upkeep")
            except StoreError as error:
                on_broken(error)
                return

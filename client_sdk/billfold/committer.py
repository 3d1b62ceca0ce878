"""Group commit: everything a replica has noted since the last commit becomes durable together.

Edits that are made while one commit is on its way to the disk share the next one, so that many
concurrent edits cost one wait. Nothing is sent before what it rests on is durable. What nobody
waits for, such as acks and other devices' entries, lingers a little and shares a commit too: until
then the server has it.

Spec: 21-sync.md
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from billfold.coalescing import edit_all
from billfold.document import Change, Edit
from billfold.journal import Send
from billfold.replica import Replica
from billfold.store import WalletStore
from billfold_protocol.errors import BillfoldError, LocalProtocolError, StoreError

Sends = list[Send]


class Committer:
    """One task that makes a replica's journal durable, then hands on what may be sent."""

    def __init__(
        self,
        store: WalletStore,
        replica: Callable[[], Replica],
        *,
        room: Callable[[], int | None],
        send: Callable[[Sends], None],
        tell: Callable[[], None],
        fail: Callable[[StoreError], None],
        reopen: Callable[[], None],
    ) -> None:
        """Begin.

        Args:
            store: where writes go.
            replica: returns the replica as it is now.
            room: returns how many bytes may be pushed now, or None.
            send: takes what may be sent.
            tell: is called when there may be new events.
            fail: is called when a commit failed; it makes the replica what the store holds.
            reopen: is called when the replica asks to be opened anew from the store.
        """
        self._store = store
        self._replica = replica
        self._room = room
        self._send = send
        self._tell = tell
        self._fail = fail
        self._reopen = reopen
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="billfold-commit")
        self._wake = asyncio.Event()
        self._is_overdue = False
        self._waiters: list[asyncio.Future[None]] = []
        self._edits: list[tuple[list[Edit], asyncio.Future[Change | None]]] = []
        self._answering: list[asyncio.Future[Any]] = []
        """Who waits for the commit under way."""

        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start the task."""
        self._task = asyncio.create_task(self._run())
        self._task.add_done_callback(self._ended)

    async def stop(self) -> None:
        """Commit what is left and stop.

        Raises:
            StoreError: the last commit failed.
        """
        try:
            await self.committed()
        finally:
            if self._task is not None:
                self._task.cancel()
                await asyncio.gather(self._task, return_exceptions=True)
            self._executor.shutdown()

    def wake(self) -> None:
        """Commit soon."""
        self._wake.set()

    def edit(self, edits: list[Edit]) -> asyncio.Future[Change | None]:
        """Make edits; the future ends when they are durable, with None if nothing differs.

        Edits that are asked for at the same time may share one change.

        Raises:
            AccessError, InputError, LimitExceeded: the edits are not possible.
            StoreError: they could not be made durable, and are undone.
        """
        self._require_alive()
        done: asyncio.Future[Change | None] = asyncio.get_running_loop().create_future()
        self._edits.append((edits, done))
        self._wake.set()
        return done

    async def committed(self) -> None:
        """Wait until everything noted so far is durable.

        Raises:
            StoreError: it could not be made durable, and is undone.
        """
        self._require_alive()
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        self._wake.set()
        await waiter

    def _require_alive(self) -> None:
        if self._task is None or self._task.done():
            raise LocalProtocolError("the wallet is closed, or failed; open it again")

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Let nobody wait for a task that is no more, whatever ended it."""
        cause = None if task.cancelled() else task.exception()
        error = LocalProtocolError("the wallet was closed, or failed; open it again")
        error.__cause__ = cause
        self._answering += [*self._waiters, *(done for _, done in self._edits)]
        self._refuse(error)
        if cause is not None:
            loop = task.get_loop()
            loop.call_exception_handler({"message": "committing failed", "exception": cause})

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._wake.wait()
            self._wake.clear()
            await self._linger()
            replica = self._replica()
            waiters, self._waiters = self._waiters, []
            self._answering += waiters
            made = self._make_edits(replica)
            replica.prepare(room=self._room(), is_bulk=replica.pending_count > BULK_PENDING_COUNT)
            self._tell()
            writes = replica.journal.take_writes()
            sends = replica.journal.take_sends()
            if writes:
                try:
                    await loop.run_in_executor(self._executor, self._store.commit, writes)
                except StoreError as error:
                    self._fail(error)
                    self._refuse(error)
                    continue
            if replica.is_leaving:
                self._reopen()
            # The server first: what those who wait do next may take long.
            elif sends:
                self._send(sends)
            for waiter in waiters:
                if not waiter.done():
                    waiter.set_result(None)
            for done, change in made:
                if not done.done():
                    done.set_result(change)
            self._answering.clear()

    async def _linger(self) -> None:
        """Wait for somebody to wait, for what must be sent, or for a moment to pass."""
        if self._is_urgent():
            return
        self._is_overdue = False
        timer = asyncio.get_running_loop().call_later(LINGER_S, self._hurry)
        try:
            while not (self._is_overdue or self._is_urgent()):
                await self._wake.wait()
                self._wake.clear()
        finally:
            timer.cancel()

    def _hurry(self) -> None:
        self._is_overdue = True
        self._wake.set()

    def _is_urgent(self) -> bool:
        if self._waiters or self._edits:
            return True
        return self._room() is not None and self._replica().has_due

    def _make_edits(
        self, replica: Replica
    ) -> list[tuple[asyncio.Future[Change | None], Change | None]]:
        """Make the edits that wait; those that are not possible are answered at once."""
        waiting, self._edits = self._edits, []
        self._answering += [done for _, done in waiting]
        made: list[tuple[asyncio.Future[Change | None], Change | None]] = []
        outcomes = edit_all(replica.edit, [edits for edits, _ in waiting])
        for (_, done), outcome in zip(waiting, outcomes, strict=True):
            if isinstance(outcome, BillfoldError):
                if not done.done():
                    done.set_exception(outcome)
            else:
                made.append((done, outcome))
        return made

    def _refuse(self, error: BillfoldError) -> None:
        """Give an error to all who wait for the commit under way."""
        for waiter in self._answering:
            if not waiter.done():
                waiter.set_exception(error)
        self._answering.clear()


LINGER_S = 0.05
"""How long what nobody waits for may wait for the disk."""

BULK_PENDING_COUNT = 512
"""So many edits that wait are bulk work (an import, a month offline): entries grow large."""

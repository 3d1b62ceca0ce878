"""Group commit: everything a replica has noted since the last commit becomes durable together.

    IDLE ──edit, wait, something to push──► ON ITS WAY ──done──► IDLE, or the next one at once
     └──anything else──► LINGERING ──a moment──►┘

Edits that are made while one commit is on its way to the disk share the next one, so that many
concurrent edits cost one wait. Nothing is sent, and no edit is told of, before what it rests on is
durable. What nobody waits for, such as acks and other devices' entries, lingers a little and shares
a commit too: until then the server has it.

Spec: 21-sync.md
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from billfold.coalescing import edit_all
from billfold.commit_threads import run_in_thread
from billfold.document import Change, Edit
from billfold.events import Event
from billfold.journal import Send
from billfold.replica import Replica
from billfold.store import WalletStore
from billfold_protocol.errors import BillfoldError, LocalProtocolError, StoreError

Sends = list[Send]


@dataclass(frozen=True, slots=True)
class _Group:
    """What a commit makes possible."""

    replica: Replica
    waiters: list[asyncio.Future[None]]
    made: list[tuple[asyncio.Future[Change | None], Change | None]]
    events: list[Event]
    sends: Sends


class Committer:
    """Makes a replica's journal durable, then hands on what may be sent; on one event loop."""

    def __init__(
        self,
        store: WalletStore,
        replica: Callable[[], Replica],
        *,
        room: Callable[[], int | None],
        send: Callable[[Sends], None],
        tell: Callable[[Sequence[Event]], None],
        fail: Callable[[StoreError], None],
        reopen: Callable[[], None],
    ) -> None:
        """Begin.

        Args:
            store: where writes go.
            replica: returns the replica as it is now.
            room: returns how many bytes may be pushed now, or None.
            send: takes what may be sent.
            tell: takes what has happened.
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
        self._loop: asyncio.AbstractEventLoop | None = None
        """Where commits are begun and ended; None before the start and after the end."""

        self._begin_soon: asyncio.Handle | None = None
        self._begin_later: asyncio.TimerHandle | None = None
        self._on_its_way: Future[None] | None = None
        self._is_woken = False
        """Whether there was a reason to commit while a commit was on its way."""

        self._waiters: list[asyncio.Future[None]] = []
        self._edits: list[tuple[list[Edit], asyncio.Future[Change | None]]] = []
        self._answering: list[asyncio.Future[Any]] = []
        """Who waits for the commit on its way."""

    def start(self) -> None:
        """Start committing."""
        self._loop = asyncio.get_running_loop()

    async def stop(self) -> None:
        """Commit what is left and stop.

        Raises:
            StoreError: the last commit failed.
        """
        try:
            await self.committed()
        finally:
            self._end(None)
            if self._on_its_way is not None:
                wait([self._on_its_way])

    def wake(self) -> None:
        """Commit soon."""
        if self._loop is None or self._begin_soon is not None:
            return
        if self._on_its_way is not None:
            self._is_woken = True
        elif self._is_urgent():
            self._begin_soon = self._loop.call_soon(self._begin)
        elif self._begin_later is None:
            self._begin_later = self._loop.call_later(LINGER_S, self._begin)

    def edit(self, edits: list[Edit]) -> asyncio.Future[Change | None]:
        """Make edits; the future ends when they are durable, with None if nothing differs.

        Edits that are asked for at the same time may share one change.

        Raises:
            AccessError, InputError, LimitExceeded: the edits are not possible.
            StoreError: they could not be made durable, and are undone.
        """
        done: asyncio.Future[Change | None] = self._alive().create_future()
        self._edits.append((edits, done))
        self.wake()
        return done

    async def committed(self) -> None:
        """Wait until everything noted so far is durable.

        Raises:
            StoreError: it could not be made durable, and is undone.
        """
        waiter: asyncio.Future[None] = self._alive().create_future()
        self._waiters.append(waiter)
        self.wake()
        await waiter

    def _alive(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            raise LocalProtocolError("the wallet is closed, or failed; open it again")
        return self._loop

    def _end(self, cause: BaseException | None) -> None:
        """Let nobody wait for what is no more, whatever ended it."""
        loop, self._loop = self._loop, None
        self._cancel_beginning()
        error = LocalProtocolError("the wallet was closed, or failed; open it again")
        error.__cause__ = cause
        self._answering += [*self._waiters, *(done for _, done in self._edits)]
        self._refuse(error)
        if cause is not None and loop is not None:
            loop.call_exception_handler({"message": "committing failed", "exception": cause})

    def _cancel_beginning(self) -> None:
        for handle in (self._begin_soon, self._begin_later):
            if handle is not None:
                handle.cancel()
        self._begin_soon = self._begin_later = None

    def _begin(self) -> None:
        """Begin a commit of everything that is noted."""
        self._cancel_beginning()
        try:
            self._send_off()
        except Exception as error:  # noqa: BLE001  # Whatever it is, those who wait must hear of it.
            self._end(error)

    def _send_off(self) -> None:
        replica = self._replica()
        self._tell(replica.journal.take_events())
        waiters, self._waiters = self._waiters, []
        self._answering += waiters
        made = self._make_edits(replica)
        replica.prepare(room=self._room(), is_bulk=replica.pending_count > BULK_PENDING_COUNT)
        journal = replica.journal
        writes = journal.take_writes()
        group = _Group(replica, waiters, made, journal.take_events(), journal.take_sends())
        if not writes:
            self._settle(group)
            return

        def tell(written: Future[None]) -> None:
            # Straight to the loop: a future of its own would cost another turn.
            with suppress(RuntimeError):  # It is closed: nobody is left to be told.
                loop.call_soon_threadsafe(self._committed, group, written)

        loop = self._alive()
        self._on_its_way = run_in_thread(partial(self._store.commit, writes))
        self._on_its_way.add_done_callback(tell)

    def _committed(self, group: _Group, written: Future[None]) -> None:
        """Go on after a commit has ended, on the loop."""
        self._on_its_way = None
        if self._loop is None:
            return
        error = written.exception()
        try:
            if error is None:
                self._settle(group)
            elif isinstance(error, StoreError):
                self._fail(error)
                self._refuse(error)
            else:
                self._end(error)
        except Exception as fault:  # noqa: BLE001  # Likewise.
            self._end(fault)
        if self._is_woken:
            self._is_woken = False
            self.wake()

    def _settle(self, group: _Group) -> None:
        """Say what is durable; the server first: what those who wait do next may take long."""
        if group.replica.is_leaving:
            self._reopen()
        elif group.sends:
            self._send(group.sends)
        self._tell(group.events)
        for waiter in group.waiters:
            if not waiter.done():
                waiter.set_result(None)
        for done, change in group.made:
            if not done.done():
                done.set_result(change)
        self._answering.clear()

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

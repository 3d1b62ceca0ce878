"""To which server a wallet goes next, and why: no I/O, the dialling asks and tells what came of it.

    told by the person ──┐
    a former home is due ┼──► asked once, then ──► the home ──unreachable──► its fallbacks, once
    its mover is revoked ┘                            ▲                              │
                                                      └──────────────────────────────┘

Spec: 25-moving.md
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from billfold.homes import (
    due_visit,
    former_homes,
    is_serving,
    note_visit,
    server_of,
)
from billfold.proposals import Proposals
from billfold.replica import Replica
from billfold.servers import Server
from billfold_protocol.errors import BillfoldError, TransportError
from billfold_protocol.ids import ServerKey
from billfold_protocol.membership import ServerAddress


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """A server to connect to."""

    server: Server
    meant: ServerAddress | None = None
    """Who it must be, where it is asked beside the home; None for the home itself."""


class Itinerary:
    """The next servers of one wallet."""

    def __init__(self, replica: Callable[[], Replica], proposals: Proposals) -> None:
        self._replica = replica
        self._proposals = proposals
        self._told: ServerAddress | None = None
        self._waiting: list[asyncio.Future[None]] = []
        self._fallbacks: list[ServerAddress] = []
        """Those that are asked before the home is tried again."""

        self._tried: set[tuple[int, ServerKey]] = set()
        """At which former homes a removal was tried."""

    def go_to(self, server: ServerAddress) -> asyncio.Future[None]:
        """Ask a server that the person has named; the result is there when it is the home."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._told = server
        self._waiting.append(done)
        return done

    def next(self, given: Server) -> Stop:
        """Return where to go now.

        Args:
            given: the server that the person gave; used while the wallet has no home.
        """
        replica = self._replica()
        home = replica.state.home
        if self._told is not None:
            return _beside(self._told)
        if (removing := self._removing_at()) is not None:
            return _beside(removing)
        if (former := due_visit(replica)) is not None:
            return _beside(former.server)
        if self._fallbacks:
            return _beside(self._fallbacks.pop(0))
        return Stop(server=given if home is None else server_of(replica, home.server))

    def ended(self, key: ServerKey | None, stop: Stop, error: BillfoldError | None) -> None:
        """Take note of how it went.

        Args:
            key: the key of the server that answered, if one did.
            stop: where it was.
            error: why it ended; None if there is nothing more to be had there.
        """
        replica = self._replica()
        spoke_to = key if stop.meant is None else stop.meant.key
        for former in former_homes(replica.core.chain):
            if former.server.key == spoke_to:
                note_visit(replica, former, is_done=error is None)
                self._tried.add((self._proposals.removal, spoke_to))
        if self._told is not None and stop.meant == self._told:
            self._told = None
            self._settle(error)
        if stop.meant is None and isinstance(error, TransportError) and replica.state.home:
            self._fallbacks = list(replica.state.home.fallbacks)

    def arrived(self) -> None:
        """Take note that the wallet is live at its home."""
        self._fallbacks = []
        home = self._replica().state.home
        if self._told is not None and home is not None and home.server.key == self._told.key:
            self._told = None
            self._settle(None)

    @property
    def is_visit_due(self) -> bool:
        """Whether a former home is to be asked now."""
        return self._removing_at() is not None or due_visit(self._replica()) is not None

    def abandon(self, error: BillfoldError) -> None:
        """Fail everything that waits."""
        self._told = None
        self._settle(error)

    def _removing_at(self) -> ServerAddress | None:
        """Return a former home that is to take the removal of whoever moved the wallet away."""
        replica, device = self._replica(), self._proposals.removed
        if device is None:
            return None
        now_s = max(0, replica.core.now_ms() // 1000)
        for former in former_homes(replica.core.chain):
            is_tried = (self._proposals.removal, former.server.key) in self._tried
            if former.mover == device and is_serving(former, now_s) and not is_tried:
                return former.server
        return None

    def _settle(self, error: BillfoldError | None) -> None:
        waiting, self._waiting = self._waiting, []
        for done in waiting:
            if done.done():
                continue
            if error is None:
                done.set_result(None)
            else:
                done.set_exception(error)


def _beside(server: ServerAddress) -> Stop:
    return Stop(server=Server(address=server.address), meant=server)

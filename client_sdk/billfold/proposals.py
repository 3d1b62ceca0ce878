"""Membership entries on their way: made onto the current chain, appended by the server, or retried.

A server appends only onto the newest entry, so an entry that lost a race is made anew onto the one
that won. One is on its way at a time.

Spec: 13-membership.md
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

from billfold.authoring import Author, Authored
from billfold.replica import Replica
from billfold.wrap_keeping import keep_wraps
from billfold_protocol.errors import (
    AccessError,
    BillfoldError,
    DeviceRevoked,
    LimitExceeded,
    NotAuthorised,
    StoreFull,
    TransportError,
)
from billfold_protocol.feed import Reason, Rejection, Vector
from billfold_protocol.ids import DeviceId, EntryId
from billfold_protocol.membership import membership_hash
from billfold_protocol.messages import Append

ATTEMPTS_COUNT_MAX = 16
"""How often an entry is made anew before the person is told to try again."""


@dataclass(slots=True)
class Proposal:
    """A membership entry that somebody waits for."""

    make: Callable[[Author], Authored]
    done: asyncio.Future[None]
    removes: DeviceId | None
    number: int
    """Counts from 1."""

    authored: Authored | None = None
    attempts_count: int = 0
    needs_key: bool = True
    """Whether it waits for the key of the newest epoch."""


class Proposals:
    """The membership entries that this device wants appended."""

    def __init__(self, replica: Callable[[], Replica]) -> None:
        self._replica = replica
        self._queue: deque[Proposal] = deque()
        self._added_count = 0

    @property
    def is_waiting(self) -> bool:
        """Whether an entry waits to be sent."""
        return bool(self._queue) and self._queue[0].authored is None

    @property
    def removed(self) -> DeviceId | None:
        """The device that the next entry removes, if it does."""
        return self._queue[0].removes if self._queue else None

    @property
    def removal(self) -> int:
        """A number that tells the next entry from those before it."""
        return self._queue[0].number if self._queue else 0

    def add(
        self,
        make: Callable[[Author], Authored],
        *,
        removes: DeviceId | None = None,
        needs_key: bool = True,
    ) -> asyncio.Future[None]:
        """Ask for an entry; the result is there when the server has appended it."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._added_count += 1
        proposal = Proposal(make, done, removes, self._added_count, needs_key=needs_key)
        # What needs no key is to bring one, so that the others can be made.
        is_under_way = bool(self._queue) and self._queue[0].authored is not None
        self._queue.insert(len(self._queue) if needs_key else int(is_under_way), proposal)
        return done

    def next(self, served: Callable[[], Vector]) -> Append | None:
        """Return the message that carries the next entry, if one waits and none is on its way.

        None also while the key of the newest epoch is on its way to this device.

        Args:
            served: returns the heads that the wallet's server is known to hold.
        """
        while self.is_waiting:
            proposal = self._queue[0]
            if proposal.done.done():
                self._queue.popleft()
                continue
            core = self._replica().core
            if proposal.needs_key and core.member is not None and core.epoch_key is None:
                return None
            try:
                proposal.authored = proposal.make(
                    replace(self._replica().author(), served=served())
                )
            except BillfoldError as error:
                self._finish(error)
                continue
            return Append(
                wallet_id=self._replica().wallet_id,
                entry=proposal.authored.raw,
                wraps=proposal.authored.wraps,
            )
        return None

    def appended(self) -> None:
        """Adopt the entry on its way: the server has appended it."""
        if self._queue and (authored := self._queue[0].authored) is not None:
            self._replica().adopt(authored)
            keep_wraps(self._replica(), authored.wraps)
            self._finish(None)

    def refused(self, rejection: Rejection) -> bool:
        """Take a refusal; False if it is not about the entry on its way."""
        proposal = self._queue[0] if self._queue else None
        if proposal is None or proposal.authored is None:
            return False
        if rejection.ids != (EntryId(membership_hash(proposal.authored.raw[64:])),):
            return False
        proposal.attempts_count += 1
        if rejection.reason is Reason.STALE_CHAIN and proposal.attempts_count < ATTEMPTS_COUNT_MAX:
            proposal.authored = None
        else:
            self._finish(_error_of(rejection.reason))
        return True

    def reconnected(self) -> None:
        """Find out, from the chain that came, what became of the entry on its way."""
        proposal = self._queue[0] if self._queue else None
        if proposal is None or proposal.authored is None:
            return
        if proposal.authored.raw in self._replica().core.chain.raws:
            self._finish(None)
        else:
            proposal.authored = None

    def abandon(self, error: BillfoldError) -> None:
        """Fail everything that waits."""
        while self._queue:
            self._finish(error)

    def _finish(self, error: BillfoldError | None) -> None:
        done = self._queue.popleft().done
        if done.done():
            return
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)


def _error_of(reason: Reason) -> AccessError | StoreFull | TransportError:
    match reason:
        case Reason.STALE_CHAIN:
            return TransportError("other devices kept changing the membership; try again")
        case Reason.FULL:
            return StoreFull("the server's disk is full; try again when it has room")
        case Reason.RATE:
            return LimitExceeded("too many membership changes in this hour; try again later")
        case Reason.REVOKED | Reason.NOT_MEMBER:
            return DeviceRevoked("this device was revoked from the wallet")
        case _:
            return NotAuthorised(f"the server refused the membership entry ({reason.value})")

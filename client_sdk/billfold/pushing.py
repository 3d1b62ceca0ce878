"""Own entries on one connection: when they may be pushed, and what a refusal means for them.

Spec: 21-sync.md
"""

from collections.abc import Sequence

from billfold.line import Line
from billfold.refusals import error_of
from billfold_protocol.feed import Reason, Rejection
from billfold_protocol.ids import EntryId

RESENDS_COUNT_MAX = 16
"""Refusals in a row after which own entries wait a while."""

RESENT = frozenset({Reason.STALE_EPOCH, Reason.STALE_CHAIN, Reason.NOT_NEXT, Reason.PRUNED})
"""Refusals whose cure is on its way: the rotation's entry, or an earlier entry."""

CURABLE = RESENT | {Reason.QUOTA, Reason.RATE, Reason.FULL, Reason.ROLE, Reason.REVOKED}
"""Refusals after which the same entries may be taken later, on the same connection.

A removal too: it may not have become durable, on a full disk. One that has ends the subscription.
"""


class Pushing:
    """The pushes of one connection."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._resent_count = 0
        self._refusals: set[Reason] = set()
        """Why nothing is pushed now."""

        self._warned: set[Reason] = set()

    @property
    def room(self) -> int | None:
        """How many bytes may be pushed now; None while the subscription is not live."""
        if not self._line.is_live or self._refusals:
            return None
        return self._line.session.push_room(self._line.replica.wallet_id)

    @property
    def is_refused(self) -> bool:
        """Whether nothing is pushed until `try_again`, for a reason that time may cure."""
        return not self._refusals.isdisjoint(CURABLE)

    def try_again(self) -> None:
        """Push again what the server refused: it may have room by now."""
        self._refusals -= CURABLE
        self._resent_count = 0

    def push(self, entries: Sequence[tuple[EntryId, bytes]]) -> None:
        """Push entries that are durable here."""
        line = self._line
        if line.is_live:
            line.outgoing.append(line.session.push(line.replica.wallet_id, entries))
        else:
            # The server ended the subscription while the entries were made durable.
            line.replica.resend([id_ for id_, _ in entries])

    def acked(self) -> None:
        """Take note that the server goes on taking entries."""
        self._resent_count = 0

    def refused(self, rejection: Rejection) -> None:
        """Take a refusal of entries: push own ones again, or rest and tell why."""
        replica, reason = self._line.replica, rejection.reason
        if reason is Reason.MOVED and not self._line.is_home:
            # The entry that names the new home came first; there they are pushed.
            replica.resend(rejection.ids)
            return
        if reason is Reason.FORK:
            replica.refused_as_fork(rejection.ids)
        if not replica.resend(rejection.ids):
            # It was about what this device had offered; its own edits go on.
            if reason is not Reason.PRUNED:
                self._warn(reason)
            return
        if reason in RESENT and self._resent_count < RESENDS_COUNT_MAX:
            self._resent_count += 1
            return
        self._refusals.add(reason)
        self._warn(reason)

    def _warn(self, reason: Reason) -> None:
        if reason not in self._warned:
            self._warned.add(reason)
            self._line.warn(error_of(reason))

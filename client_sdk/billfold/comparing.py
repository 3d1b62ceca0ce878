"""Holding what the server signed against what is here, and giving back what it has lost.

Spec: 21-sync.md
"""

from billfold.healing import offers
from billfold.line import Line
from billfold_protocol.client_session import Accepted
from billfold_protocol.errors import BillfoldError, ChainFork, Gap, ServerRollback
from billfold_protocol.feed import Checkpoint, Rejection, Vector, vector_hash
from billfold_protocol.ids import EntryId
from billfold_protocol.membership import membership_hash
from billfold_protocol.messages import Append, Compare


class Comparison:
    """What one connection shows of the server's state."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._checkpoint: Checkpoint | None = None
        self._has_compared = False
        self._offered: set[EntryId] = set()
        """Membership entries that the server had lost, on their way to it again."""

    @property
    def is_offering_members(self) -> bool:
        """Whether membership entries are on their way to a server that had lost them."""
        return bool(self._offered)

    def accepted(self, accepted: Accepted) -> None:
        """Take the checkpoint by which the subscription stands; compare the chains.

        Raises:
            ChainFork: the server's chain is another one.
        """
        replica, checkpoint = self._line.replica, accepted.checkpoint
        chain = replica.core.chain
        self._checkpoint = checkpoint
        if checkpoint.k >= len(chain):
            return
        if chain.state_at(checkpoint.k).head != checkpoint.head:
            raise ChainFork(
                "the server shows another history of the wallet's devices than this one knows"
            )
        missing = chain.raws[checkpoint.k + 1 :]
        if missing:
            self._line.warn(ServerRollback("the server has forgotten membership entries"))
        for raw in missing:
            self._offered.add(EntryId(membership_hash(raw[64:])))
            self._line.send(Append(wallet_id=replica.wallet_id, entry=raw, wraps=()))

    def appended(self) -> bool:
        """Take note that a membership entry is durable; False if it is none that was offered."""
        # The answer does not say which entry it is about; what was offered went first.
        if not self._offered:
            return False
        self._offered.pop()
        return True

    def refused(self, rejection: Rejection) -> None:
        """Take note of what the server refused."""
        self._offered.difference_update(rejection.ids)

    def caught_up(self, n: int) -> None:
        """Compare what is here with what the server signed, once for each connection."""
        replica, checkpoint = self._line.replica, self._checkpoint
        is_different = (
            checkpoint is not None
            and checkpoint.n == n
            and checkpoint.vector_hash != vector_hash(replica.vector_on_server())
        )
        missing = replica.core.graph.missing
        if (is_different or missing) and not self._has_compared:
            self._has_compared = True
            vector = replica.vector_on_server()
            self._line.send(Compare(wallet_id=replica.wallet_id, vector=vector))
        elif missing:
            self._line.warn(Gap("the server does not give an entry that others build on"))

    def difference(self, theirs: Vector) -> None:
        """Offer the server the very bytes that it lost."""
        for offer in offers(self._line.replica, theirs):
            if isinstance(offer, BillfoldError):
                self._line.warn(offer)
            else:
                self._line.send(offer)

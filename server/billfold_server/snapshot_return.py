"""Taking a snapshot back that pruning rested on and that this server has lost.

Its operator restored an older copy, or nothing was left: a device gives back what it keeps. What
the snapshot covers counts as held from then on, as it did before, and feeds go on behind it. A
server cannot open it, so it takes one only on the word of two: who made it and who endorsed it.

Spec: 16-snapshots.md
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress

from billfold_protocol import limits
from billfold_protocol.errors import BillfoldError
from billfold_protocol.ids import DeviceId, FeedId
from billfold_protocol.membership import MembershipChain
from billfold_protocol.snapshot import (
    Covered,
    Judgement,
    Snapshot,
    Verdict,
    was_alone,
    was_endorsed,
)
from billfold_server.snapshots import Held
from billfold_server.store import FeedHead
from billfold_server.wallet_log import ActiveWallet


def may_return(wallet: ActiveWallet, snapshot: Snapshot, verdicts: Iterable[bytes]) -> bool:
    """Whether a snapshot that covers more than is held may be taken all the same."""
    endorsers = endorsements_of(snapshot, verdicts, wallet.chain).keys()
    is_vouched = was_endorsed(snapshot, endorsers, wallet.chain) or was_alone(
        snapshot, wallet.chain
    )
    return is_vouched and fits(wallet, snapshot)


def endorsements_of(
    snapshot: Snapshot, verdicts: Iterable[bytes], chain: MembershipChain
) -> dict[DeviceId, bytes]:
    """Return who stands by a snapshot or did so before leaving, of what was brought with it."""
    found: dict[DeviceId, bytes] = {}
    for raw in verdicts:
        with suppress(BillfoldError):
            verdict = Verdict.verify(raw, Judgement.ENDORSED, chain)
            if verdict.snapshot == snapshot.id:
                found[verdict.device] = raw
    return found


def fits(wallet: ActiveWallet, snapshot: Snapshot) -> bool:
    """Whether nothing that is held contradicts what a snapshot covers."""
    covered = snapshot.covered
    if len(wallet.heads.keys() | covered.keys()) > limits.FEEDS_COUNT_MAX:
        return False
    return all(_fits(wallet, feed, one) for feed, one in covered.items())


def stand_on(wallet: ActiveWallet, held: Held) -> Mapping[FeedId, FeedHead]:
    """Let a wallet's feeds go on behind a snapshot; return the heads that are new.

    It takes an arrival number: by that it is seen who has read the log without it.
    """
    snapshot = held.snapshot
    heads = {
        feed: wallet.passed(
            feed, FeedHead(seq=one.seq, entry_id=one.id, device=one.device, k=snapshot.k)
        )
        for feed, one in snapshot.covered.items()
        if feed not in wallet.heads or wallet.heads[feed].seq < one.seq
    }
    wallet.heads.update(heads)
    wallet.n += 1
    held.n = wallet.n
    return heads


def settle(wallet: ActiveWallet, held: Held) -> None:
    """Take note that the new heads are durable."""
    wallet.durable_n = max(wallet.durable_n, held.n)
    for feed, (seq, id_, _) in held.snapshot.covered.items():
        if wallet.durable_vector.get(feed, (-1, b""))[0] < seq:
            wallet.durable_vector[feed] = (seq, id_)


def _fits(wallet: ActiveWallet, feed: FeedId, covered: Covered) -> bool:
    head = wallet.heads.get(feed)
    if head is None:
        return True
    if covered.seq > head.seq:
        return head.device == covered.device
    return wallet.holds(feed, covered)

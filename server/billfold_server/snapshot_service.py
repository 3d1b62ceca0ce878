"""Handing snapshots out to those who need one, and pruning what they cover.

Spec: 16-snapshots.md
"""

from dataclasses import dataclass

from billfold_protocol import limits
from billfold_protocol.ids import FeedId, SnapshotId, WalletId
from billfold_protocol.messages import WantSnapshot, Wish
from billfold_server.delivery import Delivery
from billfold_server.hub import FetchJob, Peer, SnapshotJob, Subscription
from billfold_server.snapshot_desk import SnapshotDesk, nothing, tell
from billfold_server.snapshots import grace_begins, nobody_can_judge
from billfold_server.store import DropSnapshot, PutSnapshot, SnapshotStanding, Write
from billfold_server.wallet_log import ActiveWallet, Wallets


@dataclass(frozen=True, slots=True, kw_only=True)
class PruneJob:
    """Entries that need not be held any more."""

    wallet_id: WalletId
    snapshot: SnapshotId
    covered: dict[FeedId, int]


class SnapshotService:
    """Serves snapshots, and forgets what they stand for."""

    def __init__(self, wallets: Wallets, delivery: Delivery, desk: SnapshotDesk) -> None:
        self._wallets = wallets
        self._delivery = delivery
        self._desk = desk

    def begin(
        self, peer: Peer, wallet: ActiveWallet, subscription: Subscription, wish: Wish | None
    ) -> None:
        """Tell a peer that has just subscribed, or compared, what it needs to know.

        A peer that wishes for a snapshot gets one, and one that lacks what is held no more must.
        """
        wallet_id = wallet.wallet_id
        for held in wallet.shelf.durable[-limits.SNAPSHOTS_TOLD_COUNT :]:
            peer.send(tell(wallet_id, held))
        chosen = None if wish is None else wallet.shelf.newest(wish.declined)
        if chosen is None and self._lacks_pruned(wallet, subscription):
            # Whoever does not ask for a newer one gets what is certain to be enough.
            chosen = wallet.shelf.base
        if chosen is None:
            return
        covered = chosen.snapshot.vector
        held_already = subscription.skip
        subscription.n = chosen.tail_n
        subscription.skip = {
            feed: max(covered.get(feed, head), head)
            for feed, head in {**covered, **held_already}.items()
        }
        begun = None if wish is None else wish.begun
        offset = begun[1] if begun is not None and begun[0] == chosen.snapshot.id else 0
        peer.ask(SnapshotJob(wallet_id=wallet_id, snapshot=chosen.snapshot.id, offset=offset))

    def fetch(self, peer: Peer, job: FetchJob) -> None:
        """Say first that entries which a peer fetches are held no more, if it is so."""
        wallet = self._wallets.require(job.wallet_id)
        base, pruned = wallet.shelf.base, wallet.shelf.pruned_at(job.feed)
        if base is not None and pruned is not None and job.from_seq <= pruned.seq:
            peer.send(tell(job.wallet_id, base))
        peer.ask(job)

    def want(self, peer: Peer, message: WantSnapshot) -> None:
        """Send the bytes of a snapshot that a peer asks for."""
        wallet = self._wallets.require(message.wallet_id)
        wallet_id = message.wallet_id
        if message.snapshot is not None:
            begun = message.wish.begun
            offset = begun[1] if begun is not None and begun[0] == message.snapshot else 0
            job = SnapshotJob(wallet_id=wallet_id, snapshot=message.snapshot, offset=offset)
            peer.ask(job)
            return
        chosen = wallet.shelf.newest(message.wish.declined)
        none = SnapshotId(bytes(32))
        if chosen is not None:
            peer.send(tell(wallet_id, chosen))
        snapshot = none if chosen is None else chosen.snapshot.id
        peer.ask(SnapshotJob(wallet_id=wallet_id, snapshot=snapshot, offset=0))

    def compact(self, wallet_id: WalletId, snapshot_id: SnapshotId) -> PruneJob | None:
        """Go on with a snapshot that is due; return what may be pruned now, if anything."""
        wallet = self._wallets.find(wallet_id)
        held = None if wallet is None else wallet.shelf.get(snapshot_id)
        if wallet is None or held is None or held.due_s is None or not held.is_durable:
            return None
        if held.standing is SnapshotStanding.RESTING:
            if not held.is_rested:
                return None
            self._delivery.forget_if_idle(wallet)
            covered = {feed: one.seq for feed, one in held.snapshot.covered.items()}
            return PruneJob(wallet_id=wallet_id, snapshot=snapshot_id, covered=covered)
        writes: list[Write] = []
        if grace_begins(held, wallet.chain) or nobody_can_judge(held, wallet.chain):
            dropped = wallet.shelf.rest_on(held)
            writes += (DropSnapshot(wallet_id=wallet_id, snapshot_id=id_) for id_ in dropped)
        else:
            # Who stood by it is gone, or who was alone is not any more: it waits for a judge.
            held.due_s = None
        writes.append(PutSnapshot(wallet_id=wallet_id, snapshot=held.stored()))

        def done() -> None:
            held.is_rested = held.standing is SnapshotStanding.RESTING
            self._desk.announce(wallet, held, None)

        self._desk.commit(wallet, writes, done)
        return None

    def pruned(self, job: PruneJob, size: int, *, is_done: bool) -> None:
        """Take note that entries were pruned, so many bytes; the last of them, if it is done."""
        wallet = self._wallets.find(job.wallet_id)
        if wallet is None:
            return
        if size and wallet.n:
            wallet.pruned(size)
        held = wallet.shelf.get(job.snapshot)
        if is_done and held is not None and held.due_s is not None:
            held.due_s = None
            self._desk.commit(
                wallet, [PutSnapshot(wallet_id=job.wallet_id, snapshot=held.stored())], nothing
            )
        else:
            self._delivery.forget_if_idle(wallet)

    def _lacks_pruned(self, wallet: ActiveWallet, subscription: Subscription) -> bool:
        base = wallet.shelf.base
        if base is None or subscription.n >= base.n:
            return False
        here = subscription.skip
        covered = base.snapshot.covered
        return any(feed not in here or here[feed][0] < one.seq for feed, one in covered.items())

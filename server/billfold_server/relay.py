"""The server's core: frames in, frames and durable writes out, with no network and no event loop.

`receive` judges a frame and stages its writes; the caller takes what is staged with `take_commit`,
makes it durable, and says `committed`, which sends the acks and the fan-out. What a peer lacks is
read from the store in pieces: `next_read`, then `read_done`. So the same relay runs under asyncio
and under a simulation's virtual clock.

Spec: 21-sync.md
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from billfold_protocol.crypto.signing import SigningKey
from billfold_protocol.errors import RemoteProtocolError
from billfold_protocol.feed import Reason
from billfold_protocol.ids import ServerKey, SnapshotId, WalletId
from billfold_protocol.messages import (
    Append,
    AskMailbox,
    AskState,
    CaughtUp,
    ClientMessage,
    Compare,
    Difference,
    Entries,
    Fetch,
    Inquire,
    Judge,
    Locate,
    Offer,
    OfferSnapshot,
    Push,
    PutLocator,
    Register,
    RegisterPart,
    Remind,
    SendBeacon,
    ServerState,
    SnapshotBytes,
    SnapshotPart,
    Subscribe,
    Subscribed,
    Unsubscribe,
    WantSnapshot,
)
from billfold_protocol.server_session import ServerSession
from billfold_server.commits import Commit
from billfold_server.delivery import Counters, Delivery
from billfold_server.gate import Gate
from billfold_server.hub import FetchJob, Outbox, Peer, SnapshotJob, Subscription
from billfold_server.intake import Intake, RelayConfig
from billfold_server.locators import Locators
from billfold_server.mailbox_desk import MailboxDesk
from billfold_server.mailbox_rows import MailboxRows
from billfold_server.mailboxes import Mailboxes
from billfold_server.quotas import RateLimiter
from billfold_server.reads import Piece, ReadRequest
from billfold_server.snapshot_desk import SnapshotDesk
from billfold_server.snapshot_intake import SnapshotIntake
from billfold_server.snapshot_service import PruneJob, SnapshotService
from billfold_server.store import LogStore, Pruned, StoredWrap
from billfold_server.wallet_log import ActiveWallet, Wallets


class Relay:
    """Orders, stores and forwards what it cannot read."""

    def __init__(
        self,
        store: LogStore,
        key: SigningKey,
        config: RelayConfig,
        *,
        now_s: Callable[[], float],
    ) -> None:
        self._store = store
        self._wallets = Wallets(store)
        self._delivery = Delivery(self._wallets, key, now_s=now_s)
        self._intake = Intake(self._wallets, self._delivery, config, now_s=now_s)
        self.gate = Gate(
            self._wallets,
            self._delivery,
            refusals_per_hour=config.quotas.refusals_per_address_per_hour,
            now_s=now_s,
        )
        """Lets devices in, on this relay's connections and on others."""
        desk = SnapshotDesk(self._delivery, self._intake.stage)
        self._locators = Locators(
            store, self._wallets, self._intake, key, quotas=config.quotas, now_s=now_s
        )
        rows = MailboxRows(store, self._delivery.hub)
        shared = (store, self._wallets, self._intake, rows)
        self.mailboxes = Mailboxes(*shared, key, quotas=config.quotas, now_s=now_s)
        """Answers who comes without a wallet."""

        self.mailbox_desk = MailboxDesk(
            *shared, self._delivery.server_key, quotas=config.quotas, now_s=now_s
        )
        self._snapshots = SnapshotService(self._wallets, self._delivery, desk)
        self._snapshot_intake = SnapshotIntake(
            self._wallets,
            self._delivery,
            desk,
            quotas=config.quotas,
            now_s=now_s,
        )

        # As a beacon, an answer costs a signature; it follows one, or comes before one.
        self._state_rate = RateLimiter(config.quotas.beacons_per_device_per_hour)
        self._now_s = now_s

    @property
    def counters(self) -> Counters:
        """What the relay has done since it began."""
        return self._delivery.counters

    @property
    def server_key(self) -> ServerKey:
        """The public key that clients pin."""
        return self._delivery.server_key

    @property
    def wallets_count(self) -> int:
        """How many wallets somebody listens to."""
        return self._delivery.hub.wallets_count

    def wallet(self, wallet_id: WalletId) -> ActiveWallet:
        """Return a wallet that somebody is subscribed to."""
        return self._wallets.require(wallet_id)

    def connect(
        self, outbox: Outbox, *, nonce: bytes, origins: Sequence[str], address: str
    ) -> Peer:
        """Begin a connection: the challenge is sent at once.

        Args:
            outbox: the way to the peer.
            nonce: 32 fresh random bytes.
            origins: the http(s) origins under which this peer may have dialled us.
            address: its network address, for rates.
        """
        session = ServerSession(
            server_key=self.server_key,
            instance=self._store.instance_id,
            nonce=nonce,
            origins=origins,
        )
        peer = Peer(session, outbox, address=address)
        outbox.send(session.challenge())
        return peer

    def disconnect(self, peer: Peer) -> None:
        """End a connection."""
        self._intake.registrations.take(peer)
        for wallet_id in tuple(peer.subscriptions):
            self._delivery.end(peer, wallet_id)

    def receive(self, peer: Peer, frame: bytes) -> None:
        """Judge one frame.

        Raises:
            RemoteProtocolError: the peer broke the protocol; close with its code.
            StoreError: the store is closed or damaged.
        """
        try:
            self._dispatch(peer, peer.session.receive(frame))
        except RemoteProtocolError:
            self.counters.protocol_errors += 1
            raise

    def _dispatch(self, peer: Peer, message: ClientMessage | None) -> None:
        match message:
            case None:
                pass
            case Subscribe():
                self._subscribe(peer, message)
            case Register():
                self._intake.register(peer, message)
            case RegisterPart():
                self._intake.registrations.add(peer, message)
            case Remind():
                self._intake.remind(peer, message)
            case Append():
                self._intake.append(peer, message)
            case Push():
                self._intake.push(peer, message)
            case Offer():
                self._intake.offer(peer, message)
            case Compare():
                self._compare(peer, message)
            case Fetch(wallet_id=wallet_id, feed=feed, from_seq=from_seq, count=count):
                job = FetchJob(wallet_id=wallet_id, feed=feed, from_seq=from_seq, count=count)
                self._snapshots.fetch(peer, job)
            case OfferSnapshot() | SnapshotPart() | Judge():
                self._snapshot_intake.take(peer, message)
                self.mailbox_desk.covered(message.wallet_id)
            case AskMailbox():
                self.mailbox_desk.take(peer, message)
            case WantSnapshot():
                self._snapshots.want(peer, message)
            case SendBeacon():
                self._intake.beacon(peer, message)
            case AskState():
                self._show_state(peer, message)
            case PutLocator():
                self._locators.put(peer, message)
            case Inquire():
                self._intake.inquire(peer, message)
            case Locate():
                self._locators.locate(peer, message)
            case Unsubscribe(wallet_id=wallet_id):
                self._delivery.end(peer, wallet_id)

    # Commits: what is staged becomes durable together, and only then is it spoken of.

    def take_commit(self) -> Commit | None:
        """Return everything that is staged, or None."""
        return self._intake.take_commit()

    @property
    def staged_size(self) -> int:
        """Bytes that wait to be taken; take no more frames while they are too many."""
        return self._intake.staged_size

    def committed(self, commit: Commit) -> None:
        """Send what a durable commit allows to be said; in the order of the commits."""
        self._intake.settle(commit)
        self._delivery.committed(commit)

    def failed(self, commit: Commit) -> None:
        """Refuse everything of a commit that the store did not take; before the next is taken.

        Raises:
            StoreError: the store is closed or damaged.
        """
        self._intake.settle(commit)
        self._delivery.failed(commit, self._intake.discard(commit.wallets))

    # Compacting: what an endorsed snapshot covers is held no more after its grace.

    def compact(self, wallet_id: WalletId, snapshot_id: SnapshotId) -> PruneJob | None:
        """Go on with a snapshot that is due; return what may be pruned now, if anything.

        Raises:
            StoreError: the store is closed or damaged.
        """
        return self._snapshots.compact(wallet_id, snapshot_id)

    def pruned(self, job: PruneJob, step: Pruned) -> None:
        """Take note of a step of pruning; one that found nothing ends it.

        Raises:
            StoreError: the store is closed or damaged.
        """
        self.counters.entries_pruned += step.count
        self._snapshots.pruned(job, step.size, is_done=step.count == 0)

    # Reading: what a peer lacks is read in pieces, at the pace at which it takes them.

    def next_read(self, peer: Peer) -> ReadRequest | None:
        """Return the next piece that a peer lacks, or None when all is sent."""
        if peer.fetches:
            job = peer.fetches.popleft()
            return ReadRequest(peer=peer, wallet_id=job.wallet_id, fetch=job)
        while (wallet_id := peer.next_behind()) is not None:
            subscription = peer.subscriptions[wallet_id]
            if not self._go_live(peer, wallet_id, subscription):
                durable_n = self._wallets.require(wallet_id).durable_n
                return ReadRequest(
                    peer=peer, wallet_id=wallet_id, after_n=subscription.n, durable_n=durable_n
                )
        return None

    def read_done(self, request: ReadRequest, piece: Piece) -> None:
        """Send a piece that was read."""
        peer, wallet_id = request.peer, request.wallet_id
        subscription, wallet = peer.subscriptions.get(wallet_id), self._wallets.get(wallet_id)
        if subscription is None or wallet is None:
            return
        if isinstance(piece, bytes):
            assert isinstance(request.fetch, SnapshotJob)
            _send_bytes(peer, request.fetch, piece)
            return
        entries = piece
        if request.fetch is not None:
            raws = tuple(entry.raw for entry in entries)
            peer.send(Entries(wallet_id=wallet_id, n=0, entries=raws))
            return
        if subscription.n != request.after_n or subscription.is_live:
            # The peer asked to compare, or was dropped and joined again, while this was read.
            return
        if entries:
            subscription.n = entries[-1].n
            skip = subscription.skip
            wanted = tuple(e.raw for e in entries if e.seq > skip.get(e.feed, (-1, b""))[0])
            self.counters.entries_sent += len(wanted)
            peer.send(Entries(wallet_id=wallet_id, n=subscription.n, entries=wanted))
        else:
            # All that was durable when this was asked for has been pruned.
            subscription.n = request.durable_n
        self._go_live(peer, wallet_id, subscription)

    def _go_live(self, peer: Peer, wallet_id: WalletId, subscription: Subscription) -> bool:
        """Let a peer that has been sent everything durable listen; False if something is left."""
        if subscription.n < self._wallets.require(wallet_id).durable_n:
            return False
        subscription.skip = {}
        peer.go_live(wallet_id)
        peer.send(CaughtUp(wallet_id=wallet_id, n=subscription.n))
        return True

    def _subscribe(self, peer: Peer, message: Subscribe) -> None:
        wallet_id = message.wallet_id
        wallet = self.gate.find_proven(peer.session, message)
        if wallet is None:
            # One answer, whether the wallet, the device or the proof is wrong.
            self._delivery.end_with(peer, wallet_id, Reason.UNKNOWN_WALLET)
            self.gate.count_refusal(peer.address)
            return
        peer.session.accept(wallet_id)
        cursor, n, skip = message.cursor, 0, message.vector or {}
        if cursor is not None and cursor.instance == self._store.instance_id:
            n, skip = min(cursor.n, wallet.durable_n), {}
        checkpoint = self._delivery.checkpoint(wallet, message.client_nonce, is_whole=True)
        peer.send(
            Subscribed(
                wallet_id=wallet_id,
                checkpoint=checkpoint,
                entries_count=max(0, wallet.durable_n - n),
            )
        )
        from_k = wallet.first_missing_k(message.k, message.head)
        self._delivery.send_members(peer, wallet, from_k)
        if message.device not in wallet.durable_state.members:
            self._delivery.end_with(peer, wallet_id, Reason.REVOKED)
            return
        wraps = self._store.read_wraps(wallet_id, message.device, after_k=from_k - 1)
        self._delivery.send_wraps(peer, wallet_id, [*wraps, *self._others_wraps(message, from_k)])
        self._delivery.send_beacons(peer, wallet, message.device)
        subscription = Subscription(device=message.device, n=n, skip=skip)
        self._delivery.hub.join(wallet_id, peer, subscription)
        self._snapshots.begin(peer, wallet, subscription, message.wish)

    def _others_wraps(self, message: Subscribe, from_k: int) -> list[StoredWrap]:
        """Return the wraps of the other members that every device keeps: those of the epoch."""
        state = self._wallets.require(message.wallet_id).durable_state
        if from_k > state.k:
            return []
        after_k = max(from_k, state.epoch.k) - 1
        return [
            wrap
            for device in state.members
            if device != message.device
            for wrap in self._store.read_wraps(message.wallet_id, device, after_k=after_k)
        ]

    def _compare(self, peer: Peer, message: Compare) -> None:
        wallet = self._wallets.require(message.wallet_id)
        subscription = peer.subscriptions[message.wallet_id]
        if (log := self._store.load_wallet(message.wallet_id)) is not None:
            # Who compares lacks something: it may be that the store has lost it.
            wallet.look(log.heads, self._store.read_runs(message.wallet_id))
        subscription.n, subscription.skip = 0, message.vector
        peer.fall_behind(message.wallet_id)
        peer.send(Difference(wallet_id=message.wallet_id, vector=wallet.durable_vector))
        self._snapshots.begin(peer, wallet, subscription, None)

    def _show_state(self, peer: Peer, message: AskState) -> None:
        """Sign what is durable, if the peer has not asked too often."""
        wallet = self._wallets.require(message.wallet_id)
        device = peer.subscriptions[message.wallet_id].device
        if not self._state_rate.take((message.wallet_id, device), 1, now_s=self._now_s()):
            return
        checkpoint = self._delivery.checkpoint(wallet, message.client_nonce, is_whole=True)
        vector = wallet.durable_vector
        peer.send(
            ServerState(wallet_id=message.wallet_id, checkpoint=checkpoint, vector=dict(vector))
        )


def _send_bytes(peer: Peer, job: SnapshotJob, data: bytes) -> None:
    """Send bytes of a snapshot, and go on until there are no more: none are its end."""
    peer.send(
        SnapshotBytes(wallet_id=job.wallet_id, snapshot=job.snapshot, offset=job.offset, data=data)
    )
    if data:
        following = replace(job, offset=job.offset + len(data))
        peer.fetches.appendleft(following)

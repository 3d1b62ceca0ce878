"""What the relay says: signed statements, acks, the fan-out, the end of a subscription.

Nothing here is said of what is not durable: statements are about the durable part of a wallet.

Spec: 21-sync.md
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from billfold_protocol import limits
from billfold_protocol.crypto.signing import SigningKey
from billfold_protocol.feed import Ack, Checkpoint, Reason, Rejection, vector_hash
from billfold_protocol.ids import DeviceId, EntryId, ServerKey, WalletId
from billfold_protocol.membership import membership_hash
from billfold_protocol.messages import (
    Appended,
    Ended,
    Entries,
    HeardBeacon,
    LocatorKept,
    Members,
    Pushed,
    Registered,
    Rejected,
    Wraps,
)
from billfold_server.commits import (
    BeaconStep,
    Commit,
    EntriesStep,
    LocatorStep,
    MailboxStep,
    MemberStep,
    RepeatStep,
    SnapshotStep,
    WalletCommit,
)
from billfold_server.hub import Hub, Peer
from billfold_server.store import StoredEntry, StoredWrap
from billfold_server.wallet_log import ActiveWallet, Wallets


@dataclass(slots=True)
class Counters:
    """What the relay has done since it began, for the operator's metrics."""

    entries_taken: int = 0
    entries_sent: int = 0
    entries_refused: int = 0
    members_appended: int = 0
    snapshots_taken: int = 0
    snapshots_objected: int = 0
    entries_pruned: int = 0
    wallets_registered: int = 0
    protocol_errors: int = 0
    commits: int = 0


class Delivery:
    """Says to each peer what it may know."""

    def __init__(self, wallets: Wallets, key: SigningKey, *, now_s: Callable[[], float]) -> None:
        self._wallets = wallets
        self._key = key
        self._now_s = now_s
        self.hub = Hub()
        self.counters = Counters()

    @property
    def server_key(self) -> ServerKey:
        """The public key that clients pin."""
        return ServerKey(self._key.public_key)

    def committed(self, commit: Commit) -> None:
        """Send what a durable commit allows to be said."""
        self.counters.commits += 1
        for registration in commit.registrations:
            wallet_id = registration.write.wallet_id
            self.counters.wallets_registered += 1
            for peer in registration.peers:
                peer.session.end(wallet_id)
                peer.send(Registered(wallet_id=wallet_id))
        for wallet_id, part in commit.wallets.items():
            part.settle()
            # What others wait to see goes first, then the author's ack; but both before a change
            # of the members, which may end a subscription.
            is_acknowledged = False
            for step in part.steps:
                if isinstance(step, MemberStep) and not is_acknowledged:
                    is_acknowledged = True
                    self._acknowledge(part)
                match step:
                    case EntriesStep():
                        for entries in step.batches():
                            self._fan_out(part.wallet, entries)
                    case MemberStep():
                        self._announce(part.wallet, step)
                    case RepeatStep():
                        self.appended(step.peer, part.wallet)
                    case SnapshotStep() | MailboxStep():
                        step.done()
                    case BeaconStep():
                        message = HeardBeacon(wallet_id=wallet_id, beacon=step.raw)
                        for peer, _ in self.hub.listeners(wallet_id):
                            if peer is not step.peer:
                                peer.send(message)
                    case LocatorStep():
                        step.peer.send(LocatorKept(wallet_id=wallet_id, locator=step.locator))
            if not is_acknowledged:
                self._acknowledge(part)
            self.forget_if_idle(part.wallet)

    def failed(self, commit: Commit, later: Mapping[WalletId, WalletCommit]) -> None:
        """Refuse everything of a commit that the store did not take, and go on without it.

        Args:
            commit: what was not taken.
            later: what is staged since in the same wallets; it builds on what was lost.

        Raises:
            StoreError: the store is closed or damaged.
        """
        for registration in commit.registrations:
            for peer in registration.peers:
                self.end_with(peer, registration.write.wallet_id, Reason.FULL)
        for wallet_id, part in commit.wallets.items():
            self._refuse_all(part)
            if wallet_id in later:
                self._refuse_all(later[wallet_id])
            self._wallets.forget(wallet_id)
            # Who listens has been told of nothing that was lost, and goes on listening.
            if self.hub.has_listeners(wallet_id) and self._wallets.find(wallet_id) is None:
                for peer, _ in self.hub.listeners(wallet_id):
                    self.end_with(peer, wallet_id, Reason.UNKNOWN_WALLET)

    def checkpoint(
        self, wallet: ActiveWallet, client_nonce: bytes | None, *, is_whole: bool
    ) -> bytes:
        """Sign what is durable of a wallet; with the hash of its vector if it is whole."""
        checkpoint = Checkpoint(
            wallet_id=wallet.wallet_id,
            n=wallet.durable_n,
            k=wallet.durable_state.k,
            head=wallet.durable_state.head,
            time_s=int(self._now_s()),
            client_nonce=client_nonce,
            vector_hash=vector_hash(wallet.durable_vector) if is_whole else None,
        )
        return checkpoint.sign(self._key)

    def send_members(self, peer: Peer, wallet: ActiveWallet, from_k: int) -> None:
        """Send the durable membership entries from an index on, in bounded messages."""
        batch: list[bytes] = []
        size = 0
        last_k = wallet.durable_state.k
        for k in range(from_k, last_k + 1):
            batch.append(wallet.chain.raws[k])
            size += len(batch[-1])
            is_full = size + limits.MEMBERSHIP_ENTRY_SIZE_MAX > limits.BATCH_SIZE_MAX
            if k == last_k or is_full or len(batch) == limits.BATCH_COUNT_MAX:
                first_k = k + 1 - len(batch)
                peer.send(Members(wallet_id=wallet.wallet_id, k=first_k, entries=tuple(batch)))
                batch, size = [], 0

    def send_wraps(self, peer: Peer, wallet_id: WalletId, wraps: Sequence[StoredWrap]) -> None:
        """Send wraps, in bounded messages."""
        for start in range(0, len(wraps), limits.MEMBERS_COUNT_MAX):
            some = wraps[start : start + limits.MEMBERS_COUNT_MAX]
            listed = tuple((wrap.k, wrap.device, wrap.raw) for wrap in some)
            peer.send(Wraps(wallet_id=wallet_id, wraps=listed))

    def send_beacons(self, peer: Peer, wallet: ActiveWallet, device: DeviceId) -> None:
        """Send the last beacon of each member but the given device."""
        for author, beacon in wallet.beacons.items():
            if author != device and author in wallet.durable_state.members:
                peer.send(HeardBeacon(wallet_id=wallet.wallet_id, beacon=beacon))

    def appended(self, peer: Peer, wallet: ActiveWallet) -> None:
        """Say that the membership entry a peer brought is durable."""
        checkpoint = self.checkpoint(wallet, None, is_whole=False)
        peer.send(Appended(wallet_id=wallet.wallet_id, checkpoint=checkpoint))

    def refuse(
        self,
        peer: Peer,
        wallet: ActiveWallet,
        ids: Sequence[EntryId],
        reason: Reason,
        size: int = 0,
    ) -> None:
        """Refuse entries for a reason, and give back the credit of their size."""
        self.counters.entries_refused += len(ids)
        peer.session.answered(wallet.wallet_id, size)
        for start in range(0, len(ids), limits.BATCH_COUNT_MAX):
            rejection = Rejection(
                wallet_id=wallet.wallet_id,
                ids=tuple(ids[start : start + limits.BATCH_COUNT_MAX]),
                reason=reason,
                k=wallet.state.k,
            )
            peer.send(Rejected(wallet_id=wallet.wallet_id, rejection=rejection.sign(self._key)))

    def end_with(self, peer: Peer, wallet_id: WalletId, reason: Reason) -> None:
        """End a subscription, or refuse one, and say why."""
        self.end(peer, wallet_id)
        peer.send(Ended(wallet_id=wallet_id, reason=reason))

    def end(self, peer: Peer, wallet_id: WalletId) -> None:
        """End a subscription without a word."""
        peer.session.end(wallet_id)
        self.hub.leave(wallet_id, peer)
        wallet = self._wallets.get(wallet_id)
        if wallet is not None:
            self.forget_if_idle(wallet)

    def forget_if_idle(self, wallet: ActiveWallet) -> None:
        """Drop a wallet from memory when nobody listens and nothing is staged."""
        if wallet.staged_count == 0 and not self.hub.has_listeners(wallet.wallet_id):
            self._wallets.forget(wallet.wallet_id)

    def _refuse_all(self, part: WalletCommit) -> None:
        for peer, acks in part.acks.items():
            self.refuse(peer, part.wallet, list(acks), Reason.FULL, sum(acks.values()))
        for step in part.steps:
            if isinstance(step, MemberStep):
                named = EntryId(membership_hash(step.member.raw[64:]))
                self.refuse(step.peer, part.wallet, [named], Reason.FULL)
            elif isinstance(step, SnapshotStep) and step.peer and step.named:
                self.refuse(step.peer, part.wallet, [step.named], Reason.FULL)
            elif isinstance(step, MailboxStep):
                step.failed()
            elif isinstance(step, RepeatStep):
                self.end_with(step.peer, part.wallet.wallet_id, Reason.FULL)

    def _acknowledge(self, part: WalletCommit) -> None:
        """Sign one ack for each author: it promises that its entries are durable."""
        wallet = part.wallet
        for peer, acks in part.acks.items():
            peer.session.answered(wallet.wallet_id, sum(acks.values()))
            ids = tuple(acks)
            for start in range(0, len(ids), limits.BATCH_COUNT_MAX):
                ack = Ack(
                    wallet_id=wallet.wallet_id,
                    ids=ids[start : start + limits.BATCH_COUNT_MAX],
                    n=wallet.durable_n,
                    k=wallet.durable_state.k,
                    head=wallet.durable_state.head,
                )
                peer.send(Pushed(wallet_id=wallet.wallet_id, ack=ack.sign(self._key)))

    def _fan_out(self, wallet: ActiveWallet, entries: Sequence[tuple[StoredEntry, Peer]]) -> None:
        """Send new entries to the peers that are live; the others read them from the store."""
        everything: bytes | None = None
        last_n = entries[-1][0].n
        for peer, subscription in self.hub.listeners(wallet.wallet_id):
            if not subscription.is_live:
                continue
            if peer.outbox.is_congested:
                peer.fall_behind(wallet.wallet_id)
                continue
            # A read from the store may have been quicker than the news of the commit.
            n = subscription.n
            if n >= last_n:
                continue
            subscription.n = last_n
            raws = tuple([e.raw for e, author in entries if author is not peer and e.n > n])
            if not raws:
                # Its ack says that its own are here.
                continue
            self.counters.entries_sent += len(raws)
            message = Entries(wallet_id=wallet.wallet_id, n=last_n, entries=raws)
            if len(raws) == len(entries):
                everything = everything or peer.session.send(message)
                peer.outbox.send(everything)
            else:
                peer.send(message)

    def _announce(self, wallet: ActiveWallet, step: MemberStep) -> None:
        """Tell everybody of a new membership entry, and end the subscriptions of those removed."""
        wallet_id, k = wallet.wallet_id, step.member.k
        self.counters.members_appended += 1
        self.appended(step.peer, wallet)
        members = wallet.chain.state_at(k).members
        for peer, subscription in self.hub.listeners(wallet_id):
            if peer is not step.peer:
                peer.send(Members(wallet_id=wallet_id, k=k, entries=(step.member.raw,)))
            if subscription.device not in members:
                self.end_with(peer, wallet_id, Reason.REVOKED)
            elif peer is not step.peer:
                # Each device keeps all of them, so that any can give them back.
                self.send_wraps(peer, wallet_id, step.wraps)

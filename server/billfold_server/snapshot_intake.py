"""What the relay takes about snapshots: statements, bytes in parts, verdicts.

What it says of one it says after the commit that holds it. Nothing here can open a snapshot; that
its bytes are those of its statement, and who signed it, is all that a server can see.

Spec: 16-snapshots.md
"""

from collections.abc import Callable, Sequence

from billfold_protocol import limits
from billfold_protocol.crypto.signing import Signed
from billfold_protocol.errors import (
    BillfoldError,
    ChainFork,
    DeviceRevoked,
    Gap,
    NotAuthorised,
    RemoteProtocolError,
    UnknownEpoch,
    UnsignedMember,
)
from billfold_protocol.feed import Reason
from billfold_protocol.ids import EntryId
from billfold_protocol.messages import (
    Judge,
    Judged,
    OfferSnapshot,
    SnapshotPart,
    SnapshotWanted,
)
from billfold_protocol.snapshot import (
    Judgement,
    Snapshot,
    Verdict,
    may_judge,
    parse_snapshot,
    verify_snapshot,
)
from billfold_server.delivery import Delivery
from billfold_server.hub import Peer
from billfold_server.quotas import Quotas, RateLimiter
from billfold_server.snapshot_desk import SnapshotDesk, nothing
from billfold_server.snapshot_return import (
    endorsements_of,
    fits,
    may_return,
    settle,
    stand_on,
)
from billfold_server.snapshots import (
    Held,
    first_beyond,
    grace_begins,
    nobody_can_judge,
)
from billfold_server.store import (
    AppendEntries,
    DropSnapshot,
    PutEndorsement,
    PutSnapshot,
    PutSnapshotPart,
    SnapshotStanding,
    Write,
)
from billfold_server.wallet_log import ActiveWallet, Wallets

_REASONS: Sequence[tuple[type[BillfoldError], Reason]] = (
    (Gap, Reason.STALE_CHAIN),
    (ChainFork, Reason.STALE_CHAIN),
    (UnknownEpoch, Reason.STALE_EPOCH),
    (UnsignedMember, Reason.NOT_MEMBER),
    (DeviceRevoked, Reason.REVOKED),
    (NotAuthorised, Reason.ROLE),
    (BillfoldError, Reason.INVALID),
)


class SnapshotIntake:
    """Judges what peers bring and say about snapshots."""

    def __init__(
        self,
        wallets: Wallets,
        delivery: Delivery,
        desk: SnapshotDesk,
        *,
        quotas: Quotas,
        now_s: Callable[[], float],
    ) -> None:
        self._wallets = wallets
        self._delivery = delivery
        self._desk = desk
        self._size_max = quotas.wallet_size_max
        self._rate = RateLimiter(quotas.snapshots_per_device_per_hour)
        self._grace_s = quotas.snapshot_grace_s
        self._alone_s = quotas.snapshot_alone_s
        self._now_s = now_s

    def take(self, peer: Peer, message: OfferSnapshot | SnapshotPart | Judge) -> None:
        """Take one message.

        Raises:
            RemoteProtocolError: what it brings is no snapshot or no verdict.
        """
        match message:
            case OfferSnapshot():
                self._offer(peer, message)
            case SnapshotPart():
                self._part(peer, message)
            case Judge():
                self._judge(peer, message)

    def _offer(self, peer: Peer, message: OfferSnapshot) -> None:
        wallet = self._wallets.require(message.wallet_id)
        device = peer.subscriptions[message.wallet_id].device
        try:
            signed = parse_snapshot(message.statement, message.wallet_id)
        except BillfoldError as error:
            raise RemoteProtocolError("what was brought is no snapshot") from error
        snapshot = signed.value
        held = wallet.shelf.get(snapshot.id)
        if held is not None and (held.is_whole or held.body_hash is not None):
            self._want_more(peer, wallet, held)
            return
        reason = (
            self._refuse(wallet, signed, message.verdicts)
            if self._rate.take((device,), 1, now_s=self._now_s())
            else Reason.RATE
        )
        if reason is not None:
            self._delivery.refuse(peer, wallet, [EntryId(snapshot.id)], reason)
            return
        beyond = first_beyond(
            snapshot.covered, ((feed, head.seq) for feed, head in wallet.heads.items())
        )
        numbers = [wallet.number_of(feed, seq) for feed, seq in beyond]
        tail_n = min((n - 1 for n in numbers if n is not None), default=wallet.durable_n)
        replaced = wallet.shelf.add(snapshot, signed.raw, n=wallet.n, tail_n=tail_n)
        added = wallet.shelf.get(snapshot.id)
        assert added is not None
        added.brought = message.verdicts
        added.is_returned = not _holds_all_of(wallet, snapshot)
        wallet_id = wallet.wallet_id
        writes: list[Write] = [
            DropSnapshot(wallet_id=wallet_id, snapshot_id=id_)
            for id_ in dict.fromkeys([*replaced, snapshot.id])
        ]
        writes.append(PutSnapshot(wallet_id=wallet_id, snapshot=added.stored()))
        self._desk.commit(
            wallet, writes, lambda: self._want_more(peer, wallet, added), peer, snapshot
        )

    def _refuse(
        self, wallet: ActiveWallet, signed: Signed[Snapshot], verdicts: Sequence[bytes]
    ) -> Reason | None:
        """Return why a new snapshot is not taken."""
        snapshot = signed.value
        if not wallet.lives_on(self._delivery.server_key):
            return Reason.MOVED
        try:
            verify_snapshot(signed, wallet.chain)
        except BillfoldError as error:
            return next(reason for kind, reason in _REASONS if isinstance(error, kind))
        if wallet.size + wallet.shelf.size + snapshot.size > self._size_max:
            return Reason.QUOTA
        is_held = _holds_all_of(wallet, snapshot)
        if not is_held and not may_return(wallet, snapshot, verdicts):
            return Reason.NOT_NEXT
        base = wallet.shelf.base
        if base is not None and any(
            feed not in snapshot.covered or snapshot.covered[feed].seq < one.seq
            for feed, one in base.snapshot.covered.items()
        ):
            return Reason.PRUNED
        return None

    def _part(self, peer: Peer, message: SnapshotPart) -> None:
        wallet = self._wallets.require(message.wallet_id)
        held = wallet.shelf.get(message.snapshot)
        if held is None or held.body_hash is None:
            self._delivery.refuse(peer, wallet, [EntryId(message.snapshot)], Reason.NOT_NEXT)
            return
        rest = held.snapshot.size - held.received
        if message.offset != held.received:
            self._want_more(peer, wallet, held)
            return
        if len(message.data) != min(rest, limits.SNAPSHOT_PART_SIZE):
            raise RemoteProtocolError("a part of a snapshot has another size than it must have")
        held.body_hash.update(message.data)
        held.received += len(message.data)
        wallet_id, id_ = wallet.wallet_id, held.snapshot.id
        writes: list[Write] = [
            PutSnapshotPart(
                wallet_id=wallet_id, snapshot_id=id_, offset=message.offset, data=message.data
            )
        ]
        if not held.is_whole:
            self._desk.commit(
                wallet, writes, lambda: self._want_more(peer, wallet, held), peer, held.snapshot
            )
            return
        is_right = held.body_hash.digest() == held.snapshot.digest
        held.body_hash = None
        # More may have come of its feeds while its bytes came in.
        if not is_right or (held.is_returned and not fits(wallet, held.snapshot)):
            wallet.shelf.drop([id_])
            drop = DropSnapshot(wallet_id=wallet_id, snapshot_id=id_)
            self._desk.commit(wallet, [drop], nothing)
            reason = Reason.NOT_NEXT if is_right else Reason.INVALID
            self._delivery.refuse(peer, wallet, [EntryId(id_)], reason)
            return
        self._delivery.counters.snapshots_taken += 1
        if held.is_returned:
            writes += self._return(wallet, held)
        elif nobody_can_judge(held, wallet.chain):
            writes += self._accept(wallet, held, self._alone_s)

        def done() -> None:
            held.is_durable = True
            if held.is_returned:
                held.is_rested = True
                settle(wallet, held)
            self._want_more(peer, wallet, held)
            self._desk.announce(wallet, held, peer)
            for raw in held.brought:
                self._endorse(peer, wallet, raw)

        self._desk.commit(wallet, writes, done, peer, held.snapshot)

    def _accept(self, wallet: ActiveWallet, held: Held, wait_s: int) -> list[Write]:
        dropped = wallet.shelf.accept(held, int(self._now_s()) + wait_s)
        wallet_id = wallet.wallet_id
        return [
            PutSnapshot(wallet_id=wallet_id, snapshot=held.stored()),
            *(DropSnapshot(wallet_id=wallet_id, snapshot_id=id_) for id_ in dropped),
        ]

    def _return(self, wallet: ActiveWallet, held: Held) -> list[Write]:
        """Rest on a snapshot as before it was lost; what is held of it goes after the grace."""
        wallet_id, id_ = wallet.wallet_id, held.snapshot.id
        held.endorsements = endorsements_of(held.snapshot, held.brought, wallet.chain)
        heads = stand_on(wallet, held)
        dropped = wallet.shelf.rest_on(held)
        held.due_s = int(self._now_s()) + self._grace_s
        return [
            AppendEntries(wallet_id=wallet_id, entries=(), heads=heads),
            PutSnapshot(wallet_id=wallet_id, snapshot=held.stored()),
            *(
                PutEndorsement(wallet_id=wallet_id, snapshot_id=id_, device=device, raw=raw)
                for device, raw in held.endorsements.items()
            ),
            *(DropSnapshot(wallet_id=wallet_id, snapshot_id=other) for other in dropped),
        ]

    def _judge(self, peer: Peer, message: Judge) -> None:
        wallet = self._wallets.require(message.wallet_id)
        device = peer.subscriptions[message.wallet_id].device
        if not self._rate.take((device, "judge"), 1, now_s=self._now_s()):
            return
        if message.judgement is Judgement.ENDORSED:
            self._endorse(peer, wallet, message.verdict)
            return
        verdict = self._verify(wallet, message.verdict, Judgement.OBJECTED)
        held = None if verdict is None else wallet.shelf.get(verdict.snapshot)
        # What was pruned on it cannot be brought back by an objection.
        if held is None or held.standing is SnapshotStanding.RESTING:
            return
        wallet.shelf.drop([held.snapshot.id])
        self._delivery.counters.snapshots_objected += 1
        said = Judged(
            wallet_id=wallet.wallet_id, judgement=Judgement.OBJECTED, verdict=message.verdict
        )
        drop = DropSnapshot(wallet_id=wallet.wallet_id, snapshot_id=held.snapshot.id)
        self._desk.commit(wallet, [drop], lambda: self._desk.say(wallet, said, peer))

    def _endorse(self, peer: Peer, wallet: ActiveWallet, raw: bytes) -> None:
        verdict = self._verify(wallet, raw, Judgement.ENDORSED)
        held = None if verdict is None else wallet.shelf.get(verdict.snapshot)
        if verdict is None or held is None or not held.is_durable:
            return
        if verdict.device == held.snapshot.author or verdict.device in held.endorsements:
            return
        was_endorsed = grace_begins(held, wallet.chain)
        held.endorsements[verdict.device] = raw
        wallet_id = wallet.wallet_id
        writes: list[Write] = [
            PutEndorsement(
                wallet_id=wallet_id,
                snapshot_id=held.snapshot.id,
                device=verdict.device,
                raw=raw,
            )
        ]
        is_resting = held.standing is SnapshotStanding.RESTING
        if not was_endorsed and not is_resting and grace_begins(held, wallet.chain):
            writes += self._accept(wallet, held, self._grace_s)
        said = Judged(wallet_id=wallet_id, judgement=Judgement.ENDORSED, verdict=raw)
        self._desk.commit(wallet, writes, lambda: self._desk.say(wallet, said, peer))

    def _verify(self, wallet: ActiveWallet, raw: bytes, judgement: Judgement) -> Verdict | None:
        """Return a verdict of a present member, other than recovery words; None if it is none."""
        try:
            verdict = Verdict.verify(raw, judgement, wallet.chain)
        except BillfoldError:
            self._delivery.counters.protocol_errors += 1
            return None
        return verdict if may_judge(verdict.device, wallet.state) else None

    def _want_more(self, peer: Peer, wallet: ActiveWallet, held: Held) -> None:
        if wallet.wallet_id in peer.subscriptions:
            peer.send(
                SnapshotWanted(
                    wallet_id=wallet.wallet_id, snapshot=held.snapshot.id, offset=held.received
                )
            )


def _holds_all_of(wallet: ActiveWallet, snapshot: Snapshot) -> bool:
    return all(wallet.holds(feed, one) for feed, one in snapshot.covered.items())

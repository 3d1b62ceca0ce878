"""What one connection says about snapshots: bytes up and down, verdicts, fallbacks.

Spec: 16-snapshots.md
"""

from billfold.events import SnapshotProgress
from billfold.line import Line
from billfold.snapshots import Keeper, KnownSnapshot
from billfold_protocol import limits
from billfold_protocol.errors import BillfoldError, SnapshotMismatch
from billfold_protocol.feed import Rejection
from billfold_protocol.ids import SnapshotId, short
from billfold_protocol.messages import (
    Compare,
    FromServer,
    Judge,
    Judged,
    OfferSnapshot,
    SnapshotBytes,
    SnapshotHeld,
    SnapshotPart,
    SnapshotWanted,
    WantSnapshot,
    Wish,
)
from billfold_protocol.snapshot import Judgement, Verdict, parse_snapshot, verify_snapshot


class SnapshotExchange:
    """One connection's part in a replica's snapshots."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._received: dict[SnapshotId, bytearray] = {}
        self._judging: SnapshotId | None = None
        self._has_caught_up = self._has_declined = False

    @property
    def _keeper(self) -> Keeper:
        return self._line.replica.snapshots

    def wish(self) -> Wish | None:
        """Return the wish for a snapshot of a device that holds nothing yet."""
        if self._line.replica.vector:
            return None
        declined = sorted(self._keeper.declined)[: limits.SNAPSHOTS_DECLINED_COUNT_MAX]
        return Wish(declined=tuple(declined))

    def receive(self, message: FromServer) -> None:
        """Take one message."""
        match message:
            case SnapshotHeld():
                self._held(message)
            case SnapshotBytes():
                self._bytes(message)
            case SnapshotWanted(snapshot=snapshot, offset=offset):
                self._wanted(snapshot, offset)
            case Judged():
                self._heard_verdict(message)

    def send(self, message: OfferSnapshot | Judge | WantSnapshot) -> None:
        """Say what the replica has noted, unless the server has ended the subscription."""
        if self._line.session.is_subscribed(self._line.replica.wallet_id):
            self._line.send(message)

    def caught_up(self) -> None:
        """Go on with what an earlier connection left undone."""
        if not self._has_caught_up:
            # What an earlier connection was told may not have arrived.
            self._has_caught_up = True
            self._keeper.judged.clear()
            again = self._keeper.offer_again()
            if again is not None:
                self._line.send(again)
        self.look()

    def look(self) -> None:
        """Ask for a snapshot that this device should judge, one at a time."""
        if not self._line.is_live or self._judging is not None:
            return
        known = self._keeper.next_to_judge()
        if known is not None:
            self._judging = known.snapshot.id
            message = WantSnapshot(
                wallet_id=self._line.replica.wallet_id, snapshot=known.snapshot.id, wish=Wish()
            )
            self._line.send(message)

    def refused(self, rejection: Rejection) -> bool:
        """Take note of a refusal; False if it is not about a snapshot."""
        return any(self._keeper.refused(SnapshotId(bytes(id_))) for id_ in rejection.ids)

    def _held(self, message: SnapshotHeld) -> None:
        chain = self._line.replica.core.chain
        try:
            signed = parse_snapshot(message.statement, self._line.replica.wallet_id)
            known = KnownSnapshot(verify_snapshot(signed, chain), is_resting=message.is_resting)
        except BillfoldError as error:
            self._line.warn(error)
            return
        for raw in message.endorsements:
            self._add_endorsement(known, raw)
        self._keeper.learn(known)
        self.look()

    def _add_endorsement(self, known: KnownSnapshot, raw: bytes) -> None:
        try:
            verdict = Verdict.verify(raw, Judgement.ENDORSED, self._line.replica.core.chain)
        except BillfoldError as error:
            self._line.warn(error)
            return
        if verdict.snapshot == known.snapshot.id:
            known.endorsements[verdict.device] = raw

    def _bytes(self, message: SnapshotBytes) -> None:
        id_ = message.snapshot
        known = self._keeper.known.get(id_)
        if not message.data:
            self._ended(id_)
            return
        if known is None:
            return
        received = self._received.setdefault(id_, bytearray())
        if message.offset != len(received):
            return
        received += message.data
        done, total = len(received), known.snapshot.size
        if id_ != self._judging:
            self._line.tell(SnapshotProgress(done=done, total=total))
        if done < total:
            return
        ciphertext = bytes(self._received.pop(id_))
        if id_ == self._judging:
            self._judging = None
            self._keeper.judge(known, ciphertext)
            self.look()
        elif id_ not in self._keeper.declined and self._keeper.is_needed(known.snapshot):
            if self._keeper.is_acceptable(known):
                self._keeper.adopt(known, ciphertext)
            else:
                self._keeper.decline(known)
        if id_ in self._keeper.declined:
            self._has_declined = True
        elif self._has_declined:
            # The server has left out what the declined one covers.
            self._has_declined = False
            self._compare()

    def _ended(self, id_: SnapshotId) -> None:
        """Go on when the server has no more bytes: after the last ones, or for want of any."""
        if id_ == self._judging:
            # It was replaced, or objected to, meanwhile.
            self._judging = None
            self._received.pop(id_, None)
            self._keeper.forget(id_)
            self.look()
        elif not any(id_):
            # There is no other snapshot: the entries themselves it is.
            self._has_declined = False
            self._compare()

    def _compare(self) -> None:
        replica = self._line.replica
        message = Compare(wallet_id=replica.wallet_id, vector=replica.vector_on_server())
        self._line.send(message)

    def _wanted(self, snapshot: SnapshotId, offset: int) -> None:
        data = self._keeper.part(snapshot, offset)
        if data is not None:
            self._line.send(
                SnapshotPart(
                    wallet_id=self._line.replica.wallet_id,
                    snapshot=snapshot,
                    offset=offset,
                    data=data,
                )
            )

    def _heard_verdict(self, message: Judged) -> None:
        replica = self._line.replica
        try:
            verdict = Verdict.verify(message.verdict, message.judgement, replica.core.chain)
        except BillfoldError as error:
            self._line.warn(error)
            return
        known = self._keeper.known.get(verdict.snapshot)
        if known is None or verdict.device not in replica.state.members:
            return
        if message.judgement is Judgement.ENDORSED:
            known.endorsements[verdict.device] = message.verdict
        elif not known.is_resting:
            self._keeper.forget(verdict.snapshot)
            author = short(known.snapshot.author)
            self._line.warn(
                SnapshotMismatch(
                    f"device {short(verdict.device)} found that the snapshot which device "
                    f"{author} made is not what it says; it is not used"
                )
            )

"""What one connection says about snapshots: bytes up and down, verdicts, fallbacks.

Spec: 16-snapshots.md
"""

from collections.abc import Callable

from billfold.events import SnapshotProgress
from billfold.findings import Finding, note
from billfold.line import Line
from billfold.snapshots import Keeper, KnownSnapshot
from billfold_protocol import limits
from billfold_protocol.errors import BillfoldError, SnapshotMismatch
from billfold_protocol.feed import Rejection, Vector
from billfold_protocol.ids import SnapshotId, short
from billfold_protocol.messages import (
    Compare,
    Difference,
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
from billfold_protocol.snapshot import (
    Judgement,
    Verdict,
    may_judge,
    parse_snapshot,
    verify_snapshot,
)


class SnapshotExchange:
    """One connection's part in a replica's snapshots."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._received: dict[SnapshotId, bytearray] = {}
        self._judging: SnapshotId | None = None
        self._has_caught_up = self._has_declined = self._is_compared = False
        self.is_beginning = False
        """Whether a snapshot was declined, and what the server left out for it has not come."""

        self._told: set[SnapshotId] = set()
        """The snapshots that the server says it holds, on this connection."""

        self._given: Callable[[], None] | None = None
        """What follows when a snapshot has been given back."""

    @property
    def is_giving(self) -> bool:
        """Whether a snapshot is given back, on which what is pushed would build."""
        return self._given is not None

    @property
    def is_unsettled(self) -> bool:
        """Whether what is pushed now might rest on what the server, or this device, lacks."""
        return self.is_giving or self.is_beginning

    @property
    def _keeper(self) -> Keeper:
        return self._line.replica.snapshots

    def wish(self) -> Wish | None:
        """Return the wish for a snapshot of a device that holds nothing yet."""
        if self._line.replica.vector:
            return None
        declined = sorted(self._keeper.judging.declined)[: limits.SNAPSHOTS_DECLINED_COUNT_MAX]
        return Wish(declined=tuple(declined))

    def receive(self, message: FromServer | Difference) -> None:
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
            case Difference():
                # What the server sends now is all that is not here.
                self._is_compared = self.is_beginning and not self._has_declined
        self._tell_found()

    def send(self, message: OfferSnapshot | Judge | WantSnapshot) -> None:
        """Say what the replica has noted, unless the server has ended the subscription."""
        if isinstance(message, OfferSnapshot | Judge) and not self._line.is_home:
            return
        if self._line.session.is_subscribed(self._line.replica.wallet_id):
            self._line.send(message)

    def caught_up(self) -> None:
        """Go on with what an earlier connection left undone."""
        if not self._has_caught_up:
            # What an earlier connection was told may not have arrived.
            self._has_caught_up = True
            self._keeper.connected(self._told)
            again = self._keeper.offer_again()
            if again is not None and self._line.is_home:
                self._line.send(again)
        if self._is_compared:
            self.is_beginning = self._is_compared = False
        self.look()

    def look(self) -> None:
        """Ask for a snapshot that this device should judge, one at a time."""
        if not self._line.is_live or self._judging is not None:
            return
        judging = self._keeper.judging
        known = judging.next_to_judge() or judging.next_to_keep()
        self._tell_found()
        if known is not None:
            self._judging = known.snapshot.id
            self._want(known.snapshot.id)

    def refused(self, rejection: Rejection) -> bool:
        """Take note of a refusal; False if it is not about a snapshot."""
        foundation = self._keeper.foundation
        for id_ in rejection.ids:
            if foundation.is_given(SnapshotId(bytes(id_))):
                foundation.refused()
                self._has_given()
                return True
        return any(self._keeper.refused(SnapshotId(bytes(id_))) for id_ in rejection.ids)

    def give_back(self, theirs: Vector, then: Callable[[], None]) -> bool:
        """Give a server with this vector the snapshot that it has lost; False if it has not.

        Args:
            theirs: the heads that the server holds.
            then: is called when the server has the snapshot, or does not take it.

        Raises:
            StoreDamaged: stored bytes fail their checks.
        """
        offer = None if self.is_giving else self._keeper.foundation.offer(theirs)
        if offer is None:
            return self.is_giving
        self._given = then
        self._line.send(offer)
        return True

    def _has_given(self) -> None:
        then, self._given = self._given, None
        if then is not None:
            then()

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
        self._told.add(known.snapshot.id)
        self._keeper.learn(known)
        is_lacking = message.is_resting and self._keeper.is_needed(known.snapshot)
        # After one was declined the next is on its way already.
        is_asked = self.is_beginning or known.snapshot.id in self._received
        if is_lacking and self._line.is_live and not is_asked and self._keeper.is_acceptable(known):
            # Another device has given it back to a server that had lost it, and that is live here.
            self._want(known.snapshot.id)
        self.look()

    def _want(self, snapshot: SnapshotId) -> None:
        wallet_id = self._line.replica.wallet_id
        self._line.send(WantSnapshot(wallet_id=wallet_id, snapshot=snapshot, wish=Wish()))

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
            self._keeper.judging.judge(known, ciphertext)
            self.look()
            return
        if id_ not in self._keeper.judging.declined and self._keeper.is_needed(known.snapshot):
            if self._keeper.is_acceptable(known):
                self._keeper.adopt(known, ciphertext, lambda: self._looked_at(id_))
                return
            self._keeper.decline(known)
        self._looked_at(id_)

    def _looked_at(self, id_: SnapshotId) -> None:
        """Go on when a snapshot was taken, or declined."""
        if id_ in self._keeper.judging.declined:
            self._has_declined = self.is_beginning = True
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
        foundation = self._keeper.foundation
        if foundation.is_given(snapshot):
            data: bytes | None = foundation.part(offset) or None
            if data is None:
                self._has_given()
        else:
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
        if known is None or not may_judge(verdict.device, replica.state):
            return
        if message.judgement is Judgement.ENDORSED:
            known.endorsements[verdict.device] = message.verdict
        elif not known.is_resting:
            self._keeper.forget(verdict.snapshot)
            author = short(known.snapshot.author)
            named = SnapshotMismatch(
                f"device {short(verdict.device)} found that the snapshot which device "
                f"{author} made is not what it says; it is not used, and nothing is lost"
            )
            self._keeper.judging.found.append((verdict.snapshot, named))

    def _tell_found(self) -> None:
        """Tell once of each snapshot that is not what it says, and keep that for the status."""
        found, now_s = self._keeper.judging.found, self._line.replica.core.now_ms() // 1000
        for snapshot, error in found:
            finding = Finding(
                kind="SnapshotMismatch", text=str(error), found_s=max(0, now_s), about=snapshot
            )
            if note(self._line.replica, finding):
                self._line.warn(error)
        found.clear()

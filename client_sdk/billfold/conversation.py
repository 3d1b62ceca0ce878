"""One connection's worth of talking with a server about one wallet.

It translates between a client session's events and a replica: what comes in changes the replica,
what is due goes out. It neither dials nor waits; the synchronizer does. Each matter has a part of
its own: being let in, own pushes, comparing and healing, beacons.

Spec: 21-sync.md
"""

from collections.abc import Callable, Sequence

from billfold.branching import Branching
from billfold.comparing import Comparison
from billfold.consents import keep_checkpoint
from billfold.cursor import CURSOR_KEY, encode_cursor
from billfold.desks import Desks
from billfold.entrance import Entrance
from billfold.events import Event, Synced, SyncProgress
from billfold.evidence import heads_on_server
from billfold.homes import Standing, arrive, former_homes
from billfold.journal import PushDue, Send, SubscribeDue
from billfold.line import Line
from billfold.proposals import Proposals
from billfold.pushing import Pushing
from billfold.refusals import error_of
from billfold.remedies import Remedies
from billfold.replica import Replica
from billfold.snapshot_exchange import SnapshotExchange
from billfold.wrap_keeping import keep_wraps
from billfold_protocol.client_session import (
    Accepted,
    Acked,
    ChainGrew,
    ClientSession,
    Left,
    Opened,
    Refused,
    StateShown,
)
from billfold_protocol.client_session import Event as SessionEvent
from billfold_protocol.envelope import RandomBytes
from billfold_protocol.errors import DeviceRevoked, ServerIdentity, TransportError
from billfold_protocol.feed import Reason
from billfold_protocol.ids import ServerKey
from billfold_protocol.membership import ServerAddress
from billfold_protocol.messages import (
    CaughtUp,
    Difference,
    Ended,
    Entries,
    HeardBeacon,
    Judge,
    Judged,
    Located,
    LocatorKept,
    Members,
    OfferSnapshot,
    Registered,
    SnapshotBytes,
    SnapshotHeld,
    SnapshotWanted,
    TellMailbox,
    WantSnapshot,
    Wraps,
)


class Conversation:
    """What is said on one connection."""

    def __init__(
        self,
        replica: Callable[[], Replica],
        proposals: Proposals,
        *,
        address: str,
        token: str | None,
        random: RandomBytes,
        tell: Callable[[Event], None],
        desks: Desks | None = None,
    ) -> None:
        """Begin.

        Args:
            replica: returns the replica as it is now.
            proposals: the membership entries that wait.
            address: the server's origin, as it was dialled.
            token: what the operator gave for registering, if anything.
            random: the source of random bytes.
            tell: takes events.
            desks: what goes on from one connection to the next; its own if None.
        """
        self._line = Line(
            get_replica=replica,
            address=address,
            token=token,
            random=random,
            tell=tell,
            session=ClientSession(origin=address),
        )
        self._proposals = proposals
        self._device = replica().core.device_id
        self._desks = desks or Desks.of(replica, random, tell)
        self._desks.connected()
        self._snapshots = SnapshotExchange(self._line)
        self._entrance = Entrance(self._line, self._snapshots.wish)
        self._pushing = Pushing(self._line)
        self._comparison = Comparison(self._line, self._snapshots.give_back)
        self._branching = Branching(self._line)
        self._remedies = Remedies(replica, proposals)
        self._done_count = self._total_count = 0
        self._has_caught_up = False
        self._read_n = 0
        """Arrival number up to which the server's log has been read, or is this device's own."""

        self._acked_n = 0
        """Arrival number up to which own entries were acknowledged."""

    def expect(self, server: ServerAddress) -> None:
        """Take the other end for this server, which is not the home, or is not known to be."""
        self._line.meant = server

    @property
    def session(self) -> ClientSession:
        """The state machine of this connection."""
        return self._line.session

    @property
    def outgoing(self) -> list[bytes]:
        """Frames to send, in order."""
        return self._line.outgoing

    @property
    def push_room(self) -> int | None:
        """How many bytes may be pushed now; None while the subscription is not live.

        None also while another member writes under a membership entry that the server hides: it
        may be a removal, and nothing more is sealed for who was removed.
        """
        is_apart = self._branching.is_apart or self._line.replica.core.graph.is_behind
        is_waiting = is_apart or self._is_succeeded or self._snapshots.is_unsettled
        return None if is_waiting or not self._line.is_home else self._pushing.room

    @property
    def _is_succeeded(self) -> bool:
        """Whether this device has other keys by now than this connection was made with."""
        return self._line.replica.core.device_id != self._device

    @property
    def is_refused(self) -> bool:
        """Whether nothing is pushed until `try_again`, for a reason that time may cure."""
        return self._pushing.is_refused

    def try_again(self) -> None:
        """Push again what the server refused: it may have room by now."""
        self._pushing.try_again()

    def refresh(self) -> None:
        """Have the server sign what it holds, if it has grown since it did."""
        self._comparison.refresh()

    @property
    def is_live(self) -> bool:
        """Whether the wallet lives there and everything the server holds is here."""
        is_live = self._line.is_live and self._line.is_home
        return is_live and not self._snapshots.is_beginning

    @property
    def server_key(self) -> ServerKey | None:
        """The key of the server at the other end, once it is known to be the one that is meant."""
        return None if self._line.server is None else self._line.server.key

    @property
    def is_at_home(self) -> bool:
        """Whether the wallet lives there, as far as is known."""
        server = self._line.server
        return self._line.meant is None if server is None else self._line.is_home

    @property
    def is_parting(self) -> bool:
        """Whether the server is one on which the wallet lived before."""
        return self._line.server is not None and self._line.standing is Standing.FORMER

    @property
    def is_over(self) -> bool:
        """Whether a former home has given all it holds, and knows the chain's end."""
        comparison = self._comparison
        is_done = comparison.is_settled and not comparison.is_offering_members
        return is_done and self.is_parting and not self._is_removing

    def receive(self, frame: bytes) -> None:
        """Take one frame.

        Raises:
            BillfoldError: the conversation must end; the connection is of no more use.
        """
        self._take(self.session.receive(frame))
        if self._line.is_live and self.is_parting and not self._branching.is_apart:
            self._comparison.part()

    def send_due(self, sends: Sequence[Send]) -> None:
        """Say what the replica has noted, now that it is durable."""
        for send in sends:
            match send:
                case PushDue(entries=entries):
                    self._pushing.push(entries)
                case SubscribeDue():
                    self._entrance.begin(send)
                case OfferSnapshot() | Judge() | WantSnapshot():
                    self._snapshots.send(send)
                case _:
                    self._line.send(send)

    def propose(self) -> None:
        """Send the next membership entry, if one waits and the subscription is live."""
        if self._comparison.is_offering_members or self._branching.is_apart:
            return
        if self._is_succeeded:
            return
        if self.is_live:
            self._remedies.due()
        may_append = self.is_live or (self._line.is_live and self._is_removing)
        if may_append and (
            append := self._proposals.next(lambda: heads_on_server(self._line.replica))
        ):
            self._line.send(append)
        if not self.is_live:
            return
        instance = self.session.challenge.instance
        for message in self._desks.pins.due(instance):
            self._line.send(message)
        for request in self._desks.mailroom.due(instance, max(self._read_n, self._acked_n)):
            self._line.send(request)

    def look(self) -> None:
        """Go on with snapshots, after work on one."""
        self._snapshots.look()

    def send_beacon(self) -> None:
        """Tell the wallet's other devices what this one has seen."""
        self._comparison.send_beacon()

    def tell_if_synced(self) -> None:
        """Tell the application when nothing is under way in either direction."""
        if self.is_live and self._line.replica.unsynced_count == 0:
            self._line.tell(Synced())

    def _take(self, event: SessionEvent) -> None:
        replica = self._line.replica
        match event:
            case Opened():
                self._entrance.open(event)
            case Accepted():
                self._accepted(event)
            case Members(k=k, entries=entries):
                self._branching.members(k, entries)
                if self._line.is_home:
                    arrive(replica)
            case Wraps(wraps=wraps) if self._branching.is_apart:
                self._branching.wraps(wraps)
            case Wraps(wraps=wraps):
                replica.receive_wraps(wraps)
                keep_wraps(replica, wraps)
            case Entries() | HeardBeacon() if self._branching.is_apart or self._is_stranger:
                # What was made on another branch means nothing here; it comes again.
                pass
            case Entries():
                self._entries(event)
            case CaughtUp(n=n):
                self._caught_up(n)
            case Acked():
                self._acked(event)
            case Refused(rejection=rejection):
                self._branching.refused(rejection.ids)
                self._comparison.refused(rejection)
                if self._snapshots.refused(rejection) or self._proposals.refused(rejection):
                    return
                self._pushing.refused(rejection)
            case ChainGrew():
                if not (self._branching.appended() or self._comparison.appended()):
                    self._proposals.appended()
            case Registered():
                self._entrance.subscribe()
            case StateShown():
                self._comparison.state_shown(event)
            case HeardBeacon(beacon=beacon):
                self._comparison.heard(beacon)
            case SnapshotHeld() | SnapshotBytes() | SnapshotWanted() | Judged() | Difference():
                self._snapshots.receive(event)
            case Ended(reason=reason):
                self._ended(reason)
            case TellMailbox(news=news):
                self._desks.mailroom.receive(news)
            case LocatorKept(locator=locator):
                self._desks.pins.kept(locator)
            case Left() | Located():
                pass

    @property
    def _is_removing(self) -> bool:
        """Whether this former home is to take the removal of the device that moved the wallet."""
        removed, key = self._proposals.removed, self.server_key
        homes = former_homes(self._line.replica.core.chain) if removed is not None else []
        return any(one.server.key == key and one.mover == removed for one in homes)

    @property
    def _is_stranger(self) -> bool:
        return self._line.standing is Standing.STRANGER

    def _accepted(self, accepted: Accepted) -> None:
        if self._line.is_home:
            keep_checkpoint(self._line.replica, accepted)
        self._done_count, self._total_count = 0, accepted.entries_count
        self._line.replica.resend()
        self._comparison.accepted(accepted)
        if not (self._branching.accepted(accepted) or self._is_stranger):
            self._comparison.offer_members(accepted.checkpoint.k)

    def _acked(self, event: Acked) -> None:
        ack = event.ack
        self._pushing.acked()
        self._acked_n = max(self._acked_n, ack.n)
        if ack.n == self._read_n + len(ack.ids):
            # What arrived since is what this device has sent: there is nothing to read.
            self._has_read(ack.n)
        self._comparison.acked(event)
        self.tell_if_synced()

    def _entries(self, message: Entries) -> None:
        replica = self._line.replica
        replica.receive_entries(message.entries)
        if message.n:
            self._has_read(message.n)
            self._comparison.advanced(message.n)
        self._comparison.look()
        if not self.is_live:
            self._done_count += len(message.entries)
            total = max(self._total_count, self._done_count)
            self._line.tell(SyncProgress(done=self._done_count, total=total))
        self._snapshots.look()
        self._desks.mailroom.entries_came()

    def _has_read(self, n: int) -> None:
        self._read_n = n
        self._line.replica.put_meta(CURSOR_KEY, encode_cursor(self.session.cursor(n)))

    def _caught_up(self, n: int) -> None:
        if self._is_stranger and not self._branching.is_named_home:
            raise ServerIdentity(
                f"the wallet's members have not named {self._line.address} as its server"
            )
        if self._branching.is_apart:
            self._branching.caught_up()
            return
        self._read_n = n
        if not self._has_caught_up:
            # Later ones end a comparison; what is on its way then went out on this connection.
            self._has_caught_up = True
            self._proposals.reconnected()
        self._comparison.caught_up(n)
        self._snapshots.caught_up()
        self.tell_if_synced()

    def _ended(self, reason: Reason) -> None:
        match reason:
            case Reason.UNKNOWN_WALLET if not self._line.replica.is_removed:
                self._entrance.register()
            case Reason.REVOKED if self._is_succeeded:
                raise TransportError("this device has new keys and connects with them")
            case Reason.REVOKED:
                raise DeviceRevoked("this device was revoked from the wallet")
            case _:
                raise error_of(reason)

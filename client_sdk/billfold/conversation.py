"""One connection's worth of talking with a server about one wallet.

It translates between a client session's events and a replica: what comes in changes the replica,
what is due goes out. It neither dials nor waits; the synchronizer does.

Spec: 21-sync.md
"""

from collections.abc import Callable, Sequence

from billfold.cursor import CURSOR_KEY, encode_cursor, read_cursor
from billfold.events import Event, Synced, SyncProgress, Warned
from billfold.healing import offers
from billfold.journal import PushDue, Send, SubscribeDue
from billfold.proposals import Proposals
from billfold.refusals import error_of
from billfold.replica import Replica
from billfold_protocol.client_session import (
    Accepted,
    Acked,
    ChainGrew,
    ClientSession,
    Left,
    Opened,
    Refused,
)
from billfold_protocol.client_session import Event as SessionEvent
from billfold_protocol.envelope import RandomBytes
from billfold_protocol.errors import (
    BillfoldError,
    ChainFork,
    DeviceRevoked,
    Gap,
    ServerIdentity,
    ServerRollback,
)
from billfold_protocol.feed import Beacon, Checkpoint, Reason, Vector, vector_hash
from billfold_protocol.ids import DeviceId, EntryId
from billfold_protocol.membership import Home, ServerAddress, membership_hash
from billfold_protocol.messages import (
    Append,
    CaughtUp,
    Compare,
    Difference,
    Ended,
    Entries,
    HeardBeacon,
    Members,
    Register,
    Registered,
    SendBeacon,
    Subscribe,
    Wraps,
)

HEARD_KEY = "heard:"
RESENDS_COUNT_MAX = 16
"""Refusals in a row after which own entries wait a while."""

RESENT = frozenset({Reason.STALE_EPOCH, Reason.STALE_CHAIN, Reason.NOT_NEXT})
"""Refusals whose cure is on its way: the rotation's entry, or an earlier entry."""

CURABLE = RESENT | {Reason.QUOTA, Reason.RATE, Reason.FULL, Reason.ROLE}
"""Refusals after which the same entries may be taken later, on the same connection."""


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
    ) -> None:
        """Begin.

        Args:
            replica: returns the replica as it is now.
            proposals: the membership entries that wait.
            address: the server's origin, as it was dialled.
            token: what the operator gave for registering, if anything.
            random: the source of random bytes.
            tell: takes events.
        """
        self._replica = replica
        self._proposals = proposals
        self._address = address
        self._token = token
        self._random = random
        self._tell = tell
        self.session = ClientSession(origin=address)
        self.outgoing: list[bytes] = []
        """Frames to send, in order."""

        self._checkpoint: Checkpoint | None = None
        self._done_count = self._total_count = 0
        self._has_caught_up = False
        self._has_compared = False
        self._has_registered = False
        self._resent_count = 0
        self._offered: set[EntryId] = set()
        """Membership entries that the server had lost, on their way to it again."""

        self._refusals: set[Reason] = set()
        """Why nothing is pushed now."""

        self._warned: set[Reason] = set()

    @property
    def push_room(self) -> int | None:
        """How many bytes may be pushed now; None while the subscription is not live."""
        wallet_id = self._replica().wallet_id
        if not self.session.is_live(wallet_id) or self._refusals:
            return None
        return self.session.push_room(wallet_id)

    @property
    def is_refused(self) -> bool:
        """Whether nothing is pushed until `try_again`, for a reason that time may cure."""
        return not self._refusals.isdisjoint(CURABLE)

    def try_again(self) -> None:
        """Push again what the server refused: it may have room by now."""
        self._refusals -= CURABLE
        self._resent_count = 0

    @property
    def is_live(self) -> bool:
        """Whether everything the server holds is here."""
        return self.session.is_live(self._replica().wallet_id)

    def receive(self, frame: bytes) -> None:
        """Take one frame.

        Raises:
            BillfoldError: the conversation must end; the connection is of no more use.
        """
        self._take(self.session.receive(frame))

    def send_due(self, sends: Sequence[Send]) -> None:
        """Say what the replica has noted, now that it is durable."""
        for send in sends:
            match send:
                case PushDue(entries=entries):
                    self._push(entries)
                case SubscribeDue():
                    self._subscribe()
                case _:
                    self.outgoing.append(self.session.send(send))

    def _push(self, entries: Sequence[tuple[EntryId, bytes]]) -> None:
        wallet_id = self._replica().wallet_id
        if self.session.is_live(wallet_id):
            self.outgoing.append(self.session.push(wallet_id, entries))
        else:
            # The server ended the subscription while the entries were made durable.
            self._replica().resend([id_ for id_, _ in entries])

    def propose(self) -> None:
        """Send the next membership entry, if one waits and the subscription is live."""
        if self.is_live and not self._offered and (append := self._proposals.next()) is not None:
            self.outgoing.append(self.session.send(append))

    def send_beacon(self) -> None:
        """Tell the wallet's other devices what this one has seen."""
        replica = self._replica()
        if not self.is_live or replica.is_removed:
            return
        beacon = Beacon(
            wallet_id=replica.wallet_id,
            device=replica.core.device_id,
            k=replica.state.k,
            head=replica.state.head,
            vector_hash=vector_hash(replica.vector),
            time_s=max(0, replica.core.now_ms() // 1000),
        )
        raw = beacon.sign(replica.core.secrets.signing_key)
        message = SendBeacon(wallet_id=replica.wallet_id, beacon=raw)
        self.outgoing.append(self.session.send(message))

    def _take(self, event: SessionEvent) -> None:
        replica = self._replica()
        match event:
            case Opened():
                self._open(event)
            case Accepted():
                self._accepted(event)
            case Members(k=k, entries=entries):
                replica.receive_members(k, entries)
            case Wraps(wraps=wraps):
                replica.receive_wraps(wraps)
            case Entries():
                self._entries(event)
            case CaughtUp(n=n):
                self._caught_up(n)
            case Acked(ack=ack):
                self._resent_count = 0
                replica.acked(ack.ids)
                self.tell_if_synced()
            case Refused():
                self._refused(event)
            case ChainGrew():
                # The answer does not say which entry it is about; what was offered went first.
                if self._offered:
                    self._offered.pop()
                else:
                    self._proposals.appended()
            case Registered():
                self._subscribe()
            case Difference(vector=vector):
                self._offer_what_lacks(vector)
            case HeardBeacon(beacon=beacon):
                self._heard(beacon)
            case Ended(reason=reason):
                self._ended(reason)
            case Left():
                pass

    def _open(self, opened: Opened) -> None:
        """Pin the server's key at first use; from then on the chain says which it is."""
        replica = self._replica()
        home = replica.state.home
        if home is None:
            server = ServerAddress(address=self._address, key=opened.server_key)
            replica.set_home(Home(server=server))
        elif home.server.key != opened.server_key:
            raise ServerIdentity("the server's key is not the one that the wallet pins")
        # Not before that is durable: another `home`, after a crash, would be a fork of the chain.
        replica.journal.sends.append(SubscribeDue())

    def _subscribe(self) -> None:
        replica = self._replica()
        home = replica.state.home
        assert home is not None
        instance = self.session.challenge.instance
        cursor = read_cursor(replica.meta(CURSOR_KEY))
        is_known = cursor is not None and cursor.instance == instance
        state = replica.state
        if replica.core.epoch_key is None:
            # The connection broke between a rotation and its wrapped key: ask for both again.
            state = replica.core.chain.state_at(state.epoch.k - 1)
        message = Subscribe(
            wallet_id=replica.wallet_id,
            device=replica.core.device_id,
            client_nonce=self._random(32),
            k=state.k,
            head=state.head,
            cursor=cursor if is_known else None,
            vector=None if is_known else replica.vector_on_server(),
        )
        self.outgoing.append(
            self.session.subscribe(
                message, replica.core.secrets.signing_key, pinned_key=home.server.key
            )
        )

    def _accepted(self, accepted: Accepted) -> None:
        replica, checkpoint = self._replica(), accepted.checkpoint
        chain = replica.core.chain
        self._checkpoint = checkpoint
        self._done_count, self._total_count = 0, accepted.entries_count
        replica.resend()
        if checkpoint.k >= len(chain):
            return
        if chain.state_at(checkpoint.k).head != checkpoint.head:
            raise ChainFork(
                "the server shows another history of the wallet's devices than this one knows"
            )
        missing = chain.raws[checkpoint.k + 1 :]
        if missing:
            self._tell(Warned(ServerRollback("the server has forgotten membership entries")))
        for raw in missing:
            self._offered.add(EntryId(membership_hash(raw[64:])))
            message = Append(wallet_id=replica.wallet_id, entry=raw, wraps=())
            self.outgoing.append(self.session.send(message))

    def _entries(self, message: Entries) -> None:
        replica = self._replica()
        replica.receive_entries(message.entries)
        if message.n:
            cursor = self.session.cursor(message.n)
            replica.put_meta(CURSOR_KEY, encode_cursor(cursor))
        if not self.is_live:
            self._done_count += len(message.entries)
            total = max(self._total_count, self._done_count)
            self._tell(SyncProgress(done=self._done_count, total=total))

    def _caught_up(self, n: int) -> None:
        """Compare what is here with what the server signed, once for each connection."""
        replica, checkpoint = self._replica(), self._checkpoint
        if not self._has_caught_up:
            # Later ones end a comparison; what is on its way then went out on this connection.
            self._has_caught_up = True
            self._proposals.reconnected()
        is_different = (
            checkpoint is not None
            and checkpoint.n == n
            and checkpoint.vector_hash != vector_hash(replica.vector_on_server())
        )
        missing = replica.core.graph.missing
        if (is_different or missing) and not self._has_compared:
            self._has_compared = True
            message = Compare(wallet_id=replica.wallet_id, vector=replica.vector_on_server())
            self.outgoing.append(self.session.send(message))
        elif missing:
            self._tell(Warned(Gap("the server does not give an entry that others build on")))
        self.tell_if_synced()

    def tell_if_synced(self) -> None:
        """Tell the application when nothing is under way in either direction."""
        replica = self._replica()
        if self.is_live and replica.unsynced_count == 0:
            self._tell(Synced())

    def _refused(self, refused: Refused) -> None:
        rejection = refused.rejection
        self._offered.difference_update(rejection.ids)
        if self._proposals.refused(rejection):
            return
        replica = self._replica()
        replica.resend(rejection.ids)
        reason = rejection.reason
        if reason in RESENT and self._resent_count < RESENDS_COUNT_MAX:
            self._resent_count += 1
            return
        self._refusals.add(reason)
        if reason not in self._warned:
            self._warned.add(reason)
            self._tell(Warned(error_of(reason)))

    def _offer_what_lacks(self, theirs: Vector) -> None:
        """Offer the server the very bytes that it lost."""
        for offer in offers(self._replica(), theirs):
            if isinstance(offer, BillfoldError):
                self._tell(Warned(offer))
            else:
                self.outgoing.append(self.session.send(offer))

    def _heard(self, raw: bytes) -> None:
        """Remember when another device was last heard; what is not its own says nothing."""
        replica = self._replica()
        for device, member in replica.state.members.items():
            try:
                beacon = Beacon.verify(raw, member.keys.signing, replica.wallet_id)
            except BillfoldError:
                continue
            if beacon.device == device:
                replica.put_meta(heard_key(device), raw)
                return

    def _ended(self, reason: Reason) -> None:
        match reason:
            case Reason.UNKNOWN_WALLET if not self._replica().is_removed:
                self._register()
            case Reason.REVOKED:
                raise DeviceRevoked("this device was revoked from the wallet")
            case _:
                raise error_of(reason)

    def _register(self) -> None:
        """Bring the whole chain to a server that does not have the wallet."""
        replica = self._replica()
        if self._has_registered:
            raise ServerRollback("the server has forgotten that this device belongs to the wallet")
        self._has_registered = True
        home = replica.state.home
        assert home is not None
        if replica.meta(CURSOR_KEY) is not None:
            lost = ServerRollback("the server had lost this wallet; this device gave it back")
            self._tell(Warned(lost))
            replica.put_meta(CURSOR_KEY, None)
        message = Register(
            wallet_id=replica.wallet_id,
            device=replica.core.device_id,
            members=tuple(replica.core.chain.raws),
            wraps=(),
            token=self._token,
        )
        self.outgoing.append(
            self.session.register(
                message, replica.core.secrets.signing_key, pinned_key=home.server.key
            )
        )


def heard_key(device: DeviceId) -> str:
    """Return the name under which a device's last beacon is kept."""
    return HEARD_KEY + device.hex()

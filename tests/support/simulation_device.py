"""One real replica with its conversation under a virtual clock: commits, crashes, reconnections.

It does what the SDK's committer and synchronizer do, without threads and without waiting.

Spec: 21-sync.md
"""

import asyncio
from collections.abc import Callable, Sequence

from billfold.authoring import Author, Authored
from billfold.committer import BULK_PENDING_COUNT, Sends
from billfold.conversation import Conversation
from billfold.dialling import REFUSED_RETRY_S
from billfold.document import Edit, base_merge_kinds, hash_of
from billfold.events import Event, Warned
from billfold.founding import NewReplica
from billfold.pending import Pending
from billfold.proposals import Proposals
from billfold.replica import Replica
from billfold.restoring import check_token
from billfold.store import MemoryStore, Write
from billfold_protocol import limits
from billfold_protocol.errors import (
    AccessError,
    BillfoldError,
    DeviceRevoked,
    InputError,
    RemoteProtocolError,
    StoreFull,
    TransportError,
    VerificationError,
)
from tests.support.device_tokens import MemoryToken
from tests.support.seeded_bytes import SeededBytes
from tests.support.simulation_clock import Clock, Weather
from tests.support.simulation_replacing import KeyHolder
from tests.support.simulation_returned import LIES, Backup, Returned, records_made
from tests.support.simulation_server import ADDRESS, Link, SimulatedServer

Done = Callable[[BaseException | None], None]


def set_grace(replica: Replica, grace_s: int) -> None:
    judging = replica.snapshots.judging
    judging.grace_s, judging.alone_s = grace_s, 2 * grace_s


class SimulatedDevice(KeyHolder):
    """One device of the wallet."""

    def __init__(
        self,
        name: str,
        founded: NewReplica,
        *,
        clock: Clock,
        weather: Weather,
        server: SimulatedServer,
        skew_s: float = 0.0,
    ) -> None:
        self.name = name
        self.returned: list[Returned] = []
        self.revived_records, self.made_anew = set(), set()
        """Records of edits that only the backup held from which this device was restored, or that
        were made before it had caught up."""

        self.complaints: list[BillfoldError] = []
        """Errors that no honest server and no honest device give a reason for."""

        self.is_lied_to = False
        """Whether a device of the wallet lies: what is built on its lies is made anew."""

        self.is_online = True
        self.is_up = True
        self.tail_units_min = limits.SNAPSHOT_TAIL_COUNT_MIN
        self._grace_s = limits.SNAPSHOT_GRACE_S
        self._clock, self._weather, self._server = clock, weather, server
        self._skew_s = skew_s
        self._bytes = SeededBytes(f"{name}/random")
        self._life = 0
        self._link: Link | None = None
        self._conversation: Conversation | None = None
        self._addressee: Conversation | None = None
        self._made: list[Returned] = []
        self._on_disk: list[Write] | None = None
        self._is_woken = self._is_running = self._is_dialling = False
        self._proposed: list[tuple[asyncio.Future[None], Done]] = []
        self.store = MemoryStore()
        self.store.commit(founded.writes())
        self._token = MemoryToken()
        self._backup: Backup | None = None
        self._load()
        self.dial()

    def forget_after(self, grace_s: int) -> None:
        """Let this device forget what a snapshot covers so long after it has compared it."""
        self._grace_s = grace_s
        set_grace(self.replica, grace_s)

    @property
    def token(self) -> MemoryToken:
        """What tells this device from a copy of it."""
        return self._token

    def __repr__(self) -> str:
        return f"<{self.name}>"

    def edit(self, edits: Sequence[Edit]) -> None:
        """Make one change, if this device can."""
        if not self.is_up:
            return
        try:
            change = self.replica.edit(edits)
        except (AccessError, InputError):
            return
        if change is not None:
            replica = self.replica
            has_asked = self.is_lied_to or replica.core.successor is not None
            k, is_provisional = replica.state.k, has_asked or replica.is_provisional
            self._made.append(Returned(change.hash, k, records_made(edits), is_provisional))
        self._wake()

    def hand(self, entries: Sequence[bytes]) -> None:
        """Take entries that no server has brought."""
        if not self.is_up or self.replica.is_removed:
            return
        try:
            self.replica.receive_entries(entries)
        except BillfoldError as error:
            self._note(error)
        self._take_events()
        self._wake()

    def propose(self, make: Callable[[Author], Authored], done: Done = lambda _: None) -> None:
        """Have a membership entry appended."""
        if self.is_up:
            self._proposed.append((self.proposals.add(make), done))
            self._flush()

    def crash(self) -> None:
        """End the process; a commit on its way arrives or does not."""
        if not self.is_up:
            return
        on_disk = self._on_disk
        self._end()
        if on_disk is not None and self._weather.random.random() < 0.5:
            self.store.commit(on_disk)
        self._clock.after(self._weather.pause_s(), self._restart)

    def _end(self) -> None:
        self.is_up = False
        self._life += 1
        self._drop_link()
        self._on_disk = None
        self._made.clear()
        self._proposed.clear()
        self._is_woken = self._is_running = self._is_dialling = False

    def back_up(self) -> None:
        """Copy the store as it is now, while the device goes on."""
        if not self.is_up:
            return
        store = self.store.copied()
        pending = [Pending.read(edit) for edit in store.load().pending]
        waiting = {hash_of(edit.change) for edit in pending}
        made = frozenset().union(*(records_made(one.edits()) for one in pending))
        returned = tuple(one for one in self.returned if one.hash not in waiting)
        self._backup = Backup(store, returned, made | self.revived_records)

    def restore(self) -> None:
        """Lose the device, and begin again on another one with the backup."""
        backup = self._backup
        if backup is None or not self.is_up:
            return
        self._end()
        self.store = backup.store.copied()
        self._token = MemoryToken()
        self.returned = list(backup.returned)
        self.revived_records = set(backup.records)
        self._clock.after(self._weather.pause_s(), self._restart)

    def drop(self) -> None:
        """Break the connection, if there is one."""
        if self._link is not None:
            self._link.cut()

    def go_offline(self) -> None:
        """Stay without a network."""
        self.is_online = False
        self.drop()

    def go_online(self) -> None:
        """Find a network again."""
        self.is_online = True
        self.dial()

    def dial(self) -> None:
        """Connect before long, unless that is under way."""
        if self._is_dialling or self._link is not None:
            return
        self._is_dialling = True
        self._later(self._weather.random.uniform(0.01, 2.0), self._connect)

    def heard(self, link: Link, frame: bytes) -> None:
        """Take one frame, as the synchronizer does."""
        conversation = self._conversation
        if link is not self._link or conversation is None:
            return
        was_live = conversation.is_live
        try:
            conversation.receive(frame)
        except DeviceRevoked:
            self.is_online = False
            link.cut()
        except BillfoldError as error:
            self._note(error)
            link.cut()
        self._take_events()
        self._flush()
        if conversation.is_refused:
            self._later(REFUSED_RETRY_S, lambda: self._try_again(conversation))
        if conversation.is_live and not was_live:
            conversation.send_beacon()
            self._flush()
        self._wake()
        self._settle_proposals()

    def lost(self, link: Link) -> None:
        """Take note that a link is down."""
        if link is self._link:
            self._drop_link()
            self._wake()
            if self.is_online:
                self.dial()

    def reopen(self) -> Replica:
        """Return what a restart finds; the device itself ends."""
        self.store = self.store.reopened()
        self._load()
        return self.replica

    def _try_again(self, conversation: Conversation) -> None:
        if conversation is self._conversation:
            conversation.try_again()
            self._wake()

    def _load(self) -> None:
        check_token(self.store, self._token, self._bytes)
        self.replica = self._make_replica()
        self.proposals = Proposals(lambda: self.replica)

    def _make_replica(self) -> Replica:
        replica = Replica(
            self.store,
            now_ms=lambda: int((self._clock.now_s + self._skew_s) * 1000),
            random=self._bytes,
            merge_kinds=base_merge_kinds,
        )
        replica.snapshots.pace.units_min = self.tail_units_min
        set_grace(replica, self._grace_s)
        return replica

    def _restart(self) -> None:
        self.store = self.store.reopened()
        self.is_up = True
        self._load()
        self._wake()
        if self.is_online:
            self.dial()

    def _connect(self) -> None:
        self._is_dialling = False
        if not (self.is_online and self.is_up):
            return
        # The handler must stand before the first frame, the challenge, arrives.
        self._link = self._server.connect(self)
        if self._link is None:
            self.dial()
            return
        self._conversation = Conversation(
            lambda: self.replica,
            self.proposals,
            address=ADDRESS,
            token=None,
            random=self._bytes,
            tell=self._heard_event,
        )

    def _drop_link(self) -> None:
        if self._link is not None:
            self._link.cut()
        self._link = self._conversation = None
        self.replica.resend()

    def _later(self, delay_s: float, action: Callable[[], None]) -> None:
        life = self._life

        def act() -> None:
            if life == self._life:
                action()

        self._clock.after(delay_s, act)

    def _wake(self) -> None:
        self._is_woken = True
        if not self._is_running and self.is_up:
            self._is_running = True
            self._later(0.0, self._run)

    def _run(self) -> None:
        self._is_woken = False
        replica = self.replica
        self._addressee = self._conversation
        room = None if self._conversation is None else self._conversation.push_room
        made, self._made = self._made, []
        replica.prepare(room=room, is_bulk=replica.pending_count > BULK_PENDING_COUNT)
        self._take_events()
        writes, sends = replica.journal.take_writes(), replica.journal.take_sends()
        if not writes:
            self._committed(made, sends)
            return
        self._on_disk = writes
        self._later(self._weather.disk_s(), lambda: self._commit(writes, made, sends))

    def _commit(self, writes: list[Write], made: list[Returned], sends: Sends) -> None:
        self._on_disk = None
        if self._weather.happens(0.01):
            # The disk is full: nothing of this was kept.
            self._open_anew([*made, *self._made])
            return
        self.store.commit(writes)
        if self.replica.is_leaving:
            self._note_returned(made)
            self._open_anew(self._made)
            return
        self._committed(made, sends)

    def _open_anew(self, lost: Sequence[Returned]) -> None:
        """Make the replica what the store holds."""
        self._made = []
        self.replica = self._make_replica()
        for returned in lost:
            assert not self.replica.document.has_change(returned.hash), "a lost edit stayed"
        self.drop()
        self._go_on()

    def _committed(self, made: list[Returned], sends: Sends) -> None:
        self._note_returned(made)
        if sends:
            if self._conversation is not None and self._conversation is self._addressee:
                self._conversation.send_due(sends)
                self._flush()
            else:
                self.replica.resend()
        self._go_on()

    def _note_returned(self, made: Sequence[Returned]) -> None:
        for returned in made:
            if returned.is_provisional or returned.hash in self.made_anew:
                self.revived_records |= returned.records
            else:
                self.returned.append(returned)

    def _go_on(self) -> None:
        self._is_running = False
        if self._is_woken:
            self._wake()

    def _flush(self) -> None:
        conversation, link = self._conversation, self._link
        if conversation is None or link is None:
            return
        conversation.propose()
        for frame in conversation.outgoing:
            link.send_up(frame)
        conversation.outgoing.clear()
        self._settle_proposals()

    def _take_events(self) -> None:
        for event in self.replica.journal.take_events():
            self._heard_event(event)

    def _heard_event(self, event: Event) -> None:
        if isinstance(event, Warned):
            self._note(event.error)

    def _note(self, error: BillfoldError) -> None:
        if self.is_lied_to and isinstance(error, LIES):
            return
        if isinstance(error, RemoteProtocolError | VerificationError):
            self.complaints.append(error)
        else:
            assert isinstance(error, AccessError | TransportError | StoreFull), repr(error)

    def _settle_proposals(self) -> None:
        for proposed in [item for item in self._proposed if item[0].done()]:
            self._proposed.remove(proposed)
            proposed[1](proposed[0].exception())

"""Keeps one replica durable and in step with its server: the asyncio around the state machines.

    edits ──► replica ──► committer ──► disk, then ──► conversation ──► connection
                 ▲                                          │
                 └──────────────── frames ──────────────────┘

One task dials, receives and dials again. All state changes happen in the event loop's thread, so
that no lock is needed; only `store.commit` runs in another.

Spec: 21-sync.md
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence

from billfold.authoring import Author, Authored
from billfold.background import Background, report_failure
from billfold.backoff import Backoff
from billfold.committer import Committer, Sends
from billfold.conversation import Conversation
from billfold.desks import Desks
from billfold.document import Change, Edit
from billfold.events import ConnectionChanged, Event, RecordsChanged, Synced, Warned
from billfold.listening import EventStream
from billfold.other_history import is_told
from billfold.proposals import Proposals
from billfold.replica import Replica
from billfold.sending import Sending
from billfold.servers import Server
from billfold.store import WalletStore
from billfold.transport import Transport
from billfold.transport.interface import SYNC_PATH
from billfold_protocol.envelope import RandomBytes
from billfold_protocol.errors import (
    BillfoldError,
    DeviceRevoked,
    RemoteProtocolError,
    StoreError,
    TransportError,
)
from billfold_protocol.ids import DeviceId
from billfold_protocol.recovery import RecoveryPin

REFUSED_RETRY_S = 20.0
"""How long pushes rest after the server refused one for want of room, or of rights."""


class Synchronizer:
    """One open replica."""

    def __init__(
        self,
        store: WalletStore,
        load: Callable[[], Replica],
        *,
        transport: Transport,
        random: RandomBytes,
    ) -> None:
        """Open the replica.

        Args:
            store: where it is kept.
            load: makes the replica that the store holds.
            transport: the way to its server.
            random: the source of random bytes.

        Raises:
            StoreError: the store cannot be read.
        """
        self._background = Background(
            self._work_done, failed=lambda error: self.tell(Warned(error))
        )
        self.replica = self._background.serve(load())
        self.proposals = Proposals(lambda: self.replica)
        self.desks = Desks.of(lambda: self.replica, random, self.tell)
        self._load = load
        self._transport = transport
        self._random = random
        self._server: Server | None = None
        self._conversation: Conversation | None = None
        self._addressee: Conversation | None = None
        """The conversation for which the next sends are prepared."""

        self._sending: Sending | None = None
        self._listeners: list[EventStream] = []
        self._dialling: asyncio.Task[None] | None = None
        self._hurry = asyncio.Event()
        self._has_been_online = False
        self.last_error: BillfoldError | None = None
        self._said: tuple[str, str] | None = None
        """Why the server was left, as it was told last."""

        self._committer = Committer(
            store,
            lambda: self.replica,
            room=self._room,
            send=self._send,
            tell=self._tell_all,
            fail=self._reload,
            reopen=self._reopen,
        )

    @property
    def is_online(self) -> bool:
        """Whether the server has sent everything it holds and sends the rest as it comes."""
        return self._conversation is not None and self._conversation.is_live

    @property
    def is_connecting(self) -> bool:
        """Whether the wallet is connected, or dials until it is."""
        return self._dialling is not None and not self._dialling.done()

    @property
    def is_synced(self) -> bool:
        """Whether nothing is under way in either direction."""
        return self.is_online and self.replica.unsynced_count == 0

    def start(self) -> None:
        """Start committing; no server is needed."""
        self._committer.start()

    async def stop(self) -> None:
        """Commit what is left and stop; streams of events end.

        Raises:
            StoreError: the last commit failed.
        """
        await self.disconnect()
        await self._background.stop()
        closed = TransportError("the wallet was closed before the server answered")
        self.proposals.abandon(closed)
        self.desks.pins.abandon(closed)
        try:
            await self._committer.stop()
        finally:
            for stream in tuple(self._listeners):
                stream.close()

    def connect(self, server: Server) -> None:
        """Stay connected to a server until told otherwise."""
        is_dialling = self._dialling is not None and not self._dialling.done()
        if is_dialling and self._server == server:
            self._hurry.set()
            return
        self._server = server
        if self._dialling is not None:
            self._dialling.cancel()
        self._dialling = asyncio.create_task(self._stay_connected())
        self._dialling.add_done_callback(report_failure)

    async def disconnect(self) -> None:
        """Go offline."""
        if self._dialling is not None:
            self._dialling.cancel()
            await asyncio.gather(self._dialling, return_exceptions=True)
            self._dialling = None

    def edit(self, edits: list[Edit]) -> asyncio.Future[Change | None]:
        """Make edits; the future ends when they are durable here, with None if nothing differs.

        Raises:
            AccessError, InputError, LimitExceeded: the edits are not possible.
            StoreError: they could not be made durable, and are undone.
        """
        return self._committer.edit(edits)

    def wake(self) -> None:
        """Store and send soon what is due."""
        self._flush()
        self._committer.wake()

    async def committed(self) -> None:
        """Wait until everything so far is durable on this device.

        Raises:
            StoreError: it could not be made durable, and is undone.
        """
        await self._committer.committed()

    async def propose(self, make: Callable[[Author], Authored]) -> None:
        """Have a membership entry appended by the server, and adopt it.

        Raises:
            AccessError: the entry is refused.
            TransportError: the wallet was closed before the server answered.
        """
        done = self.proposals.add(make)
        self._flush()
        await done
        await self.committed()

    async def leave_pin(self, device: DeviceId) -> RecoveryPin:
        """Leave a new pin of a recovery member at the server, and return it.

        Raises:
            TransportError: the wallet was closed before the server answered.
        """
        done = self.desks.pins.ask(device)
        self._flush()
        return await done

    def events(self) -> EventStream:
        """Return what happens from now on, in order; close it when it is no longer read."""
        stream = EventStream(self._listeners.remove)
        self._listeners.append(stream)
        return stream

    def tell(self, event: Event) -> None:
        """Hand an event to every listener."""
        if isinstance(event, Warned):
            self.last_error = event.error
        for stream in self._listeners:
            stream.put(event)

    def _tell_journal(self) -> None:
        self._tell_all(self.replica.journal.take_events())

    def _tell_all(self, events: Sequence[Event]) -> None:
        for event in events:
            self.tell(event)

    def _room(self) -> int | None:
        self._addressee = self._conversation
        return None if self._conversation is None else self._conversation.push_room

    def _send(self, sends: Sends) -> None:
        conversation = self._conversation
        # What was meant for a connection that is no more is said again on the next.
        if conversation is not None and conversation is self._addressee:
            conversation.send_due(sends)
            self._flush()
        else:
            self.replica.resend()

    def _work_done(self) -> None:
        """Go on with what a work beside the event loop has noted."""
        self._tell_journal()
        if self._conversation is not None:
            self._conversation.look()
            self._flush()
        self._committer.wake()

    def _flush(self) -> None:
        """Move what the conversation wants to say to the sending task."""
        conversation = self._conversation
        if conversation is None:
            return
        conversation.propose()
        assert self._sending is not None
        for frame in conversation.outgoing:
            self._sending.send(frame)
        conversation.outgoing.clear()

    def _reload(self, error: StoreError) -> None:
        """Make the replica what the store holds: nothing that was not kept stays in memory.

        Raises:
            StoreError: the store cannot be read; nothing may rest on what is in memory any more.
        """
        self.tell(Warned(error))
        self._reopen()

    def _reopen(self) -> None:
        """Open the replica anew from the store, and connect anew.

        Raises:
            StoreError: the store cannot be read; nothing may rest on what is in memory any more.
        """
        if self._sending is not None:
            self._sending.end()
        try:
            self.replica = self._background.serve(self._load())
        except StoreError as fatal:
            self.tell(Warned(fatal))
            raise
        self.tell(RecordsChanged(fields=frozenset(), device=None, is_local=False))

    async def _stay_connected(self) -> None:
        backoff = Backoff(self._random)
        while True:
            self._has_been_online, device = False, self.replica.core.device_id
            try:
                await self._converse()
            except DeviceRevoked as error:
                self._went_offline(error)
                return
            except BillfoldError as error:
                if device == self.replica.core.device_id:  # Else it has new keys and dials anew.
                    self._went_offline(error)
            if self._has_been_online:
                backoff.reset()
            self._hurry.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(backoff.next_delay_s()):
                    await self._hurry.wait()

    async def _converse(self) -> None:
        """Dial once and talk until the connection ends.

        Raises:
            BillfoldError: why it ended.
        """
        server = self._server
        assert server is not None
        connection = await self._transport.connect(server.address, SYNC_PATH)
        self._sending = sending = Sending(connection)
        conversation = Conversation(
            lambda: self.replica,
            self.proposals,
            address=server.address,
            token=server.token,
            random=self._random,
            tell=self.tell,
            desks=self.desks,
        )
        self._conversation = conversation
        retrying = asyncio.create_task(self._retry_refused(conversation))
        try:
            while True:
                frame = await connection.receive()
                was_live = conversation.is_live
                conversation.receive(frame)
                await self._background.settled()
                self._tell_journal()
                self._flush()
                if conversation.is_live and not was_live:
                    self.last_error = self._said = None
                    self._has_been_online = True
                    self.tell(ConnectionChanged(is_online=True))
                    conversation.send_beacon()
                    self._flush()
                self._committer.wake()
        finally:
            self._tell_journal()
            self._conversation = self._sending = None
            self.replica.resend()
            retrying.cancel()
            await asyncio.gather(retrying, return_exceptions=True)
            await sending.close()
            self._committer.wake()

    async def _retry_refused(self, conversation: Conversation) -> None:
        """Push again now and then what the server had no room for; keep its word fresh."""
        while True:
            await asyncio.sleep(REFUSED_RETRY_S)
            conversation.refresh()
            self._flush()
            if conversation.is_refused:
                conversation.try_again()
                self._committer.wake()

    def _went_offline(self, error: BillfoldError) -> None:
        self.last_error = error
        said = (type(error).__name__, str(error))
        # It is the same finding at each attempt until the wallet has been online again.
        is_new = said != self._said and not is_told(self.replica, error)
        if not isinstance(error, TransportError | RemoteProtocolError) and is_new:
            self._said = said
            self.tell(Warned(error))
        self.tell(ConnectionChanged(is_online=False, reason=error))

    async def sync(self, deadline_s: float) -> BillfoldError | None:
        """Wait until everything is in step and durable, or for so long; return what prevents it."""
        try:
            async with asyncio.timeout(deadline_s):
                await self.wait_synced()
                await self.committed()
        except TimeoutError:
            return self.last_error
        except BillfoldError as refusal:
            return refusal
        return None

    async def wait_synced(self) -> None:
        """Wait until nothing is under way in either direction.

        Raises:
            BillfoldError: the server refuses this device for good, or what it has made since it
                lost the right to write.
        """
        self._hurry.set()
        if self.is_synced:
            return
        self._require_right()
        with self.events() as events:
            async for event in events:
                match event:
                    case Synced() if self.is_synced:
                        return
                    case ConnectionChanged(reason=DeviceRevoked() as error):
                        raise error
                    case _:
                        self._require_right()

    def _require_right(self) -> None:
        """Check that what waits to be sent could be: on a device that may only read it never is."""
        if self.is_online and self.replica.unsynced_count > 0:
            self.replica.require_right_to_write()

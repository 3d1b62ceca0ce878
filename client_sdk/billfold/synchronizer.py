"""Keeps one replica durable and in step with its server: the asyncio around the state machines.

    edits ──► replica ──► committer ──► disk, then ──► conversation ──► connection
                 ▲                                          │
                 └──────────────── frames ──────────────────┘

One task dials, receives and dials again. All state changes happen in the event loop's thread, so
that no lock is needed; only `store.commit` runs in another.

Spec: 21-sync.md
"""

import asyncio
from collections.abc import Callable, Sequence

from billfold.authoring import Author, Authored
from billfold.background import Background
from billfold.committer import Committer, Sends
from billfold.conversation import Conversation
from billfold.desks import Desks
from billfold.dialling import Dialling
from billfold.document import Change, Edit
from billfold.events import ConnectionChanged, Event, RecordsChanged, Synced, Warned
from billfold.listening import EventStream
from billfold.proposals import Proposals
from billfold.replica import Replica
from billfold.servers import Server
from billfold.store import WalletStore
from billfold.transport import Transport
from billfold_protocol.envelope import RandomBytes
from billfold_protocol.errors import (
    BillfoldError,
    DeviceRevoked,
    StoreError,
    TransportError,
)
from billfold_protocol.ids import DeviceId
from billfold_protocol.membership import ServerAddress
from billfold_protocol.recovery import RecoveryPin


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
        self._addressee: Conversation | None = None
        """The conversation for which the next sends are prepared."""

        self._listeners: list[EventStream] = []
        self._committer = Committer(
            store,
            lambda: self.replica,
            room=self._room,
            send=self._send,
            tell=self._tell_all,
            fail=self._reload,
            reopen=self._reopen,
        )
        self._dialling = Dialling(
            lambda: self.replica,
            self.proposals,
            self.desks,
            transport=transport,
            tell=self.tell,
            settled=self._background.settled,
            wake=self._committer.wake,
        )

    @property
    def last_error(self) -> BillfoldError | None:
        """What went wrong last, until the wallet is online again."""
        return self._dialling.last_error

    @property
    def is_online(self) -> bool:
        """Whether the server has sent everything it holds and sends the rest as it comes."""
        conversation = self._dialling.conversation
        return conversation is not None and conversation.is_live

    @property
    def is_connecting(self) -> bool:
        """Whether the wallet is connected, or dials until it is."""
        return self._dialling.is_under_way

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
        self._dialling.itinerary.abandon(closed)
        try:
            await self._committer.stop()
        finally:
            for stream in tuple(self._listeners):
                stream.close()

    def connect(self, server: Server) -> None:
        """Stay connected to a server, or to where the wallet lives, until told otherwise."""
        self._dialling.connect(server)

    async def go_to(self, server: ServerAddress) -> None:
        """Ask a server whether the wallet lives there by now, and stay there if it does.

        Raises:
            ServerIdentity: the chain does not name it, or it is another server.
            BillfoldError: it cannot be reached, or does not hold the wallet.
        """
        await self._dialling.go_to(server)

    def redial(self) -> None:
        """Look anew where the wallet lives, and connect to that."""
        self._dialling.redial()

    async def disconnect(self) -> None:
        """Go offline."""
        await self._dialling.disconnect()

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

    async def propose(
        self, make: Callable[[Author], Authored], *, removes: DeviceId | None = None
    ) -> None:
        """Have a membership entry appended by the server, and adopt it.

        Args:
            make: makes the entry onto the newest one.
            removes: the device that it removes; if it moved the wallet away, the server that
                held it before takes the entry first.

        Raises:
            AccessError: the entry is refused.
            TransportError: the wallet was closed before the server answered.
        """
        done = self.proposals.add(make, removes=removes)
        if removes is not None and self._dialling.itinerary.is_visit_due:
            self.redial()
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
            self._dialling.last_error = event.error
        for stream in self._listeners:
            stream.put(event)

    def _tell_all(self, events: Sequence[Event]) -> None:
        for event in events:
            self.tell(event)

    def _room(self) -> int | None:
        self._addressee = conversation = self._dialling.conversation
        return None if conversation is None else conversation.push_room

    def _send(self, sends: Sends) -> None:
        conversation = self._dialling.conversation
        # What was meant for a connection that is no more is said again on the next.
        if conversation is not None and conversation is self._addressee:
            conversation.send_due(sends)
            self._flush()
        else:
            self.replica.resend()

    def _work_done(self) -> None:
        """Go on with what a work beside the event loop has noted."""
        self._tell_all(self.replica.journal.take_events())
        if self._dialling.conversation is not None:
            self._dialling.conversation.look()
            self._flush()
        self._committer.wake()

    def _flush(self) -> None:
        self._dialling.flush()

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
        if self._dialling.sending is not None:
            self._dialling.sending.end()
        try:
            self.replica = self._background.serve(self._load())
        except StoreError as fatal:
            self.tell(Warned(fatal))
            raise
        self.tell(RecordsChanged(fields=frozenset(), device=None, is_local=False))

    async def sync(self, deadline_s: float) -> BillfoldError | None:
        """Wait until everything is in step and durable, or for so long; return what prevents it."""
        try:
            async with asyncio.timeout(deadline_s):
                await self.wait_synced()
                await self.committed()
                while not self.is_synced:
                    # It turned out meanwhile that the wallet lives elsewhere.
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
        self._dialling.hurry()
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

"""Keeps a wallet connected: dials its home, and now and then the servers beside it; and again.

One connection is open at a time. It ends when it fails, and when the wallet turns out to live
elsewhere and all that there was to be had has come.

Spec: 21-sync.md
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from billfold.background import report_failure
from billfold.backoff import Backoff
from billfold.conversation import Conversation
from billfold.desks import Desks
from billfold.events import ConnectionChanged, Event, Warned
from billfold.itinerary import Itinerary, Stop
from billfold.other_history import is_told
from billfold.proposals import Proposals
from billfold.replica import Replica
from billfold.sending import Sending
from billfold.servers import Server
from billfold.transport import Connection, Transport
from billfold.transport.interface import SYNC_PATH
from billfold_protocol.errors import (
    BillfoldError,
    DeviceRevoked,
    RemoteProtocolError,
    TransportError,
)
from billfold_protocol.ids import ServerKey
from billfold_protocol.membership import ServerAddress

REFUSED_RETRY_S = 20.0
"""How long pushes rest after the server refused one for want of room, or of rights."""

BESIDE_TIMEOUT_S = 5.0
"""How long a server beside the home may take for an answer; somebody may be waiting."""


class Dialling:
    """The connections of one open replica, one after another."""

    def __init__(
        self,
        replica: Callable[[], Replica],
        proposals: Proposals,
        desks: Desks,
        *,
        transport: Transport,
        tell: Callable[[Event], None],
        settled: Callable[[], Awaitable[None]],
        wake: Callable[[], None],
    ) -> None:
        """Begin, without a connection.

        Args:
            replica: returns the replica as it is now.
            proposals: the membership entries that wait.
            desks: what goes on from one connection to the next.
            transport: the way to servers.
            tell: takes events.
            settled: waits for work beside the event loop without which nothing may go on.
            wake: has the committer look at what is due.
        """
        self._replica = replica
        self._proposals = proposals
        self._desks = desks
        self._transport = transport
        self._random = replica().core.random
        self._tell = tell
        self._settled = settled
        self._wake = wake
        self._server: Server | None = None
        self.itinerary = Itinerary(replica, proposals)
        self.conversation: Conversation | None = None
        self.sending: Sending | None = None
        self._task: asyncio.Task[None] | None = None
        self._hurry = asyncio.Event()
        self._has_been_online = False
        self._spoke_to: ServerKey | None = None
        self.last_error: BillfoldError | None = None
        self._said: tuple[str, str] | None = None
        """Why the server was left, as it was told last."""

    @property
    def is_under_way(self) -> bool:
        """Whether the wallet is connected, or dials until it is."""
        return self._task is not None and not self._task.done()

    def connect(self, server: Server) -> None:
        """Stay connected to a server, or to where the wallet lives, until told otherwise."""
        if self.is_under_way and self._server == server:
            self._hurry.set()
            return
        self._server = server
        self.redial()

    def redial(self) -> None:
        """End the connection, if there is one, and look anew where to go."""
        if self._server is None:
            return
        if self._task is not None:
            self._task.cancel()
        self._task = asyncio.create_task(self._stay_connected())
        self._task.add_done_callback(report_failure)

    async def disconnect(self) -> None:
        """Go offline."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def hurry(self) -> None:
        """Do not wait before the next attempt."""
        self._hurry.set()

    def go_to(self, server: ServerAddress) -> asyncio.Future[None]:
        """Ask a server whether the wallet lives there; the result is there when it does."""
        done = self.itinerary.go_to(server)
        self._server = self._server or Server(address=server.address)
        self.redial()
        return done

    def flush(self) -> None:
        """Move what the conversation wants to say to the sending task."""
        conversation = self.conversation
        if conversation is None:
            return
        conversation.propose()
        assert self.sending is not None
        for frame in conversation.outgoing:
            self.sending.send(frame)
        conversation.outgoing.clear()

    async def _stay_connected(self) -> None:
        backoff = Backoff(self._random)
        while True:
            self._has_been_online, self._spoke_to = False, None
            device = self._replica().core.device_id
            assert self._server is not None
            stop = self.itinerary.next(self._server)
            error: BillfoldError | None = None
            try:
                await self._converse(stop)
            except BillfoldError as ended:
                error = ended
            self.itinerary.ended(self._spoke_to, stop, error)
            self._wake()
            if error is None:
                continue
            if isinstance(error, DeviceRevoked) and (
                stop.meant is None or self._replica().is_removed
            ):
                self._went_offline(error)
                return
            if stop.meant is not None and not self._has_been_online:
                continue
            if device == self._replica().core.device_id:  # Else it has new keys and dials anew.
                self._went_offline(error)
            if self._has_been_online:
                backoff.reset()
            self._hurry.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(backoff.next_delay_s()):
                    await self._hurry.wait()

    async def _converse(self, stop: Stop) -> None:
        """Dial once and talk until the connection ends, or has no more to give.

        Raises:
            BillfoldError: why it ended.
        """
        connection = await self._connect(stop)
        self.sending = sending = Sending(connection)
        conversation = Conversation(
            self._replica,
            self._proposals,
            address=stop.server.address,
            token=stop.server.token,
            random=self._random,
            tell=self._tell,
            desks=self._desks,
        )
        if stop.meant is not None:
            conversation.expect(stop.meant)
        self.conversation = conversation
        retrying = asyncio.create_task(self._retry_refused(conversation))
        try:
            while not conversation.is_over:
                frame = await self._receive(connection, conversation)
                was_live = conversation.is_live
                conversation.receive(frame)
                await self._settled()
                self._tell_journal()
                self.flush()
                if conversation.is_live and not was_live:
                    self._went_online(conversation)
                self._wake()
        finally:
            self._tell_journal()
            self._spoke_to = conversation.server_key
            self.conversation = self.sending = None
            # What was meant for this connection is said again on the next, if it is due there.
            self._replica().journal.sends.clear()
            self._replica().resend()
            retrying.cancel()
            await asyncio.gather(retrying, return_exceptions=True)
            await sending.close()
            self._wake()

    async def _connect(self, stop: Stop) -> Connection:
        address = stop.server.address
        if stop.meant is None:
            return await self._transport.connect(address, SYNC_PATH)
        try:
            async with asyncio.timeout(BESIDE_TIMEOUT_S):
                return await self._transport.connect(address, SYNC_PATH)
        except TimeoutError as error:
            raise TransportError(f"the server at {address} does not answer") from error

    async def _receive(self, connection: Connection, conversation: Conversation) -> bytes:
        # Who does not live there does not wait there for ever.
        timeout_s = None if conversation.is_at_home else BESIDE_TIMEOUT_S
        try:
            async with asyncio.timeout(timeout_s):
                return await connection.receive()
        except TimeoutError as error:
            raise TransportError("a server beside the wallet's home does not answer") from error

    def _tell_journal(self) -> None:
        for event in self._replica().journal.take_events():
            self._tell(event)

    def _went_online(self, conversation: Conversation) -> None:
        self.itinerary.arrived()
        self.last_error = self._said = None
        self._has_been_online = True
        self._tell(ConnectionChanged(is_online=True))
        conversation.send_beacon()
        self.flush()

    async def _retry_refused(self, conversation: Conversation) -> None:
        """Push again now and then what the server had no room for; keep its word fresh."""
        while True:
            await asyncio.sleep(REFUSED_RETRY_S)
            conversation.refresh()
            self.flush()
            if conversation.is_refused:
                conversation.try_again()
                self._wake()
            is_idle = conversation.is_live and self._replica().unsynced_count == 0
            if is_idle and self.itinerary.is_visit_due:
                self.redial()

    def _went_offline(self, error: BillfoldError) -> None:
        self.last_error = error
        said = (type(error).__name__, str(error))
        # It is the same finding at each attempt until the wallet has been online again.
        is_new = said != self._said and not is_told(self._replica(), error)
        if not isinstance(error, TransportError | RemoteProtocolError) and is_new:
            self._said = said
            self._tell(Warned(error))
        self._tell(ConnectionChanged(is_online=False, reason=error))

"""The sync endpoint: one WebSocket for a device's wallets, between its frames and the relay.

One task reads a connection's frames; others live only while something waits to be written or read
from the store for it. A connection whose peer does not read is not read from either, and none is
read from while too much waits for the disk.

Spec: 30-server-api.md
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Coroutine, Sequence

from aiohttp import WSCloseCode, WSMsgType, web

from billfold_protocol import limits
from billfold_protocol.errors import RemoteProtocolError, StoreDamaged, StoreError
from billfold_server.committer import Committer
from billfold_server.connections import HEADERS, address_of
from billfold_server.hub import Peer
from billfold_server.logs import Contained, ServerLog
from billfold_server.outbox import OutboxPool, SocketOutbox
from billfold_server.reads import Piece, ReadRequest
from billfold_server.relay import Relay

HEARTBEAT_S = 30
CLOSE_S_MAX = 2
"""How long a peer may take to answer the end of its connection."""

HELLO_S_MAX = 30
"""How long a connection may be open before it has subscribed to a wallet."""

REASON_SIZE_MAX = 120
"""RFC 6455 §5.5: a control frame has at most 125 bytes, two of which are the code."""

NONCE_SIZE = 32

Read = Callable[[ReadRequest], Awaitable[Piece]]


class SyncEndpoint:
    """Serves every connection of `/v1/sync`."""

    def __init__(
        self,
        relay: Relay,
        committer: Committer,
        read: Read,
        *,
        origins: Sequence[str],
        on_broken: Callable[[BaseException], None],
    ) -> None:
        """Begin.

        Args:
            relay: judges the frames.
            committer: makes what it stages durable.
            read: runs a request for stored entries away from the event loop.
            origins: what clients dial; empty for what each request names.
            on_broken: told when the store turns out to be damaged.
        """
        self.relay = relay
        self.committer = committer
        self.read = read
        self.on_broken = on_broken
        self.pool = OutboxPool()
        self.is_draining = False
        self._origins = tuple(origins)
        self._connections: set[_Connection] = set()

    @property
    def connections_count(self) -> int:
        """How many connections are open."""
        return len(self._connections)

    async def serve(self, request: web.BaseRequest) -> web.StreamResponse:
        """Serve one connection until it ends."""
        origins = self._origins or (f"{request.scheme}://{request.host.lower()}",)
        socket = web.WebSocketResponse(
            compress=False,
            heartbeat=HEARTBEAT_S,
            timeout=CLOSE_S_MAX,
            max_msg_size=limits.FRAME_SIZE_MAX + 1,  # The first size that is refused.
            decode_text=False,
        )
        socket.headers.update(HEADERS)
        await socket.prepare(request)
        connection = _Connection(self, socket, request.transport, origins)
        self._connections.add(connection)
        try:
            await connection.run()
        finally:
            self._connections.discard(connection)
        return socket

    async def drain(self, *, timeout_s: float) -> None:
        """Take no more frames, let what is under way end, then end every connection.

        What is read after this began is not taken; its author was never told otherwise.
        """
        self.is_draining = True
        connections = tuple(self._connections)
        try:
            async with asyncio.timeout(timeout_s):
                await self.committer.finish()
                await asyncio.gather(*(connection.flush() for connection in connections))
        except TimeoutError:
            ServerLog().warning("the time to drain was too short")
        await asyncio.gather(
            *(connection.close(WSCloseCode.GOING_AWAY, "") for connection in self._connections)
        )

    def abandon(self) -> None:
        """End every connection at once, without a word: nothing may be promised any more."""
        self.is_draining = True
        for connection in tuple(self._connections):
            connection.abort()


class _Connection:
    """One device's connection."""

    def __init__(
        self,
        endpoint: SyncEndpoint,
        socket: web.WebSocketResponse,
        transport: asyncio.Transport | None,
        origins: Sequence[str],
    ) -> None:
        self._endpoint = endpoint
        self._relay = endpoint.relay
        self._committer = endpoint.committer
        self._socket = socket
        self._transport = transport
        self._log = ServerLog()
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_reading_store = False
        self._outbox = SocketOutbox(
            socket.send_bytes, endpoint.pool, on_room=self._read_on, on_broken=self.abort
        )
        self._peer: Peer = self._relay.connect(
            self._outbox,
            nonce=secrets.token_bytes(NONCE_SIZE),
            origins=origins,
            address=address_of(transport),
        )

    async def run(self) -> None:
        """Read frames until the connection ends."""
        hello = self._loop.call_later(HELLO_S_MAX, self._require_hello)
        try:
            with Contained("a connection failed") as failure:
                await self._receive_all()
            if failure.error is not None:
                await self.close(WSCloseCode.INTERNAL_ERROR, "")
        finally:
            hello.cancel()
            self._leave()
            for task in self._tasks:
                task.cancel()
            # A peer that reads nothing would keep the closed connection's buffers for ever.
            self._loop.call_later(CLOSE_S_MAX, self.abort)

    async def flush(self) -> None:
        """Wait until everything that waits for the peer is written."""
        await self._outbox.flush()

    async def close(self, code: int, reason: str) -> None:
        """End the connection with a code and a reason for people."""
        # First of all, lest news for the peer find its connection half closed.
        self._leave()
        message = reason.encode()[:REASON_SIZE_MAX].decode(errors="ignore").encode()
        await self._socket.close(code=code, message=message, drain=False)

    def abort(self) -> None:
        """End the connection without a farewell; again is harmless."""
        if self._transport is not None:
            self._transport.abort()
            self._transport = None

    def _leave(self) -> None:
        self._relay.disconnect(self._peer)
        self._outbox.close()

    async def _receive_all(self) -> None:
        try:
            await self._take_frames()
        except RemoteProtocolError as error:
            self._log.debug("a peer broke the protocol", reason=str(error))
            await self.close(error.close_code, str(error))
        except StoreError as error:
            self._log.error("the store failed under a connection", error)
            if isinstance(error, StoreDamaged):
                self._endpoint.on_broken(error)
            await self.close(WSCloseCode.TRY_AGAIN_LATER, "")

    async def _take_frames(self) -> None:
        socket, relay, committer, outbox = self._socket, self._relay, self._committer, self._outbox
        while True:
            message = await socket.receive()
            if message.type is WSMsgType.TEXT:
                raise RemoteProtocolError(
                    "frames are binary", close_code=WSCloseCode.UNSUPPORTED_DATA
                )
            if message.type is not WSMsgType.BINARY:
                return
            if self._endpoint.is_draining:
                continue
            relay.receive(self._peer, message.data)
            committer.kick()
            if self._peer.is_behind:
                self._read_on()
            if outbox.is_congested:
                await outbox.wait_for_room()
            if not committer.has_room:
                await committer.wait_for_room()

    def _read_on(self) -> None:
        """Read what the peer lacks from the store, unless that is under way."""
        if self._peer.is_behind and not self._is_reading_store:
            self._is_reading_store = True
            self._spawn(self._read_store())

    async def _read_store(self) -> None:
        try:
            while not self._outbox.is_congested:
                request = self._relay.next_read(self._peer)
                if request is None:
                    return
                self._relay.read_done(request, await self._endpoint.read(request))
        except StoreError as error:
            self._log.error("the store could not be read", error)
            if isinstance(error, StoreDamaged):
                self._endpoint.on_broken(error)
            self.abort()
        finally:
            self._is_reading_store = False

    def _require_hello(self) -> None:
        if not self._peer.subscriptions:
            self._spawn(self.close(WSCloseCode.POLICY_VIOLATION, "no wallet was subscribed to"))

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

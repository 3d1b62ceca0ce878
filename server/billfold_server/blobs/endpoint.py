"""The blob endpoint: a WebSocket for one wallet's blobs, beside the one for its entries.

A connection is let in by the same proof as any other. Its requests are answered one after the
other, each away from the event loop, so that a connection never holds more than a chunk in memory
and live entries on other connections never wait behind bulk.

Spec: 23-blobs.md
"""

import asyncio
import secrets
from collections.abc import Callable, Sequence
from concurrent.futures import Executor

from aiohttp import WSCloseCode, WSMsgType, web

from billfold_protocol import limits
from billfold_protocol.errors import RemoteProtocolError, StoreDamaged, StoreError
from billfold_protocol.feed import Reason
from billfold_protocol.ids import DeviceId, InstanceId
from billfold_protocol.messages import Ended, Subscribe
from billfold_protocol.messages.blobs import (
    BlobAnswer,
    BlobRequest,
    RefusedBlob,
    encode_blob_answer,
    parse_blob_request,
)
from billfold_protocol.server_session import ServerSession
from billfold_server.blobs.service import BlobService, blob_of, is_writing
from billfold_server.connections import HEADERS, address_of
from billfold_server.logs import Contained, ServerLog
from billfold_server.relay import Relay

HEARTBEAT_S = 30
CLOSE_S_MAX = 2
HELLO_S_MAX = 30
NONCE_SIZE = 32
REASON_SIZE_MAX = 120


class BlobEndpoint:
    """Serves every connection of `/v1/blobs`."""

    def __init__(
        self,
        relay: Relay,
        service: BlobService,
        executor: Executor,
        *,
        instance: InstanceId,
        origins: Sequence[str],
        on_broken: Callable[[BaseException], None],
    ) -> None:
        """Begin.

        Args:
            relay: knows the wallets and who may do what.
            service: answers the requests.
            executor: runs what waits for the disk.
            instance: the id of the server's store.
            origins: what clients dial; empty for what each request names.
            on_broken: told when the store turns out to be damaged.
        """
        self._relay = relay
        self._service = service
        self._executor = executor
        self._instance = instance
        self._origins = tuple(origins)
        self._on_broken = on_broken
        self._log = ServerLog()
        self._sockets: set[web.WebSocketResponse] = set()

    @property
    def connections_count(self) -> int:
        """How many connections are open."""
        return len(self._sockets)

    async def serve(self, request: web.BaseRequest) -> web.StreamResponse:
        """Serve one connection until it ends."""
        socket = web.WebSocketResponse(
            compress=False,
            heartbeat=HEARTBEAT_S,
            timeout=CLOSE_S_MAX,
            max_msg_size=limits.FRAME_SIZE_MAX + 1,  # The first size that is refused.
            decode_text=False,
        )
        socket.headers.update(HEADERS)
        await socket.prepare(request)
        self._sockets.add(socket)
        session = ServerSession(
            server_key=self._relay.server_key,
            instance=self._instance,
            nonce=secrets.token_bytes(NONCE_SIZE),
            origins=self._origins or (f"{request.scheme}://{request.host.lower()}",),
        )
        code, reason = int(WSCloseCode.INTERNAL_ERROR), ""
        try:
            with Contained("a connection for blobs failed"):
                code, reason = await self._converse(socket, session, address_of(request.transport))
            await socket.close(code=code, message=reason.encode()[:REASON_SIZE_MAX], drain=False)
        finally:
            self._sockets.discard(socket)
        return socket

    async def close(self) -> None:
        """End every connection; what was answered stands, the rest is asked again."""
        await asyncio.gather(
            *(socket.close(code=WSCloseCode.GOING_AWAY) for socket in tuple(self._sockets))
        )

    async def _converse(
        self, socket: web.WebSocketResponse, session: ServerSession, address: str
    ) -> tuple[int, str]:
        """Talk until the end, and return the code and reason to close with."""
        try:
            await socket.send_bytes(session.challenge())
            subscribe = await self._admitted(socket, session, address)
            if subscribe is None:
                return WSCloseCode.POLICY_VIOLATION, "the subscription was refused"
            try:
                await self._answer_all(socket, subscribe)
            finally:
                self._relay.gate.leave(subscribe.wallet_id)
        except RemoteProtocolError as error:
            self._log.debug("a peer broke the protocol", reason=str(error))
            return error.close_code, str(error)
        except StoreError as error:
            self._log.error("the store of blobs failed", error)
            if isinstance(error, StoreDamaged):
                self._on_broken(error)
            return WSCloseCode.TRY_AGAIN_LATER, ""
        except OSError:  # The peer has left.
            pass
        return WSCloseCode.OK, ""

    async def _admitted(
        self, socket: web.WebSocketResponse, session: ServerSession, address: str
    ) -> Subscribe | None:
        """Take the first frame and answer it; None if the device is not let in."""
        try:
            async with asyncio.timeout(HELLO_S_MAX):
                frame = await _receive(socket)
        except TimeoutError:
            frame = None
        if frame is None:
            return None
        message = session.receive(frame)
        if not isinstance(message, Subscribe):
            raise RemoteProtocolError("a connection for blobs begins with a subscription")
        answer = self._relay.gate.admit(session, message, address=address)
        if answer is None:
            ended = Ended(wallet_id=message.wallet_id, reason=Reason.UNKNOWN_WALLET)
            await socket.send_bytes(session.send(ended))
            return None
        await socket.send_bytes(session.send(answer))
        return message

    async def _answer_all(self, socket: web.WebSocketResponse, subscribe: Subscribe) -> None:
        while (frame := await _receive(socket)) is not None:
            request = parse_blob_request(frame)
            if request.wallet_id != subscribe.wallet_id:
                raise RemoteProtocolError("the connection is for another wallet's blobs")
            refusal = self._refusal(request, subscribe.device)
            if refusal is not None:
                await socket.send_bytes(encode_blob_answer(refusal))
            else:
                await self._answer(socket, request)

    def _refusal(self, request: BlobRequest, device: DeviceId) -> RefusedBlob | None:
        reason = self._relay.gate.refusal_of(
            request.wallet_id, device, is_writing=is_writing(request)
        )
        if reason is None:
            return None
        return self._service.refuse(request.wallet_id, blob_of(request), reason)

    async def _answer(self, socket: web.WebSocketResponse, request: BlobRequest) -> None:
        loop, answers = asyncio.get_running_loop(), self._service.answers(request)

        def next_answer() -> BlobAnswer | None:
            return next(answers, None)

        while (answer := await loop.run_in_executor(self._executor, next_answer)) is not None:
            await socket.send_bytes(encode_blob_answer(answer))


async def _receive(socket: web.WebSocketResponse) -> bytes | None:
    """Return the next frame, or None at the end of the connection."""
    message = await socket.receive()
    if message.type is WSMsgType.TEXT:
        raise RemoteProtocolError("frames are binary", close_code=WSCloseCode.UNSUPPORTED_DATA)
    data: bytes | None = message.data if message.type is WSMsgType.BINARY else None
    return data

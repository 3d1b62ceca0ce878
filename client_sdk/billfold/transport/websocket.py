"""WebSocket over aiohttp: the transport that applications use.

It connects to the address it is given and to no other: redirects are not followed, compression is
off, frames have a bound.

Spec: 30-server-api.md
"""

import asyncio
import json
import ssl

import aiohttp

from billfold.transport.interface import INFO_PATH, ServerInfo
from billfold_protocol import limits
from billfold_protocol.errors import RemoteProtocolError, TransportError
from billfold_protocol.ids import ServerKey

CONNECT_TIMEOUT_S = 10
CLOSE_TIMEOUT_S = 2.0
"""How long a server may take to answer the end of a connection; a person may be waiting."""

HEARTBEAT_S = 25
INFO_SIZE_MAX = 4096
SERVER_KEY_SIZE = 32


class WebSocketConnection:
    """One WebSocket."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket

    async def send(self, frame: bytes) -> None:
        """Send one message; waits while the other side reads slowly.

        Raises:
            TransportError: the connection failed.
        """
        try:
            await self._socket.send_bytes(frame)
        except (aiohttp.ClientError, OSError, RuntimeError) as error:
            raise TransportError("the connection to the server was lost") from error

    async def receive(self) -> bytes:
        """Return the next message.

        Raises:
            TransportError: the connection failed or was closed; the message says why.
            RemoteProtocolError: the other side sent something that is not a binary message.
        """
        try:
            message = await self._socket.receive()
        except (aiohttp.ClientError, OSError, RuntimeError) as error:
            raise TransportError("the connection to the server was lost") from error
        if message.type is aiohttp.WSMsgType.BINARY:
            data: bytes = message.data
            return data
        if message.type is aiohttp.WSMsgType.TEXT:
            raise RemoteProtocolError("the server sent text instead of bytes", close_code=1003)
        code = self._socket.close_code
        raise TransportError(f"the server closed the connection (code {code})")

    async def close(self) -> None:
        """Close; closing twice is no mistake."""
        await self._socket.close()


class WebSocketTransport:
    """Opens WebSockets; made and closed inside one event loop."""

    def __init__(self, *, ssl_context: ssl.SSLContext | None = None) -> None:
        """Begin.

        Args:
            ssl_context: whom to trust; the system's authorities if None.
        """
        self._ssl_context = ssl_context
        self._session: aiohttp.ClientSession | None = None

    async def connect(self, address: str, path: str) -> WebSocketConnection:
        """Open a WebSocket to a path of a server.

        Raises:
            TransportError: the server cannot be reached or refuses.
        """
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                socket = await self._opened().ws_connect(
                    address + path,
                    compress=0,
                    max_msg_size=limits.FRAME_SIZE_MAX,
                    heartbeat=HEARTBEAT_S,
                    timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_TIMEOUT_S),
                    ssl=True if self._ssl_context is None else self._ssl_context,
                )
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            raise TransportError(f"the server at {address} cannot be reached") from error
        return WebSocketConnection(socket)

    async def info(self, address: str) -> ServerInfo:
        """Ask a server who it is.

        Raises:
            TransportError: the server cannot be reached.
            RemoteProtocolError: what answers is not a Billfold server.
        """
        try:
            async with (
                asyncio.timeout(CONNECT_TIMEOUT_S),
                self._opened().get(
                    address + INFO_PATH,
                    allow_redirects=False,
                    ssl=True if self._ssl_context is None else self._ssl_context,
                ) as response,
            ):
                body = await response.content.read(INFO_SIZE_MAX)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise TransportError(f"the server at {address} cannot be reached") from error
        return _parse_info(body)

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            # `ws_connect` has no option against redirects, so the first one ends the request.
            trace = aiohttp.TraceConfig()
            trace.on_request_redirect.append(_refuse_redirect)
            self._session = aiohttp.ClientSession(
                trace_configs=[trace],
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
                timeout=aiohttp.ClientTimeout(total=None, connect=CONNECT_TIMEOUT_S),
            )
        return self._session


async def _refuse_redirect(*_: object) -> None:
    raise TransportError("the server sends its visitors to another address; that is not followed")


def _parse_info(body: bytes) -> ServerInfo:
    """Read the answer of `/v1/server`."""
    try:
        fields = json.loads(body)
        key = bytes.fromhex(fields["key"])
        software = str(fields["software"])[:64]
    except (ValueError, KeyError, TypeError) as error:
        raise RemoteProtocolError("what answers at this address is no Billfold server") from error
    if len(key) != SERVER_KEY_SIZE or fields.get("protocol") != 1:
        raise RemoteProtocolError("the server speaks another version of the protocol")
    return ServerInfo(key=ServerKey(key), software=software)

"""Requests with a body over HTTPS, for whoever has no wallet.

It asks the address it is given and no other: redirects are not followed, and answers have a bound.

Spec: 26-channels.md
"""

import asyncio
import ssl
from types import TracebackType
from typing import Self

import aiohttp

from billfold_protocol import limits
from billfold_protocol.errors import LimitExceeded, RemoteProtocolError, TransportError

TIMEOUT_S = 30.0
TEXT_STATUS_MIN = 400


class Posting:
    """Posts bytes to servers; made and closed inside one event loop."""

    def __init__(self, *, ssl_context: ssl.SSLContext | None = None) -> None:
        """Begin.

        Args:
            ssl_context: whom to trust; the system's authorities if None.
        """
        self._ssl_context = ssl_context
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def post(self, url: str, body: bytes, *, bearer: str) -> bytes:
        """Return the bytes that a server answers, refusals that are signed included.

        Raises:
            TransportError: the server cannot be reached, or cannot answer now.
            RemoteProtocolError: what answers is no Billfold server, or refuses the form.
            LimitExceeded: the server finds the request too large.
        """
        headers = {"Authorization": f"Bearer {bearer}", "Content-Type": "application/octet-stream"}
        try:
            async with (
                asyncio.timeout(TIMEOUT_S),
                self._opened().post(
                    url,
                    data=body,
                    headers=headers,
                    allow_redirects=False,
                    ssl=True if self._ssl_context is None else self._ssl_context,
                ) as response,
            ):
                status, kind = response.status, response.content_type
                answer = await response.content.read(limits.MAILBOX_ANSWER_SIZE_MAX + 1)
                while not response.content.at_eof():
                    answer += await response.content.read(limits.MAILBOX_ANSWER_SIZE_MAX)
                    if len(answer) > limits.MAILBOX_ANSWER_SIZE_MAX:
                        raise RemoteProtocolError("the server answers more than was asked")
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            raise TransportError("the server cannot be reached") from error
        if kind == "application/octet-stream":
            return answer
        raise _error_of(status)

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                cookie_jar=aiohttp.DummyCookieJar(), trust_env=False, auto_decompress=False
            )
        return self._session


def _error_of(status: int) -> TransportError | RemoteProtocolError | LimitExceeded:
    """Return what a status without a signed answer means."""
    match status:
        case 413:
            return LimitExceeded("the message is larger than the server takes")
        case 408 | 429 | 503:
            return TransportError("the server cannot answer now; try again in a moment")
        case _:
            return RemoteProtocolError("what answers at this address is no Billfold server")

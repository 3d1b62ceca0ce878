"""Mailboxes over HTTPS: one request with a body, one signed answer.

Spec: 26-channels.md
"""

import asyncio
import base64
import binascii
import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from aiohttp import hdrs, web

from billfold_protocol import limits
from billfold_protocol.errors import Downgrade, Malformed, StoreDamaged, StoreError
from billfold_protocol.ids import MailboxAddress
from billfold_protocol.mailbox import CAPABILITY_SIZE, MailboxAnswer, Refusal, Refused
from billfold_server.committer import Committer
from billfold_server.connections import HEADERS, address_of
from billfold_server.logs import ServerLog
from billfold_server.mailboxes import Sender
from billfold_server.relay import Relay

BODY_S_MAX: Final = 15
"""How long the body of a request may take."""

STATUSES: Final = {
    Refusal.UNKNOWN: HTTPStatus.NOT_FOUND,
    Refusal.CLOSED: HTTPStatus.GONE,
    Refusal.MOVED: HTTPStatus.MISDIRECTED_REQUEST,
    Refusal.FULL: HTTPStatus.INSUFFICIENT_STORAGE,
    Refusal.RATE: HTTPStatus.TOO_MANY_REQUESTS,
    Refusal.STORE: HTTPStatus.SERVICE_UNAVAILABLE,
}

_NAME: Final = re.compile(r"[0-9a-f]{64}")
_BEARER: Final = re.compile(r"Bearer ([A-Za-z0-9_-]{43})", re.IGNORECASE)


class MailboxEndpoint:
    """Answers every request about a mailbox."""

    def __init__(
        self,
        relay: Relay,
        committer: Callable[[], Committer],
        *,
        on_broken: Callable[[BaseException], None],
    ) -> None:
        self._relay = relay
        self._committer = committer
        self._on_broken = on_broken

    async def serve(self, request: web.BaseRequest, name: str) -> web.StreamResponse:
        """Answer one request; `name` is the last part of its path."""
        if request.method != hdrs.METH_POST:
            return _text(405, "A mailbox takes POST only.", Allow="POST")
        capability = _capability_of(request.headers.get(hdrs.AUTHORIZATION, ""))
        if capability is None:
            headers = {hdrs.WWW_AUTHENTICATE: "Bearer"}
            return _text(401, "A mailbox asks for its capability.", **headers)
        size = request.content_length
        if size is None:
            return _text(411, "A request has a length.")
        if size > limits.MAILBOX_REQUEST_SIZE_MAX:
            return _text(413, "A message has at most 64 KiB.")
        try:
            async with asyncio.timeout(BODY_S_MAX):
                body = await request.content.readexactly(size)
        except TimeoutError:
            return _text(408, "The request did not come in time.")
        except (asyncio.IncompleteReadError, web.RequestPayloadError):
            return _text(400, "The request is not whole.")
        if not _NAME.fullmatch(name):
            return _text(404, "There is nothing here.")
        sender = Sender(address=address_of(request.transport), capability=capability)
        try:
            return await self._answer(sender, MailboxAddress(bytes.fromhex(name)), body)
        except (Malformed, Downgrade):
            return _text(400, "This is no request that a mailbox understands.")
        except StoreError as error:
            ServerLog().error("the store failed under a mailbox", error)
            if isinstance(error, StoreDamaged):
                self._on_broken(error)
            return _text(503, "The server could not keep it; try again later.")

    async def _answer(
        self, sender: Sender, address: MailboxAddress, body: bytes
    ) -> web.StreamResponse:
        done: asyncio.Future[tuple[MailboxAnswer, bytes]]
        done = asyncio.get_running_loop().create_future()

        def take(answer: MailboxAnswer, raw: bytes) -> None:
            if not done.done():  # Whoever asked may have left.
                done.set_result((answer, raw))

        committer = self._committer()
        if not committer.has_room:
            await committer.wait_for_room()
        self._relay.mailboxes.receive(sender, address, body, take)
        committer.kick()
        answer, raw = await done
        status = STATUSES[answer.reason] if isinstance(answer, Refused) else HTTPStatus.OK
        headers = {**HEADERS, "Content-Type": "application/octet-stream"}
        return web.Response(status=status, body=raw, headers=headers)


def _capability_of(header: str) -> bytes | None:
    """Return the 32 bytes of `Authorization: Bearer …`, in base64url without padding."""
    found = _BEARER.fullmatch(header.strip())
    if found is None:
        return None
    try:
        capability = base64.b64decode(found[1] + "=", altchars=b"-_", validate=True)
    except binascii.Error:
        return None
    return capability if len(capability) == CAPABILITY_SIZE else None


def _text(status: int, text: str, **headers: str) -> web.Response:
    response = web.Response(status=status, text=text + "\n", headers={**HEADERS, **headers})
    # What else came on this connection is of no interest.
    response.force_close()
    return response

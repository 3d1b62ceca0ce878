"""What the server answers to each path; everything else is 404.

    GET /v1/sync                 WebSocket: a device's wallets
    GET /v1/blobs                WebSocket: one wallet's blobs
    GET /v1/rendezvous/{name}    WebSocket: a meeting place, by its name or, as `new`, a fresh one
    POST /v1/mailboxes/{address} a sender's request about a mailbox
    GET /v1/server               JSON: the server's key, for a person's first use of an address
    GET /healthz                 200 while the process is alive
    GET /readyz                  200 while it takes connections and writes, else 503
    GET /metrics                 numbers for Prometheus, if the operator wants them

Spec: 30-server-api.md
"""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus

from aiohttp import hdrs, web

from billfold_protocol.ids import ServerKey
from billfold_protocol.messages import PROTOCOL_VERSION
from billfold_server import __version__
from billfold_server.connections import HEADERS, Handler
from billfold_server.logs import Contained
from billfold_server.metrics import CONTENT_TYPE, Metrics

RENDEZVOUS_PREFIX = "/v1/rendezvous/"
MAILBOX_PREFIX = "/v1/mailboxes/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What stands behind the paths."""

    sync: Handler
    blobs: Handler
    rendezvous: Callable[[web.BaseRequest, str], Awaitable[web.StreamResponse]]
    is_rendezvous_name: Callable[[str], bool]
    mailboxes: Callable[[web.BaseRequest, str], Awaitable[web.StreamResponse]]
    is_ready: Callable[[], bool]
    is_draining: Callable[[], bool]
    server_key: ServerKey
    metrics: Metrics | None
    """None if the operator wants no `/metrics`."""


class Routes:
    """Answers every request of the server."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request; nothing is raised but the end of the connection."""
        with Contained("a request failed"):
            try:
                return self._refusal(request) or await self._answer(request)
            except web.HTTPException as error:
                return _text(error.status, "This is no WebSocket request of version 13.")
            except OSError:  # The peer has left.
                pass
        return _text(500, "The server could not answer; its log says why.")

    def _refusal(self, request: web.BaseRequest) -> web.StreamResponse | None:
        """Refuse what no path takes, before anything is read or made."""
        is_for_mailbox = request.path.startswith(MAILBOX_PREFIX)
        if request.method not in {hdrs.METH_GET, hdrs.METH_HEAD} and not is_for_mailbox:
            return _text(405, "Only GET is answered here.", Allow="GET, HEAD")
        if hdrs.CONTENT_ENCODING in request.headers:
            return _text(415, "Nothing compressed is taken.")
        if is_for_mailbox:
            return self._stopping()
        has_length = request.headers.get(hdrs.CONTENT_LENGTH, "0") != "0"
        if request.body_exists or has_length or hdrs.TRANSFER_ENCODING in request.headers:
            return _text(413, "No request has a body here.")
        return None

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        path, services = request.path, self._services
        if path == "/v1/sync":
            return self._no_upgrade(request) or await services.sync(request)
        if path == "/v1/blobs":
            return self._no_upgrade(request) or await services.blobs(request)
        if path.startswith(MAILBOX_PREFIX):
            return await services.mailboxes(request, path.removeprefix(MAILBOX_PREFIX))
        name = path.removeprefix(RENDEZVOUS_PREFIX)
        if name != path and services.is_rendezvous_name(name):
            return self._no_upgrade(request) or await services.rendezvous(request, name)
        match path:
            case "/healthz":
                return _text(200, "ok")
            case "/readyz":
                return _text(200, "ready") if services.is_ready() else _text(503, "not ready")
            case "/v1/server":
                return _content(self._about(), "application/json")
            case "/metrics":
                if services.metrics is not None:
                    return _content(services.metrics.text(), CONTENT_TYPE)
            case _:
                pass
        return _text(404, "There is nothing here.")

    def _about(self) -> bytes:
        about = {
            "protocol": PROTOCOL_VERSION,
            "key": self._services.server_key.hex(),
            "software": f"billfold-server {__version__}",
        }
        return json.dumps(about).encode()

    def _no_upgrade(self, request: web.BaseRequest) -> web.StreamResponse | None:
        """Refuse a request that is not for a WebSocket, or comes too late."""
        if request.headers.get(hdrs.UPGRADE, "").lower() != "websocket":
            return _text(426, "This path speaks WebSocket only.", Upgrade="websocket")
        return self._stopping()

    def _stopping(self) -> web.StreamResponse | None:
        if self._services.is_draining():
            return _text(503, "The server is stopping; connect again in a moment.")
        return None


def _content(body: bytes, content_type: str) -> web.Response:
    return web.Response(body=body, headers={**HEADERS, "Content-Type": content_type})


def _text(status: int, text: str, **headers: str) -> web.Response:
    response = web.Response(status=status, text=text + "\n", headers={**HEADERS, **headers})
    if status >= HTTPStatus.BAD_REQUEST:
        # What else came on this connection is of no interest.
        response.force_close()
    return response

"""The TCP connections of the server: how many may be open, and how little each may cost.

A request has a short head, no body and nothing compressed. A head that is not complete in time,
and a connection beyond the caps, is closed without an answer.

Spec: 30-server-api.md
"""

import asyncio
import ipaddress
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import cast

from aiohttp import web

from billfold_server.logs import LOGGER_NAME

IDLE_S_MAX = 15
"""How long a connection may take for the head of a request, the first or a later one."""

LINE_SIZE_MAX = 1024
FIELD_SIZE_MAX = 4096
FIELDS_COUNT_MAX = 64
IPV6_PREFIX_LENGTH = 64

HEADERS = {
    "Server": "billfold",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
}
"""What every answer says; nothing of it names a version of the software."""

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


def address_of(transport: asyncio.BaseTransport | None) -> str:
    """Return the network address by which a peer is counted; of IPv6, the network of one site."""
    peer = None if transport is None else transport.get_extra_info("peername")
    if not isinstance(peer, tuple):
        return "local"
    try:
        address = ipaddress.ip_address(str(peer[0]).partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, IPV6_PREFIX_LENGTH), strict=False))


class Admission:
    """Counts open connections, in all and by network address."""

    def __init__(self, *, total_max: int, per_address_max: int) -> None:
        self._total_max = total_max
        self._per_address_max = per_address_max
        self._by_address: Counter[str] = Counter()
        self.count = 0
        """Connections that are open."""

        self.refused_count = 0
        """Connections that were refused since the start."""

    def enter(self, address: str) -> bool:
        """Count a connection; False, and not counted, if there are too many."""
        if self.count >= self._total_max or self._by_address[address] >= self._per_address_max:
            self.refused_count += 1
            return False
        self.count += 1
        self._by_address[address] += 1
        return True

    def leave(self, address: str) -> None:
        """Take back what `enter` counted."""
        self.count -= 1
        self._by_address[address] -= 1
        if self._by_address[address] == 0:
            del self._by_address[address]


class GuardedConnection(web.RequestHandler):
    """One connection that is counted, and that tells nothing about the software."""

    __slots__ = ("_address", "_admission")

    def __init__(
        self, manager: web.Server, admission: Admission, *, loop: asyncio.AbstractEventLoop
    ) -> None:
        super().__init__(
            manager,
            loop=loop,
            keepalive_timeout=IDLE_S_MAX,
            timeout_ceil_threshold=IDLE_S_MAX,
            lingering_time=0,
            max_line_size=LINE_SIZE_MAX,
            max_field_size=FIELD_SIZE_MAX,
            max_headers=FIELDS_COUNT_MAX,
            auto_decompress=False,
            # What strangers send is not worth a line each; `routes` logs our own failures.
            access_log=cast(logging.Logger, None),
            logger=_silent_logger(),
        )
        self._admission = admission
        self._address: str | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count the connection, or end it."""
        super().connection_made(transport)
        address = address_of(transport)
        if self._admission.enter(address):
            self._address = address
        else:
            self.force_close()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Count the connection no more."""
        if self._address is not None:
            self._admission.leave(self._address)
            self._address = None
        super().connection_lost(exc)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer a request that could not be parsed, and close."""
        del exc, message  # They repeat what the peer sent.
        if request.writer.output_size > 0:
            raise ConnectionError("an answer is under way already")
        response = web.Response(status=status, text="The request is not valid.\n", headers=HEADERS)
        response.force_close()
        return response


class GuardedServer(web.Server):
    """Makes a guarded connection for each one that comes in."""

    def __init__(self, handler: Handler, admission: Admission) -> None:
        super().__init__(handler)
        self._admission = admission

    def __call__(self) -> web.RequestHandler:
        """Return the protocol of a new connection."""
        return GuardedConnection(self, self._admission, loop=asyncio.get_running_loop())


def _silent_logger() -> logging.Logger:
    logger = logging.getLogger(f"{LOGGER_NAME}.http")
    logger.setLevel(logging.CRITICAL + 1)
    return logger

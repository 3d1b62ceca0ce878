"""A server that answers whatever it is told to, over real WebSockets.

Spec: 20-handshake.md
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web

Behaviour = Callable[[web.WebSocketResponse], Awaitable[object]]


class BadServer:
    """Counts the connections and behaves badly on each."""

    def __init__(self) -> None:
        self.address = ""
        self.connections_count = 0


@asynccontextmanager
async def bad_server(behaviour: Behaviour) -> AsyncIterator[BadServer]:
    """Run a server that does the same to every connection."""
    bad = BadServer()

    async def serve(request: web.Request) -> web.StreamResponse:
        bad.connections_count += 1
        socket = web.WebSocketResponse(max_msg_size=0)
        await socket.prepare(request)
        await behaviour(socket)
        # What the device does about it is its own affair; it must end the connection.
        async for _ in socket:
            pass
        return socket

    application = web.Application()
    application.router.add_route("GET", "/{path:.*}", serve)
    runner = web.AppRunner(application, shutdown_timeout=1.0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        bad.address = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield bad
    finally:
        await runner.cleanup()

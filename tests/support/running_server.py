"""A real server on a free port of this process, and its settings for tests.

Spec: 30-server-api.md
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from billfold_server.app import Server
from billfold_server.config import Address, ServerConfig
from billfold_server.intake import RelayConfig
from billfold_server.quotas import Quotas

LOCAL = Address("127.0.0.1", 0)


def settings(store: str = "memory:", **changes: int) -> ServerConfig:
    """Return settings for a test server; `changes` are quotas."""
    relay = RelayConfig(quotas=replace(Quotas(), **changes))
    return ServerConfig(store=store, listen=(LOCAL,), relay=relay, drain_s=5.0)


@asynccontextmanager
async def running_server(config: ServerConfig | None = None) -> AsyncIterator[Server]:
    """Run a server until the block ends; its address is the first of `addresses`."""
    server = Server(config or settings())
    await server.start()
    try:
        yield server
    finally:
        await server.stop()

"""A process that holds connections which are subscribed and do nothing.

They speak the protocol with real keys and signatures, without the SDK's store and document: what
they cost this process does not matter, what they cost the server does.

Spec: 00-overview.md
"""

import asyncio
import os
import resource
import sys
from contextlib import AsyncExitStack, suppress
from pathlib import Path

from billfold_protocol.client_session import Acked
from billfold_protocol.errors import TransportError
from tests.benchmarks.processes import serve_commands
from tests.support.sync_client import SyncClient
from tests.support.wallets import TestDevice, TestFeed, TestWallet

OPENED_AT_ONCE = 16
CHANGE_SIZE = 150


class IdleHost:
    """The commands; each method that does not start with `_` is one."""

    def __init__(self, folder: Path, address: str) -> None:
        self._name = folder.name
        self._address = address
        self._wallets: list[TestWallet] = []
        self._seconds: list[TestDevice] = []
        self._second_count = 0
        self._clients = AsyncExitStack()
        self._reading: list[asyncio.Task[None]] = []

    async def ready(self) -> None:
        """Answer once the process has started."""

    async def open_wallets(self, *, count: int) -> None:
        """Connect that many devices, each with a new wallet of its own that has one entry."""
        for start in range(0, count, OPENED_AT_ONCE):
            some = range(min(OPENED_AT_ONCE, count - start))
            await asyncio.gather(*(self._open_wallet() for _ in some))

    async def open_second_devices(self, *, count: int) -> None:
        """Connect the second devices of wallets whose first ones are connected."""
        for _ in range(min(count, len(self._wallets) - self._second_count)):
            wallet, device = self._wallets[self._second_count], self._seconds[self._second_count]
            self._second_count += 1
            client = await self._connect()
            await client.join(wallet, device)
            self._keep_reading(client)

    async def close(self) -> None:
        """End every connection."""
        for task in self._reading:
            task.cancel()
        await self._clients.aclose()

    async def _open_wallet(self) -> None:
        seed = f"{self._name}/{len(self._wallets)}/{os.urandom(8).hex()}"
        wallet = TestWallet(seed)
        second = wallet.link(TestDevice(f"{seed}/second"))
        self._wallets.append(wallet)
        self._seconds.append(second)
        client = await self._connect()
        await client.join(wallet)
        entry = wallet.seal(wallet.owner, TestFeed(seed), bytes(CHANGE_SIZE))
        await client.push(wallet, [entry])
        await client.until(Acked)
        self._keep_reading(client)

    async def _connect(self) -> SyncClient:
        return await self._clients.enter_async_context(SyncClient(self._address))

    def _keep_reading(self, client: SyncClient) -> None:
        """Answer the server's pings, which only a read does."""

        async def read() -> None:
            with suppress(TransportError):
                while True:
                    with suppress(TimeoutError):
                        await client.next()

        self._reading.append(asyncio.create_task(read()))


async def run(folder: Path, address: str) -> None:
    """Hold connections until standard input closes."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    host = IdleHost(folder, address)
    await serve_commands(lambda command: getattr(host, command))
    await host.close()


if __name__ == "__main__":
    asyncio.run(run(Path(sys.argv[1]), sys.argv[2]))

"""A server that shows different devices different histories: two real servers behind one address.

They have one key and one past. From `part` on each goes on by itself; which of them a device meets
is decided when it connects.

Spec: 02-threat-model.md
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from billfold import Wallet
from tests.support.adversaries.evil_server import EvilSocketServer, evil_socket_server
from tests.support.adversaries.net import Net
from tests.support.linked_wallets import PATIENCE_S


@dataclass(frozen=True, slots=True)
class TwoFacedServer:
    """Both servers, and the network in front of them."""

    first: EvilSocketServer
    second: EvilSocketServer
    net: Net

    def part(self) -> None:
        """Let the second server begin with what the first one holds."""
        self.second.store.roll_back(self.first.store.picture())

    async def show(self, face: EvilSocketServer, wallet: Wallet) -> None:
        """Let a device meet one of the servers; it stays with it while the connection lasts."""
        await wallet.disconnect()
        self.net.aim(face.addresses[0])
        report = await wallet.sync(deadline_s=PATIENCE_S)
        assert report.is_complete, report
        self.net.aim(self.first.addresses[0])


@asynccontextmanager
async def two_faced_server(seed: str) -> AsyncIterator[TwoFacedServer]:
    """Run a server with two faces until the block ends; devices dial the address of its `net`."""
    async with (
        evil_socket_server(seed) as first,
        evil_socket_server(seed) as second,
        Net(first.addresses[0]) as net,
    ):
        yield TwoFacedServer(first, second, net)

"""Real wallets in folders, linked through a real server, and ways to wait for them.

    async with Household(folder, server_address) as home:
        laptop = await home.found("laptop")
        phone = await home.link("phone", laptop)
        await home.settle()

Spec: 22-linking.md
"""

import asyncio
from pathlib import Path
from types import TracebackType
from typing import Self

from billfold import KeyCallback, Wallet

PATIENCE_S = 60.0
POLL_S = 0.02
KEY = bytes(range(32))
UNLOCK = KeyCallback(lambda: KEY)
"""Wallets of tests are unlocked without the cost of a passphrase."""


class Household:
    """The wallets of one person's devices; they are closed at the end of the block."""

    def __init__(self, folder: Path, address: str) -> None:
        self.folder = folder
        self.address = address
        self.wallets: dict[str, Wallet] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        for wallet in self.wallets.values():
            await wallet.close()

    async def found(self, name: str) -> Wallet:
        """Make the wallet on its first device, online."""
        wallet = await Wallet.create(
            self.folder / name, unlock=UNLOCK, name=name, server=self.address
        )
        self.wallets[name] = wallet
        await self.synced(wallet)
        return wallet

    async def link(self, name: str, sponsor: Wallet) -> Wallet:
        """Bring the wallet onto one more device, by QR code."""
        self.wallets[name] = await link(self.folder / name, sponsor, self.address, name)
        return self.wallets[name]

    async def reopen(self, name: str) -> Wallet:
        """Close a device's wallet and open it again."""
        await self.wallets[name].close()
        self.wallets[name] = await Wallet.open(self.folder / name, unlock=UNLOCK)
        return self.wallets[name]

    async def synced(self, wallet: Wallet) -> None:
        """Wait until one device is in step with the server."""
        report = await wallet.sync(deadline_s=PATIENCE_S)
        assert report.is_complete, report

    async def settle(self, *wallets: Wallet) -> str:
        """Wait until devices, all by default, are in step and equal; return their state hash."""
        these = wallets or tuple(self.wallets.values())
        async with asyncio.timeout(PATIENCE_S):
            for wallet in these:
                await self.synced(wallet)
            return await wait_equal(*these)


async def link(folder: Path, sponsor: Wallet, address: str, name: str) -> Wallet:
    """Bring a wallet into a folder, as a new device that its sponsor scans."""
    shown: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    joining = asyncio.create_task(
        Wallet.link(folder, unlock=UNLOCK, server=address, name=name, show=shown.set_result)
    )
    await sponsor.link_device(await shown, confirm=lambda _: True)
    return await joining


async def wait_equal(*wallets: Wallet) -> str:
    """Wait until wallets have one state, everything sent and everything received."""
    while True:
        statuses = [wallet.status() for wallet in wallets]
        are_done = all(status.unsynced_count == 0 for status in statuses)
        if are_done and len({status.state_hash for status in statuses}) == 1:
            return statuses[0].state_hash
        # Frames arrive meanwhile; there is nothing to wait on that says "now they are equal".
        await asyncio.sleep(POLL_S)

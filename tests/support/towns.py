"""Servers to move between, a household on one of them, and what tests say of moving.

Spec: 25-moving.md
"""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

from billfold import Wallet
from billfold.homes import FORMER_KEY
from billfold.moving import MoveOptions, MoveReport
from tests.support.linked_wallets import PATIENCE_S, Household, wait_equal
from tests.support.operators import Operator, operating


class Town:
    """Servers, and a household on one of them; they end with the stack."""

    def __init__(self, folder: Path, stack: AsyncExitStack) -> None:
        self._folder = folder
        self._stack = stack
        self.operators: dict[str, Operator] = {}

    async def build(self, name: str) -> str:
        """Start one more server; return its address."""
        operator, address = await self._stack.enter_async_context(
            operating(self._folder / f"server {name}")
        )
        self.operators[name] = operator
        return address

    async def settle(self, address: str) -> Household:
        """Return a household whose wallets are made on a server."""
        return await self._stack.enter_async_context(Household(self._folder, address))


async def titled(wallet: Wallet, title: str) -> None:
    """Add a record."""
    async with wallet.edit() as edit:
        edit.set(edit.add("login"), "title", title)


def titles_in(wallet: Wallet) -> set[object]:
    """Return the titles of all records that were added."""
    return {view.fields["title"].value for view in wallet.records("login")}


def found_by(home: Household) -> dict[str, list[str]]:
    """Return what devices have found against a server, by device."""
    found = {name: wallet.proofs() for name, wallet in home.wallets.items()}
    return {name: [one.kind for one in findings] for name, findings in found.items() if findings}


async def moved(wallet: Wallet, address: str, options: MoveOptions | None = None) -> MoveReport:
    """Move to the end."""
    report = await wallet.move(address, options, deadline_s=PATIENCE_S)
    assert report.is_complete, report
    return report


async def settled(home: Household, address: str, *names: str) -> None:
    """Wait until devices, all by default, are in step on a server, and equal."""
    wallets = [home.wallets[name] for name in names or home.wallets]
    async with asyncio.timeout(PATIENCE_S):
        for wallet in wallets:
            await home.synced(wallet)
        await wait_equal(*wallets)
    for wallet in wallets:
        assert wallet.status().server == address


async def let_visits_be_due(wallet: Wallet) -> None:
    """Forget when former homes were asked last, and connect anew."""
    synchronizer = wallet._synchronizer  # noqa: SLF001
    for key in synchronizer.replica.meta_keys(FORMER_KEY):
        synchronizer.replica.put_meta(key, None)
    synchronizer.redial()

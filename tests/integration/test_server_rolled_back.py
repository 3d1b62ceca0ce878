import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from billfold import Wallet
from billfold.events import Warned
from billfold_protocol.proofs import check_proof
from billfold_server.app import Server
from billfold_server.config import Address
from tests.support.linked_wallets import UNLOCK, Household
from tests.support.running_server import settings


class Operator:
    """Runs a server on one port, and replaces its database."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._backup = folder / "backup"
        self._config = settings(f"sqlite:{folder / 'server.db'}")
        self._server = Server(self._config)

    async def start(self) -> str:
        """Start, on the same port as before."""
        self._server = Server(self._config)
        await self._server.start()
        address = self._server.addresses[0]
        port = int(address.rsplit(":", 1)[1])
        self._config = replace(self._config, listen=(Address("127.0.0.1", port),))
        return address

    async def stop(self) -> None:
        await self._server.stop()

    async def back_up(self) -> None:
        """Keep a copy of the database as it is now."""
        await self.stop()
        self._backup.mkdir()
        for path in self._files():
            shutil.copy2(path, self._backup / path.name)
        await self.start()

    async def replace_database(self, *, by_older: bool) -> None:
        """Put the copy, or nothing, in the place of the database; its key stays."""
        await self.stop()
        for path in self._files():
            path.unlink()
        if by_older:
            for path in self._backup.iterdir():
                shutil.copy2(path, self._folder / path.name)
        await self.start()

    def _files(self) -> list[Path]:
        found = self._folder.glob("server.db*")
        return [path for path in found if path.is_file() and path.suffix != ".key"]


@asynccontextmanager
async def operating(folder: Path) -> AsyncIterator[tuple[Operator, str]]:
    folder.mkdir()
    operator = Operator(folder)
    address = await operator.start()
    try:
        yield operator, address
    finally:
        await operator.stop()


class Listener:
    """Collects what a wallet warns of."""

    def __init__(self, wallet: Wallet) -> None:
        self.warned: list[str] = []
        self._stream = wallet.events()
        self._task = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        async for event in self._stream:
            if isinstance(event, Warned):
                self.warned.append(type(event.error).__name__)

    async def end(self) -> list[str]:
        """Return everything up to now."""
        self._stream.close()
        await self._task
        return self.warned


async def add(wallet: Wallet, count: int, word: str) -> set[object]:
    titles: set[object] = {f"{word} {number}" for number in range(count)}
    for title in sorted(map(str, titles)):
        async with wallet.edit() as edit:
            edit.set(edit.add("login"), "title", title)
    return titles


def titles_in(wallet: Wallet) -> set[object]:
    return {view.fields["title"].value for view in wallet.records("login")}


@pytest.mark.parametrize("by_older", [True, False], ids=["older", "empty"])
async def test_each_device_shows_a_rollback_once_and_nothing_is_lost(
    tmp_path: Path, *, by_older: bool
) -> None:
    async with (
        operating(tmp_path / "server") as (operator, address),
        Household(tmp_path, address) as home,
    ):
        online = await home.found("online")
        offline = await home.link("offline", online)
        closed = await home.link("closed", online)
        titles = await add(online, 20, "before")
        await home.settle()
        await operator.back_up()
        for name, wallet in home.wallets.items():
            titles |= await add(wallet, 10, f"after by {name}")
        await home.settle()

        await offline.disconnect()
        await closed.close()
        listeners = {"online": Listener(online), "offline": Listener(offline)}
        titles |= await add(offline, 3, "made offline")
        await operator.replace_database(by_older=by_older)
        titles |= await add(online, 3, "made meanwhile")
        await home.synced(online)
        await home.synced(offline)
        closed = home.wallets["closed"] = await Wallet.open(home.folder / "closed", unlock=UNLOCK)
        listeners["closed"] = Listener(closed)
        await home.settle()

        # Nor is it told again on the next connection, or after the next start.
        await offline.disconnect()
        await home.settle()
        again = await home.reopen("closed")
        reopened = Listener(again)
        await home.settle()
        for name, wallet in home.wallets.items():
            assert titles_in(wallet) == titles, name
            (finding,) = (one for one in wallet.proofs() if one.kind == "ServerRollback")
            assert finding.proof is not None
            proven = check_proof(finding.proof, wallet_id=wallet.wallet_id)
            assert proven.kind == "ServerRollback"
        for name, listener in listeners.items():
            assert (await listener.end()).count("ServerRollback") == 1, name
        assert "ServerRollback" not in await reopened.end()

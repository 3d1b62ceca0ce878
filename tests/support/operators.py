"""A server whose operator keeps and restores copies of its database, and what wallets say of it.

Spec: 21-sync.md
"""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import apsw

from billfold import Wallet
from billfold.events import Warned
from billfold_server.app import Server
from billfold_server.config import Address
from tests.support.running_server import settings


class Operator:
    """Runs a server on one port, and replaces its database."""

    def __init__(self, folder: Path, **quotas: int) -> None:
        self._folder = folder
        self._backup = folder / "backup"
        self._config = settings(f"sqlite:{folder / 'server.db'}", **quotas)
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
            _copy(path, self._backup / path.name)
        await self.start()

    async def replace_database(self, *, by_older: bool) -> None:
        """Put the copy, or nothing, in the place of the database; its key stays."""
        await self.stop()
        for path in self._files():
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
        if by_older:
            for path in self._backup.iterdir():
                _copy(path, self._folder / path.name)
        await self.start()

    async def change_database(self, statement: str) -> None:
        """Run a statement on the database while the server is down."""
        await self.stop()
        self._ask(statement)
        await self.start()

    def rows(self) -> set[bytes]:
        """Return every feed entry in the database."""
        return {raw for (raw,) in self._ask("SELECT raw FROM entry")}

    def _ask(self, statement: str) -> list[tuple[bytes]]:
        connection = apsw.Connection(str(self._folder / "server.db"))
        try:
            return list(connection.execute(statement))
        finally:
            connection.close()

    async def lose_blobs(self) -> None:
        """Lose what is beside the database."""
        await self.stop()
        shutil.rmtree(self._folder / "server.db.blobs")
        await self.start()

    def _files(self) -> list[Path]:
        return [path for path in self._folder.glob("server.db*") if path.suffix != ".key"]


def _copy(path: Path, to: Path) -> None:
    if path.is_dir():
        shutil.copytree(path, to)
    else:
        shutil.copy2(path, to)


@asynccontextmanager
async def operating(folder: Path, **quotas: int) -> AsyncIterator[tuple[Operator, str]]:
    folder.mkdir()
    operator = Operator(folder, **quotas)
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

import asyncio
import os
import sys
from pathlib import Path
from random import Random

from billfold import Wallet
from tests.support.device_program import FIELDS_COUNT
from tests.support.linked_wallets import UNLOCK, Household
from tests.support.server_process import ServerProcess

KILLS_COUNT = int(os.environ.get("BILLFOLD_KILLS", "3"))
"""How often both devices are killed; `make crash KILLS=50` for the full size."""

SEED = int(os.environ.get("BILLFOLD_SEED", "1"))
PATIENCE_S = 60.0
FIELDS = [f"field{number}" for number in range(FIELDS_COUNT)]


class Device:
    """One device's process, over and over; `returned` are the edits that it said had returned."""

    def __init__(self, folder: Path, record: str, name: str) -> None:
        self._arguments = [str(folder), record, name]
        self._process: asyncio.subprocess.Process | None = None
        self._lives_count = 0
        self.returned: dict[str, list[str]] = {field: [] for field in FIELDS}

    async def start(self) -> None:
        """Start the process; it works by itself from now on."""
        self._lives_count += 1
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "tests.support.device_program"),
            *self._arguments,
            str(self._lives_count * 1_000_000),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )

    async def listen(self, count: int) -> None:
        """Read lines until some edits have returned."""
        async with asyncio.timeout(PATIENCE_S):
            for _ in range(count):
                line = await self._output.readline()
                assert line, "the device ended by itself"
                self._note(line)

    async def kill(self) -> None:
        """Kill the process with SIGKILL, wherever it is, and read what it had still said."""
        assert self._process is not None
        self._process.kill()
        async with asyncio.timeout(PATIENCE_S):
            while line := await self._output.readline():
                self._note(line)
            await self._process.wait()

    @property
    def _output(self) -> asyncio.StreamReader:
        assert self._process is not None
        assert self._process.stdout is not None
        return self._process.stdout

    def _note(self, line: bytes) -> None:
        # A line that the end of the process has torn was not said.
        if line.endswith(b"\n") and line.startswith(b"field"):
            field, value = line.decode().split()
            self.returned[field].append(value)


async def test_devices_that_are_killed_while_editing_hold_every_edit_that_had_returned(
    tmp_path: Path,
) -> None:
    random = Random(SEED)
    names = ("laptop", "phone")
    async with ServerProcess(tmp_path) as server:
        async with Household(tmp_path, server.address) as home:
            laptop = await home.found("laptop")
            async with laptop.edit() as edit:
                record = edit.add("login")
            await home.link("phone", laptop)
            await home.settle()

        devices = {name: Device(tmp_path / name, record, name) for name in names}
        for _ in range(KILLS_COUNT):
            await asyncio.gather(*(device.start() for device in devices.values()))
            # Sometimes at the very beginning, or while opening; mostly in the middle of work.
            count = 0 if random.random() < 0.1 else random.randrange(1, 60)
            await asyncio.gather(*(device.listen(count) for device in devices.values()))
            order = list(devices.values())
            random.shuffle(order)
            for device in order:
                await device.kill()

        async with Household(tmp_path, server.address) as home:
            for name in names:
                home.wallets[name] = await Wallet.open(tmp_path / name, unlock=UNLOCK)
            for name, wallet in home.wallets.items():
                # Before anything comes from elsewhere: what returned is on this device.
                require_returned(wallet, record, devices[name])
            await home.settle()
            for wallet in home.wallets.values():
                for device in devices.values():
                    require_returned(wallet, record, device)
                assert wallet.status().quarantined_count == 0
                assert wallet.status().waiting_count == 0
    assert sum(map(len, devices["laptop"].returned.values())) > KILLS_COUNT


def require_returned(wallet: Wallet, record: str, device: Device) -> None:
    """Check that every edit that had returned is in the history of its field."""
    for field in FIELDS:
        if device.returned[field]:
            values = {item.value for item in wallet.history(record, field)}
            missing = set(device.returned[field]) - values
            assert not missing, f"seed {SEED}: {missing}"

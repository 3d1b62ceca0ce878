import subprocess
import sys
from pathlib import Path

LOADED = """
import asyncio, sys
from pathlib import Path
from billfold import KeyCallback, Wallet

async def main(folder: Path) -> None:
    unlock = KeyCallback(lambda: bytes(range(32)))
    async with await Wallet.create(folder, unlock=unlock) as wallet:
        async with wallet.edit() as edit:
            edit.add("login", title="mail")
    async with await Wallet.open(folder, unlock=unlock) as wallet:
        assert len(wallet.records("login")) == 1

asyncio.run(main(Path(sys.argv[1])))
print(*(name for name in ("aiohttp", "automerge") if name in sys.modules))
"""


def test_a_wallet_that_needs_no_network_loads_none(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADED, str(tmp_path / "wallet")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["automerge"]

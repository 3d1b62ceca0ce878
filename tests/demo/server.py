"""The demo's server: a process of its own, on a free loopback port, with a database on disk.

Spec: 30-server-api.md
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from billfold_protocol.errors import TransportError

START_TIMEOUT_S = 30.0
POLL_S = 0.02


@asynccontextmanager
async def server_process(folder: Path) -> AsyncIterator[str]:
    """Run `billfold-server` until the block ends; yields its address.

    Raises:
        TransportError: it did not start.
    """
    folder.mkdir()
    ready = folder / "address.txt"
    log = folder / "server.log"
    with log.open("wb") as log_file:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "billfold_server",
            "--store",
            f"sqlite:{folder / 'wallets.db'}",
            "--listen",
            "127.0.0.1:0",
            "--ready-file",
            str(ready),
            stderr=log_file,
            stdout=log_file,
        )
        try:
            yield await _address(process, ready, log)
        finally:
            if process.returncode is None:
                process.terminate()
                await process.wait()


async def _address(process: asyncio.subprocess.Process, ready: Path, log: Path) -> str:
    try:
        async with asyncio.timeout(START_TIMEOUT_S):
            while not (ready.exists() and ready.read_text().strip()):
                if process.returncode is not None:
                    raise TransportError(f"the server ended at once: {log.read_text()[-500:]}")
                await asyncio.sleep(POLL_S)
    except TimeoutError as error:
        raise TransportError("the server did not start in time") from error
    return ready.read_text().split()[0]

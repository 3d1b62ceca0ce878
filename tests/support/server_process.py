"""The server as its own process, started by its command.

Spec: 30-server-api.md
"""

import asyncio
import os
import signal
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

PATIENCE_S = 30


class ServerProcess:
    """One run of `billfold-server` on a free port; killed at the end of the block if need be."""

    def __init__(self, folder: Path, *options: str, store: str | None = None) -> None:
        self._ready_file = folder / "ready"
        self.store = store or f"sqlite:{folder / 'wallets.db'}"
        self._options = [
            *("--store", self.store),
            *("--listen", "127.0.0.1:0"),
            *("--ready-file", str(self._ready_file)),
            *options,
        ]
        self._process: asyncio.subprocess.Process | None = None
        self.address = ""
        """The server's base URL."""

    async def __aenter__(self) -> Self:
        self._ready_file.unlink(missing_ok=True)
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "billfold_server", *self._options),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        assert self._process.stdout is not None
        async with asyncio.timeout(PATIENCE_S):
            line = await self._process.stdout.readline()  # It is printed behind the ready file.
        assert b"ready at http://" in line, await self._process.communicate()
        self.address = self._ready_file.read_text(encoding="utf-8").strip()
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        assert self._process is not None
        if self._process.returncode is None:
            self._process.kill()
        await self._process.communicate()

    @property
    def pid(self) -> int:
        """The process's number."""
        assert self._process is not None
        return self._process.pid

    def signal(self, number: signal.Signals) -> None:
        """Send the process a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    async def exit(self) -> tuple[int, str]:
        """Wait for the end; return the exit code and what was logged."""
        assert self._process is not None
        async with asyncio.timeout(PATIENCE_S):
            _, log = await self._process.communicate()
        assert self._process.returncode is not None
        return self._process.returncode, log.decode()


async def run_command(
    *options: str, environment: dict[str, str] | None = None
) -> tuple[int, str, str]:
    """Run the command until it ends; return its exit code, output and errors."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "billfold_server", *options),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **(environment or {})},
    )
    async with asyncio.timeout(PATIENCE_S):
        output, errors = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode(), errors.decode()

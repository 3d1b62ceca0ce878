"""What the workloads of `make bench` stand on: a fresh server, devices that are linked, rows.

Spec: 00-overview.md
"""

import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks.processes import Host, RunningServer, hosts, server_process
from tests.benchmarks.report import BILLFOLD, Row

LINKS_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class Stage:
    """A fresh server and an empty folder."""

    server: RunningServer
    folder: Path
    scale: float

    def scaled(self, count: int, minimum: int) -> int:
        """Return a count at the run's scale."""
        return max(minimum, round(count * self.scale))


@dataclass(frozen=True, slots=True)
class Pair:
    """Two processes that hold the two devices of the same wallets."""

    writer: Host
    reader: Host


@asynccontextmanager
async def stage(scale: float, quotas: Mapping[str, str] | None = None) -> AsyncIterator[Stage]:
    """Run a fresh server for one workload."""
    with tempfile.TemporaryDirectory(prefix="billfold-bench-") as name:
        folder = Path(name)
        async with server_process(folder, quotas or {}) as server:
            yield Stage(server, folder, scale)


@asynccontextmanager
async def linked_pair(on: Stage, wallet_count: int = 1) -> AsyncIterator[Pair]:
    """Run a writer and a reader whose wallets are linked."""
    async with hosts("devices", 2, on.server.address, folder=on.folder) as (writer, reader):
        await writer.call("create", count=wallet_count)
        for first in range(0, wallet_count, LINKS_AT_ONCE):
            await join(writer, reader, first, min(LINKS_AT_ONCE, wallet_count - first))
        yield Pair(writer, reader)


async def join(writer: Host, reader: Host, first: int, count: int) -> dict[str, float]:
    """Link a reader's new devices to a writer's wallets; return what the last of them took."""
    codes = await reader.call("show_codes", count=count)
    await writer.call("link", codes=codes, first=first)
    joined: dict[str, float] = await reader.call("joined")
    return joined


def row_of(
    workload: str,
    value: float,
    unit: str,
    detail: dict[str, Any],
    *,
    target: float | None = None,
) -> Row:
    """Return a row of Billfold's; it is met at or below its target."""
    return Row(
        workload=workload,
        system=BILLFOLD,
        value=round(value, 3),
        unit=unit,
        durable=True,
        encrypted=True,
        detail=detail,
        target=None if target is None else round(target, 3),
    )

"""What this machine and these libraries do by themselves: the floor under Billfold's figures.

Spec: 00-overview.md
"""

import asyncio
import os
import secrets
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import aiohttp
import apsw
from aiohttp import web
from automerge import core

from tests.benchmarks.devices import FIELD_COUNT, value_of
from tests.benchmarks.processes import hosts, serve_commands
from tests.benchmarks.report import Row, median

BLOCK_SIZE = 4096
FRAME_SIZE = 512
RATE_S = 1.0
ECHO_WARM_UP = 100


async def raw_limits(scale: float) -> list[Row]:
    """Measure them all, in a few seconds."""
    with tempfile.TemporaryDirectory(prefix="billfold-limits-") as name:
        folder = Path(name)
        rows = [
            _row("durable_commits_s", "fdatasync of 4 KiB", _sync_rate(folder, scale), "1/s"),
            _row("durable_commits_s", "SQLite alone, FULL", _commit_rate(folder, scale), "1/s"),
            *await _echo(folder, scale),
        ]
    return [*rows, *_automerge(scale)]


def _sync_rate(folder: Path, scale: float) -> float:
    file = os.open(folder / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    block = secrets.token_bytes(BLOCK_SIZE)

    def append() -> None:
        os.write(file, block)
        os.fdatasync(file)

    try:
        return _rate(append, scale)
    finally:
        os.close(file)


def _commit_rate(folder: Path, scale: float) -> float:
    connection = apsw.Connection(str(folder / "alone.db"))
    connection.pragma("journal_mode", "wal")
    connection.pragma("synchronous", "full")
    connection.execute("CREATE TABLE entry (n INTEGER PRIMARY KEY, raw BLOB NOT NULL)")
    row = secrets.token_bytes(FRAME_SIZE)
    try:
        return _rate(
            lambda: connection.execute("INSERT INTO entry (raw) VALUES (?)", (row,)), scale
        )
    finally:
        connection.close()


def _rate(action: Callable[[], object], scale: float) -> float:
    """Return how often an action can be done in a second."""
    began_s, count = time.perf_counter(), 0
    while (took_s := time.perf_counter() - began_s) < RATE_S * min(1.0, scale):
        action()
        count += 1
    return count / took_s


class EchoHost:
    """Answers each WebSocket message with itself, in a process of its own."""

    def __init__(self) -> None:
        self._runner = web.ServerRunner(web.Server(self._serve))

    async def ready(self) -> None:
        """Answer once the process has started."""

    async def listen(self) -> int:
        """Listen; return the port."""
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        port: int = self._runner.addresses[0][1]
        return port

    async def close(self) -> None:
        """Stop listening."""
        await self._runner.cleanup()

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        async for message in socket:
            await socket.send_bytes(message.data)
        return socket


async def _echo(folder: Path, scale: float) -> list[Row]:
    count, times_ms = max(50, round(4_000 * scale)), []
    async with hosts("raw_limits", 1, folder=folder) as (host,), aiohttp.ClientSession() as session:
        port = await host.call("listen")
        address, frame = f"http://127.0.0.1:{port}", secrets.token_bytes(FRAME_SIZE)
        async with session.ws_connect(address, compress=0) as socket:
            for _ in range(ECHO_WARM_UP + count):
                began_s = time.perf_counter()
                await socket.send_bytes(frame)
                await socket.receive()
                times_ms.append((time.perf_counter() - began_s) * 1000)
    times_ms = times_ms[ECHO_WARM_UP:]
    detail = {"p99": round(median(times_ms, 0.99), 3), "per_s": round(count / sum(times_ms) * 1000)}
    return [_row("live_latency_ms", "aiohttp echo", median(times_ms), "ms", detail)]


def _automerge(scale: float) -> list[Row]:
    """Author changes in one document, apply them in another one by one, and load the result."""
    count = max(100, round(20_000 * scale))
    author, reader = core.Document(secrets.token_bytes(16)), core.Document(secrets.token_bytes(16))
    changes = []
    began_s = time.perf_counter()
    for index in range(count):
        before = author.get_heads()
        with author.transaction() as transaction:
            key, value = f"field-{index % FIELD_COUNT}", value_of(index)
            transaction.put(core.ROOT, key, core.ScalarType.Str, value)
        changes.append(author.get_changes(before)[0].bytes)
    authored_s = time.perf_counter()
    for change in changes:
        size = bytes((len(change),)) if len(change) < 128 else _two_bytes(len(change))
        message = core.Message.decode(b"\x42\x00\x00\x00\x01" + size + change)
        reader.receive_sync_message(core.SyncState(), message)
    applied_s = time.perf_counter()
    assert reader.get_heads() == author.get_heads()
    saved = author.save()
    saved_s = time.perf_counter()
    core.Document.load(saved)
    loaded_s = time.perf_counter() - saved_s
    author_rate, apply_rate = count / (authored_s - began_s), count / (applied_s - authored_s)
    return [
        _row("throughput_edits_s", "automerge alone, author", author_rate, "edits/s"),
        _row("throughput_edits_s", "automerge alone, apply", apply_rate, "edits/s"),
        _row(
            "cold_sync_s",
            "automerge alone, load",
            loaded_s,
            "s",
            {"changes": count, "bytes_saved": len(saved)},
        ),
    ]


def _two_bytes(size: int) -> bytes:
    """Return a number from 128 to 16383 in LEB128, as the library's messages have it."""
    return bytes((size & 0x7F | 0x80, size >> 7))


def _row(
    workload: str, system: str, value: float, unit: str, detail: Mapping[str, object] | None = None
) -> Row:
    return Row(
        workload=workload,
        system=system,
        value=round(value, 3),
        unit=unit,
        durable=workload == "durable_commits_s",
        encrypted=False,
        detail=dict(detail or {}),
    )


async def run() -> None:
    """Echo until standard input closes."""
    host = EchoHost()
    await serve_commands(lambda command: getattr(host, command))
    await host.close()


if __name__ == "__main__":
    sys.exit(asyncio.run(run()))

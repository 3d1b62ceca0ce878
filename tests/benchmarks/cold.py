"""What a new device takes: beside the library's own load of the same document, and the peer's.

    cold_sync_s       from an unlocked empty store to a durable, readable wallet, at most 1.5 times
                      the library's own load + 150 ms; not behind the peer
    cold_sync_bytes   what came over the connection, at most 1.1 times the library's save; likewise
    large_wallet      50,000 edits: the server's bytes after compaction at most 1.3 times the save
                      plus the tail; a new device reads within 1 s and has everything within 2 s

Spec: 00-overview.md
"""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from billfold_protocol.errors import TransportError
from tests.benchmarks.processes import Host, hosts
from tests.benchmarks.report import Row, median
from tests.benchmarks.stages import Stage, join, row_of

RUNS = 3
SIZES = (5_000, 20_000)
LOAD_RATIO_MAX = 1.5
LOAD_EXTRA_S = 0.15
BYTES_RATIO_MAX = 1.1

LARGE_COUNT = 50_000
LARGE_TAIL_COUNT = 200
LARGE_PIECE = 10_000
LARGE_RATIO_MAX = 1.3
READABLE_S_MAX = 1.0
COMPLETE_S_MAX = 2.0
PRUNED_S_MAX = 80.0
QUIET_S = 3.0
"""In which the server gives back the pages that pruning has left empty."""

POLL_S = 0.2
QUICK: Mapping[str, str] = {"BILLFOLD_SERVER_SNAPSHOT_GRACE_S": "1"}
"""A server that prunes as soon as it looks what is due."""

Run = dict[str, float]


async def cold_sync(on: Stage) -> list[Row]:
    """What a device that was linked a moment ago takes from its connection until it holds all.

    Another device has endorsed the snapshot with which it begins.
    """
    rows = []
    for size in SIZES:
        changes = on.scaled(size, 40)
        async with hosts("devices", 2, on.server.address, folder=on.folder) as (writer, endorser):
            await writer.call("create", count=1)
            await join(writer, endorser, 0, 1)
            await writer.call("flood", count=changes, burst=20)
            await writer.call("settle")
            await writer.call("compact")
            runs = [await _cold_device(on, writer) for _ in range(RUNS)]
        rows += _cold_rows(changes, runs, has_target=size == SIZES[-1])
    return rows


def peer_rows(found: Iterable[dict[str, Any]]) -> list[Row]:
    """Return the peer's figures as rows; what it received is one of its own."""
    rows = [Row(**row) for row in found]
    received = [
        Row(
            workload="cold_sync_bytes",
            system=row.system,
            value=row.detail["bytes_received"],
            unit="B",
            durable=row.durable,
            encrypted=row.encrypted,
            detail={"changes": row.detail.get("changes")},
        )
        for row in rows
        if row.workload == "cold_sync_s" and "bytes_received" in row.detail
    ]
    return [*rows, *received]


async def large_wallet(on: Stage) -> list[Row]:
    """What a long history costs: on the server after compaction, and for a new device."""
    count, tail = on.scaled(LARGE_COUNT, 40), on.scaled(LARGE_TAIL_COUNT, 2)
    async with hosts("devices", 2, on.server.address, folder=on.folder) as (writer, endorser):
        await writer.call("create", count=1)
        await join(writer, endorser, 0, 1)
        for first in range(0, count, LARGE_PIECE):
            piece = min(LARGE_PIECE, count - first)
            await writer.call("flood", count=piece, burst=20, first=first)
            await writer.call("settle")
        await writer.call("compact")
        await _pruned(on)
        empty = await _server_size(on)
        await writer.call("flood", count=tail, burst=20, first=count)
        await writer.call("settle")
        tail_size = max(0, await _server_size(on) - empty)
        runs = [await _cold_device(on, writer) for _ in range(RUNS)]
    middle = _middle(runs)
    saved = middle["saved_bytes"]
    detail = {
        "changes": count,
        "saved_bytes": saved,
        "load_s": round(middle["load_s"], 3),
        "tail_bytes": tail_size,
        "runs_s": [round(run["elapsed_s"], 3) for run in runs],
    }
    readable_s = median(run["readable_s"] for run in runs)
    return [
        row_of(
            "large_wallet_server_bytes",
            empty + tail_size,
            "B",
            detail,
            target=LARGE_RATIO_MAX * saved + tail_size,
        ),
        row_of("large_wallet_readable_s", readable_s, "s", detail, target=READABLE_S_MAX),
        row_of("large_wallet_complete_s", middle["elapsed_s"], "s", detail, target=COMPLETE_S_MAX),
    ]


def _cold_rows(changes: int, runs: list[Run], *, has_target: bool) -> list[Row]:
    middle = _middle(runs)
    load_s = median(run["load_s"] for run in runs)
    detail = {
        "changes": changes,
        "fields": middle["fields"],
        "bytes_received": [run["received"] for run in runs],
        "saved_bytes": middle["saved_bytes"],
        "load_s": round(load_s, 3),
        "runs_s": [round(run["elapsed_s"], 3) for run in runs],
    }
    return [
        row_of(
            "cold_sync_s",
            middle["elapsed_s"],
            "s",
            detail,
            target=LOAD_RATIO_MAX * load_s + LOAD_EXTRA_S if has_target else None,
        ),
        row_of(
            "cold_sync_bytes",
            # Each device that was linked for a run before is one more entry of the chain.
            runs[0]["received"],
            "B",
            detail,
            target=BYTES_RATIO_MAX * runs[0]["saved_bytes"] if has_target else None,
        ),
    ]


def _middle(runs: list[Run]) -> Run:
    return sorted(runs, key=lambda run: run["elapsed_s"])[len(runs) // 2]


async def _cold_device(on: Stage, writer: Host) -> Run:
    """Return what a new device took, and what the library needs for the same document there."""
    async with hosts("devices", 1, on.server.address, folder=on.folder) as (device,):
        joined = await join(writer, device, 0, 1)
        alone: Run = await device.call("automerge")
        return {**joined, **alone}


async def _pruned(on: Stage) -> None:
    """Wait until the server has pruned everything that the snapshot covers.

    Raises:
        TransportError: it does not.
    """
    try:
        async with asyncio.timeout(PRUNED_S_MAX):
            while on.server.entries_count > 1:
                await asyncio.sleep(POLL_S)
            size = -1
            while size != (size := await _server_size(on)):
                await asyncio.sleep(QUIET_S)
    except TimeoutError as error:
        raise TransportError("the server did not prune in time") from error


async def _server_size(on: Stage) -> int:
    """Return the bytes of the database; its log keeps room that no wallet takes."""
    on.server.fold_log()
    return on.server.sizes()[0]

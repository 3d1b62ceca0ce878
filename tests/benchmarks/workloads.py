"""The workloads of `make bench`, done by Billfold: a server and clients in processes of their own.

Sizes are the peer's. Everything is durable: an edit is on the writer's disk when its call returns,
and on the server's before it is acknowledged.

Spec: 00-overview.md
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from tests.benchmarks.cold import QUICK, cold_sync, large_wallet
from tests.benchmarks.devices import VALUE_SIZE, value_of
from tests.benchmarks.processes import Host, RunningServer, hosts
from tests.benchmarks.report import Row, median
from tests.benchmarks.stages import Pair, Stage, linked_pair, row_of, stage

IDLE_HOSTS = 2
SETTLE_S = 0.5

# Edits at a time, and how many times at most: the peer's bursts.
FLOOD_BURSTS = ((1, 4_000), (20, 20_000), (200, 20_000), (1_000, 20_000))
WALLETS_BURSTS = ((1, 10), (20, 2), (100, 1))


async def live_latency(on: Stage) -> list[Row]:
    """From the call of `edit` on one device until another is told that the record changed."""
    warm_up, count = on.scaled(20, 2), on.scaled(400, 10)
    async with linked_pair(on) as pair:
        latencies = (await _edit_one_by_one(pair, warm_up + count))[warm_up:]
    detail = {
        "p99": round(median(latencies, 0.99), 3),
        "min": round(min(latencies), 3),
        "max": round(max(latencies), 3),
        "edits": count,
    }
    return [row_of("live_latency_ms", median(latencies), "ms", detail)]


async def throughput(on: Stage) -> list[Row]:
    """Edits that one device makes until another shows the last of them."""
    all_count, by_burst, cpu = on.scaled(20_000, 40), {}, {}
    for burst, turns in FLOOD_BURSTS:
        count = min(all_count, burst * turns)
        async with linked_pair(on) as pair:
            watch = _Watch(writer=pair.writer, reader=pair.reader, server=on.server)
            took_s = await _flood_one_way(pair, count, burst)
            by_burst[burst], cpu[burst] = round(count / took_s), watch.us_per(count)
    best = max(by_burst, key=lambda burst: by_burst[burst])
    detail = {
        "by_burst": by_burst,
        "cpu_us_per_edit": cpu[best],
        "cpu_us_per_edit_by_burst": cpu,
        "edits": all_count,
        "value_bytes": VALUE_SIZE,
    }
    single = {"edits": min(all_count, FLOOD_BURSTS[0][1]), "cpu_us_per_edit": cpu[1]}
    return [
        row_of("throughput_edits_s", by_burst[best], "edits/s", detail),
        row_of("durable_commits_s", by_burst[1], "1/s", single),
    ]


async def idle_devices(on: Stage) -> list[Row]:
    """What the server's memory grows by for each device that is subscribed and does nothing."""
    async with hosts("idle_devices", IDLE_HOSTS, on.server.address, folder=on.folder) as idle:

        async def open_more(command: str, count: int) -> int:
            each = -(-count // len(idle))
            await asyncio.gather(*(host.call(command, count=each) for host in idle))
            await asyncio.sleep(SETTLE_S)
            return each * len(idle)

        await open_more("open_wallets", 20)
        empty_kb = on.server.memory_kb
        few = await open_more("open_wallets", on.scaled(200, 20))
        few_kb = on.server.memory_kb
        connected = few + await open_more("open_wallets", on.scaled(800, 20))
        many_kb = on.server.memory_kb
        second = await open_more("open_second_devices", connected)
        second_kb = on.server.memory_kb
    detail = {
        "devices": connected,
        "server_kb": many_kb,
        "server_empty_kb": empty_kb,
        f"kb_at_{few}": round((few_kb - empty_kb) / few, 1),
        "kb_for_a_second_device": round((second_kb - many_kb) / second, 1),
    }
    return [row_of("idle_device_kb", (many_kb - empty_kb) / connected, "KB", detail)]


async def many_wallets(on: Stage) -> list[Row]:
    """Edits of all devices of many wallets, until every one shows the last of its other device.

    The devices of a wallet edit fields of their own: it is edits that are counted, not conflicts.
    """
    wallet_count, by_burst, cpu, done = on.scaled(200, 2), {}, {}, 0
    async with linked_pair(on, wallet_count) as pair:
        for burst, turns in WALLETS_BURSTS:
            count = burst * turns
            watch = _Watch(writer=pair.writer, reader=pair.reader, server=on.server)
            last = done + count - 1
            *ended_s, began_a_s, began_b_s = await asyncio.gather(
                pair.writer.call("holds", last=last, label="b-"),
                pair.reader.call("holds", last=last, label="a-"),
                pair.writer.call("flood", count=count, burst=burst, first=done, label="a-"),
                pair.reader.call("flood", count=count, burst=burst, first=done, label="b-"),
            )
            edits = wallet_count * 2 * count
            by_burst[burst] = round(edits / (max(ended_s) - min(began_a_s, began_b_s)))
            cpu[burst], done = watch.us_per(edits), done + count
    best = max(by_burst, key=lambda burst: by_burst[burst])
    detail = {
        "by_burst": by_burst,
        "cpu_us_per_edit": cpu[best],
        "cpu_us_per_edit_by_burst": cpu,
        "wallets": wallet_count,
        "devices": wallet_count * 2,
    }
    return [row_of("wallets_200_edits_s", by_burst[best], "edits/s", detail)]


async def bytes_per_change(on: Stage) -> list[Row]:
    """What one edit takes on the writer's wire, alone and in bulk, and on the server's disk."""
    single, bulk = on.scaled(200, 20), on.scaled(20_000, 200)
    async with linked_pair(on) as pair:
        first = await _traffic(pair)
        await _edit_one_by_one(pair, single)
        await pair.writer.call("settle")
        second = await _traffic(pair)
        on.server.fold_log()
        small, small_log = on.server.sizes()
        small_store = await pair.writer.call("store_size")
        await _flood_one_way(pair, bulk, 20)
        await pair.writer.call("settle")
        third = await _traffic(pair)
        large, log = on.server.sizes()
        store = await pair.writer.call("store_size")
        on.server.fold_log()
        folded, _ = on.server.sizes()
    one_by_one, in_bulk = _share(first, second, single), _share(second, third, bulk)
    wire = {"one_by_one": one_by_one, "in_bulk": in_bulk, "value_bytes": VALUE_SIZE}
    disk = {
        "changes": bulk,
        "log_bytes": log,
        "without_log": round((folded - small) / bulk, 1),
        "on_the_device": round((store - small_store) / bulk, 1),
    }
    return [
        row_of("wire_bytes_per_change", one_by_one["writer_sent"], "B", wire),
        row_of("disk_bytes_per_change", (large + log - small - small_log) / bulk, "B", disk),
    ]


Workload = Callable[[Stage], Coroutine[Any, Any, list[Row]]]

WORKLOADS: dict[str, Workload] = {
    "live_latency_ms": live_latency,
    "throughput_edits_s": throughput,
    "cold_sync_s": cold_sync,
    "large_wallet": large_wallet,
    "idle_device_kb": idle_devices,
    "wallets_200_edits_s": many_wallets,
    "bytes_per_change": bytes_per_change,
}
"""By the name that the peer's workload has; the last one gives the wire's and the disk's rows."""


async def run_workload(name: str, scale: float) -> list[Row]:
    """Run one workload on a fresh server.

    Raises:
        TransportError: a process failed or took too long.
    """
    async with stage(scale, QUICK if name == "large_wallet" else None) as on:
        return await WORKLOADS[name](on)


class _Watch:
    """How much processor time some processes take from now on."""

    def __init__(self, **processes: Host | RunningServer) -> None:
        self._processes = processes
        self._before = {name: process.cpu_s for name, process in processes.items()}

    def us_per(self, count: int) -> dict[str, int]:
        """Return the microseconds that each took for one of `count` things."""
        return {
            name: round((process.cpu_s - self._before[name]) / count * 1e6)
            for name, process in self._processes.items()
        }


async def _edit_one_by_one(pair: Pair, count: int) -> list[float]:
    """Return each edit's latency in milliseconds."""
    await pair.reader.call("report", field="probe")
    latencies = []
    for index in range(count):
        value = value_of(index)
        began_s, seen_s = await asyncio.gather(
            pair.writer.call("edit", field="probe", value=value), _seen_s(pair.reader, value)
        )
        latencies.append((seen_s - began_s) * 1000)
    return latencies


async def _seen_s(reader: Host, value: str) -> float:
    while (news := await reader.news())["seen"] != value:
        pass
    seen_s: float = news["seen_s"]
    return seen_s


async def _flood_one_way(pair: Pair, count: int, burst: int) -> float:
    """Return the seconds from the first edit until the reader shows the last."""
    ended_s, began_s = await asyncio.gather(
        pair.reader.call("holds", last=count - 1),
        pair.writer.call("flood", count=count, burst=burst),
    )
    took_s: float = ended_s - began_s
    return took_s


async def _traffic(pair: Pair) -> Sequence[dict[str, int]]:
    return await pair.writer.call("traffic"), await pair.reader.call("traffic")


def _share(
    before: Sequence[dict[str, int]], after: Sequence[dict[str, int]], count: int
) -> dict[str, float]:
    return {
        f"{name}_{way}": round((new[way] - old[way]) / count, 1)
        for name, old, new in zip(("writer", "reader"), before, after, strict=True)
        for way in ("sent", "received")
    }

import resource
from pathlib import Path

import pytest

from billfold_protocol.client_session import Acked
from billfold_server import outbox
from tests.support.adversaries.findings import named, scaled, show
from tests.support.adversaries.sleeper import Sleeper
from tests.support.adversaries.socket_stage import socket_stage
from tests.support.sync_client import SyncClient, ids_of
from tests.support.wallets import TestDevice, TestFeed, TestWallet

pytestmark = pytest.mark.attack("N04")

SLEEPERS_COUNT = scaled(small=4, whole=500)
ENTRIES_COUNT = scaled(small=120, whole=10_000)
ENTRY_SIZE = scaled(small=60_000, whole=1_000)
BATCH_COUNT = scaled(small=8, whole=25)
WOKEN_COUNT = scaled(small=2, whole=20)
GROWTH_MAX = 100 * 1024 * 1024


def resident_size() -> int:
    """Return how many bytes of memory this process has."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize()


async def test_readers_that_sleep_cost_little_memory_and_miss_nothing(tmp_path: Path) -> None:
    """Hundreds of proven connections read nothing while a wallet's entries fan out to them."""
    quotas = {"connections_per_address": SLEEPERS_COUNT + 20, "entries_per_device_per_hour": 10**6}
    async with socket_stage("N04", tmp_path, **quotas) as stage:
        await stage.pair()
        wallet, address = TestWallet(), stage.server.addresses[0]
        phone, feed = wallet.link(TestDevice("phone")), TestFeed("laptop")
        entries = [wallet.seal(wallet.owner, feed, bytes(ENTRY_SIZE)) for _ in range(ENTRIES_COUNT)]
        sleepers = [Sleeper(address) for _ in range(SLEEPERS_COUNT)]
        async with SyncClient(address) as author:
            await author.join(wallet)
            for sleeper in sleepers:
                await sleeper.subscribe(wallet, phone)
            before, most = resident_size(), 0
            for start in range(0, ENTRIES_COUNT, BATCH_COUNT):
                await author.push(wallet, entries[start : start + BATCH_COUNT])
                await author.until(Acked)
                most = max(most, stage.server.outbox_pool.size)
            grown = resident_size() - before
            with named("others"):
                # Each holds its high-water mark and a message on top of it, and no more.
                assert most <= SLEEPERS_COUNT * 3 * outbox.HIGH_WATER
                assert most <= GROWTH_MAX, f"{most >> 20} MiB wait"
                assert grown <= GROWTH_MAX, f"{grown >> 20} MiB more"
            show(
                f"{SLEEPERS_COUNT} sleepers, {most >> 20} MiB wait, {max(0, grown) >> 20} MiB more"
            )
            for sleeper in sleepers[:WOKEN_COUNT]:
                with named("kept"):
                    assert await sleeper.wake(wallet, ENTRIES_COUNT) == ids_of(entries)
        for sleeper in sleepers:
            sleeper.close()
        await stage.ends()

import resource
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from billfold_protocol.client_session import Acked
from billfold_protocol.ids import EntryId
from billfold_server import outbox
from tests.support.adversaries.findings import named, scaled, show
from tests.support.adversaries.sleeper import Sleeper
from tests.support.adversaries.socket_stage import SocketStage, socket_stage
from tests.support.sync_client import SyncClient, ids_of
from tests.support.wallets import TestDevice, TestFeed, TestWallet

pytestmark = pytest.mark.attack("N04")

SLEEPERS_COUNT = scaled(small=4, whole=500)
ENTRIES_COUNT = scaled(small=120, whole=10_000)
ENTRY_SIZE = scaled(small=60_000, whole=1_000)
BATCH_COUNT = scaled(small=8, whole=25)
WOKEN_COUNT = scaled(small=2, whole=20)
GROWTH_MAX = 100 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """What a process takes more, in bytes, and the ids of what was pushed."""

    resident: int
    waiting: int
    ids: list[EntryId]


def resident_size() -> int:
    """Return how many bytes of memory this process has."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize()


async def pushed(stage: SocketStage, wallet: TestWallet, sleepers: Sequence[Sleeper]) -> Growth:
    """Push the entries of a wallet to its sleepers; return what grew meanwhile."""
    phone, feed = wallet.link(TestDevice("phone")), TestFeed("laptop")
    entries = [wallet.seal(wallet.owner, feed, bytes(ENTRY_SIZE)) for _ in range(ENTRIES_COUNT)]
    async with SyncClient(stage.server.addresses[0]) as author:
        await author.join(wallet)
        for sleeper in sleepers:
            await sleeper.subscribe(wallet, phone)
        before, most = resident_size(), 0
        for start in range(0, ENTRIES_COUNT, BATCH_COUNT):
            await author.push(wallet, entries[start : start + BATCH_COUNT])
            await author.until(Acked)
            most = max(most, stage.server.outbox_pool.size)
    return Growth(resident=resident_size() - before, waiting=most, ids=ids_of(entries))


async def test_readers_that_sleep_cost_little_memory_and_miss_nothing(tmp_path: Path) -> None:
    """Hundreds of proven connections read nothing while a wallet's entries fan out to them."""
    quotas = {"connections_per_address": SLEEPERS_COUNT + 20, "entries_per_device_per_hour": 10**6}
    async with socket_stage("N04", tmp_path, **quotas) as stage:
        await stage.pair()
        wallet, address = TestWallet(), stage.server.addresses[0]
        # What the store in this process takes for as many entries is no sleeper's fault.
        alone = await pushed(stage, TestWallet("alone"), ())
        sleepers = [Sleeper(address) for _ in range(SLEEPERS_COUNT)]
        growth = await pushed(stage, wallet, sleepers)
        grown = growth.resident - alone.resident
        with named("others"):
            # Each holds its high-water mark and a message on top of it, and no more.
            assert growth.waiting <= SLEEPERS_COUNT * 3 * outbox.HIGH_WATER
            assert growth.waiting <= GROWTH_MAX, f"{growth.waiting >> 20} MiB wait"
            assert grown <= GROWTH_MAX, f"{grown >> 20} MiB more"
        waiting = f"{growth.waiting >> 20} MiB wait, {max(0, grown) >> 20} MiB more"
        show(f"{SLEEPERS_COUNT} sleepers, {waiting}")
        for sleeper in sleepers[:WOKEN_COUNT]:
            with named("kept"):
                assert await sleeper.wake(wallet, ENTRIES_COUNT) == growth.ids
        for sleeper in sleepers:
            sleeper.close()
        await stage.ends()

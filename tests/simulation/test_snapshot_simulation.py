import os

import pytest

from billfold_server.store import SnapshotStanding
from tests.support.simulation import World

SEEDS_COUNT = int(os.environ.get("BILLFOLD_SEEDS", "30")) // 3


@pytest.mark.parametrize("seed", range(10_000, 10_000 + SEEDS_COUNT))
async def test_devices_that_begin_with_snapshots_end_equal_while_servers_prune(seed: int) -> None:
    World(seed, grace_s=60, units_min=4).run()


async def test_the_simulation_makes_snapshots_prunes_and_begins_with_them() -> None:
    worlds = [World(seed, grace_s=60, units_min=4).run() for seed in range(10_000, 10_004)]
    logs = [world.server.store.load_wallet(world.wallet_id) for world in worlds]
    assert any(
        snapshot.standing is SnapshotStanding.RESTING
        for log in logs
        if log is not None
        for snapshot in log.snapshots
    )
    devices = [device for world in worlds for device in world.devices]
    assert any(device.replica.core.base is not None for device in devices)
    assert sum(world.server.relay.counters.entries_pruned for world in worlds) > 0

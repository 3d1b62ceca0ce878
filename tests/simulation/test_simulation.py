import os

import pytest

from tests.support.simulation import World
from tests.support.simulation_forks import ForkedWorld

SEEDS_COUNT = int(os.environ.get("BILLFOLD_SEEDS", "30"))


@pytest.mark.parametrize("seed", range(SEEDS_COUNT))
async def test_all_devices_of_a_bad_network_end_equal(seed: int) -> None:
    World(seed).run()


@pytest.mark.parametrize("seed", range(SEEDS_COUNT // 3))
async def test_all_devices_end_equal_when_one_of_them_lies(seed: int) -> None:
    ForkedWorld(seed).run()

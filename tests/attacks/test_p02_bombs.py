import resource
import time
from collections.abc import Callable

import pytest

from billfold_protocol.errors import LimitExceeded
from tests.support.adversaries.attack import Attack
from tests.support.adversaries.findings import Broken, scaled
from tests.support.adversaries.forged_changes import deflated_without_end, endless_run
from tests.support.adversaries.mallory import with_mallory

pytestmark = pytest.mark.attack("P02")

INFLATED_SIZE = scaled(small=2**26, whole=2**28)
"""As much as deflate makes of what fits into one entry."""

BOMBS: list[Callable[[bytes], bytes]] = [
    lambda actor: deflated_without_end(actor, INFLATED_SIZE),
    endless_run,
]


@pytest.mark.parametrize("bomb", BOMBS, ids=["deflate", "runs"])
async def test_a_few_bytes_that_stand_for_very_many_cost_little(
    bomb: Callable[[bytes], bytes],
) -> None:
    stage, laptop, phone, mallory = with_mallory(f"P02/{BOMBS.index(bomb)}")
    raw = mallory.entry(changes=[bomb(mallory.feed)])
    attack = Attack(stage, laptop, phone)
    peak, began_s = peak_memory_size(), time.perf_counter()
    for device in (laptop, phone):
        stage.server.answers.inject(device.device_id, mallory.carries(raw))
    attack.run()
    if time.perf_counter() - began_s > 5.0:
        raise Broken("error", "it took seconds")
    if peak_memory_size() - peak > 64 * 2**20:
        raise Broken("error", "it took memory")
    attack.ends(shows=[LimitExceeded], changes=[laptop, phone])


def peak_memory_size() -> int:
    """Return the most bytes that this process has ever held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

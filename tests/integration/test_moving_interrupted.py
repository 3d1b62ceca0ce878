import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from billfold import Wallet
from billfold.moving import MoveOptions
from tests.support.linked_wallets import POLL_S, UNLOCK
from tests.support.move_program import STEPS
from tests.support.towns import Town, found_by, moved, settled, titled, titles_in

KILLS_COUNT = int(os.environ.get("BILLFOLD_KILLS", "3"))
"""Up to 3: at the steps that matter most; more: at each step."""

MATTER_MOST = (
    "the old server has the entry, the device does not know",
    "the new server is brought the wallet",
    "the new server is offered what it lacks",
)
STEPS_TO_DIE_AT = MATTER_MOST[:KILLS_COUNT] if len(MATTER_MOST) >= KILLS_COUNT else tuple(STEPS)
DECIDED = tuple(STEPS)[2:]


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    async with AsyncExitStack() as stack:
        yield Town(tmp_path, stack)


async def die(folder: Path, url: str, step: str) -> None:
    """Move in a process of its own, which is killed at a step."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.support.move_program", str(folder), url, step
    )
    assert await process.wait() == -signal.SIGKILL


@pytest.mark.parametrize("step", STEPS_TO_DIE_AT)
async def test_a_move_that_is_killed_at_any_step_comes_to_its_end(town: Town, step: str) -> None:
    old, new = await town.build("old"), await town.build("new")
    home = await town.settle(old)
    laptop = await home.found("laptop")
    phone = await home.link("phone", laptop)
    await titled(laptop, "before")
    await home.settle()
    await laptop.disconnect()
    await titled(laptop, "unsent")
    await home.wallets.pop("laptop").close()
    await titled(phone, "meanwhile")
    await home.synced(phone)
    await phone.disconnect()

    await die(home.folder / "laptop", new, step)

    home.wallets["laptop"] = laptop = await Wallet.open(home.folder / "laptop", unlock=UNLOCK)
    if step in DECIDED:
        await settled(home, new)
    else:
        await settled(home, old)
        assert laptop.status().is_move_decided is False
        await moved(laptop, new)
    await settled(home, new)
    assert titles_in(phone) == {"before", "unsent", "meanwhile"}
    while laptop.status().moving_to is not None:
        await asyncio.sleep(POLL_S)
    assert found_by(home) == {}


async def test_ctrl_c_while_the_new_server_is_filled_leaves_the_rest_to_itself(town: Town) -> None:
    old, new = await town.build("old"), await town.build("new")
    home = await town.settle(old)
    laptop = await home.found("laptop")
    await titled(laptop, "before")
    await home.synced(laptop)
    await town.operators["old"].stop()
    moving = asyncio.create_task(laptop.move(new, MoveOptions(is_old_server_gone=True)))
    while laptop.status().server == old:
        await asyncio.sleep(0)
    moving.cancel()
    await asyncio.gather(moving, return_exceptions=True)
    laptop = await home.reopen("laptop")
    await settled(home, new)
    while laptop.status().moving_to is not None:
        await asyncio.sleep(POLL_S)
    await town.operators["old"].start()

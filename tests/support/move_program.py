"""A device as its own process that moves its wallet, and is killed at a step of that.

    python -m tests.support.move_program FOLDER URL STEP

It ends by SIGKILL at the step, or prints `moved`.

Spec: 25-moving.md
"""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from billfold import Wallet, comparing, moving
from billfold.entrance import Entrance
from billfold.homes import read_plan
from billfold.itinerary import Itinerary
from billfold.replica import Replica
from billfold.synchronizer import Synchronizer
from tests.support.linked_wallets import PATIENCE_S, UNLOCK


def _is_decided(replica: Replica) -> bool:
    plan, home = read_plan(replica), replica.state.home
    return plan is not None and home is not None and home.server == plan.server


STEPS: dict[str, tuple[Any, str]] = {
    "the new server was asked": (moving.Moving, "_fetch"),
    "the plan is kept": (Synchronizer, "propose"),
    "the old server has the entry, the device does not know": (Replica, "adopt"),
    "the old server has nothing more to give": (Itinerary, "ended"),
    "the new server is brought the wallet": (Entrance, "register"),
    "the new server is offered what it lacks": (comparing, "offers"),
    "the new server holds everything": (moving.Moving, "_forget_plan"),
}
"""What is called when a step has been taken."""


def die_at(step: str) -> None:
    """Have this process killed when a step has been taken."""
    owner, name = STEPS[step]
    whole: Callable[..., Any] = getattr(owner, name)

    def die(*arguments: Any, **named: Any) -> Any:
        replicas = [one for one in arguments if isinstance(one, Replica)]
        if name != "offers" or _is_decided(replicas[0]):
            os.kill(os.getpid(), signal.SIGKILL)
        return whole(*arguments, **named)

    setattr(owner, name, die)


async def main(folder: str, url: str, step: str) -> None:
    """Move."""
    if step:
        die_at(step)
    async with await Wallet.open(Path(folder), unlock=UNLOCK) as wallet:
        report = await wallet.move(url, deadline_s=PATIENCE_S)
        assert report.is_complete, report
    sys.stdout.write("moved\n")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))

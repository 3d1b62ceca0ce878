"""The long campaign: `python -m tests.simulation --seeds 2000`; exit code 1 if a seed fails.

Spec: 21-sync.md
"""

import argparse
import asyncio
import time

from rich.console import Console
from rich.progress import track

from tests.support.simulation import World
from tests.support.simulation_forks import ForkedWorld


async def main() -> int:
    """Run the seeds and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=2000, help="how many seeds")
    parser.add_argument("--from", dest="first", type=int, default=0, help="the first seed")
    parser.add_argument("--actions", type=int, default=120, help="random actions in each")
    parser.add_argument("--time", type=float, default=0.0, help="stop after so many seconds")
    parser.add_argument("--forks", action="store_true", help="a device of each wallet lies")
    arguments = parser.parse_args()
    make = ForkedWorld if arguments.forks else World
    console = Console()
    failures: list[str] = []
    done_count, began_s = 0, time.monotonic()
    seeds = range(arguments.first, arguments.first + arguments.seeds)
    for seed in track(seeds, description="seeds", console=console):
        if arguments.time and time.monotonic() - began_s > arguments.time:
            break
        done_count += 1
        try:
            make(seed).run(arguments.actions)
        except AssertionError as error:
            failures.append(str(error))
            console.print(str(error), highlight=False)
    console.print(f"{done_count - len(failures)} of {done_count} seeds hold")
    return 1 if failures else 0


raise SystemExit(asyncio.run(main()))

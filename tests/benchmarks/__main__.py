"""Measure Billfold beside the limits of the machine and beside the npm peer, all in one run.

    python -m tests.benchmarks [--scale 0.1] [--only live_latency_ms] [--no-peer]

Prints a table and writes `build/bench.json`. Everything stays on loopback and in temporary folders.

Spec: 00-overview.md
"""

import argparse
import asyncio
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from billfold_protocol.errors import BillfoldError
from tests.benchmarks.cold import peer_rows
from tests.benchmarks.jazz_peer import WORKLOADS as PEER_WORKLOADS
from tests.benchmarks.jazz_peer import run_jazz
from tests.benchmarks.processes import ROOT
from tests.benchmarks.raw_limits import raw_limits
from tests.benchmarks.report import Row, table, write
from tests.benchmarks.workloads import WORKLOADS, run_workload

RAW = "raw_limits"
OUTPUT = ROOT / "build" / "bench.json"
INTERRUPTED = 130
WIDTH_MIN = 140


def measure(
    names: Sequence[str], rows: list[Row], *, scale: float, has_peer: bool, progress: Console
) -> list[str]:
    """Run workloads, each with the peer's right after it; return what went wrong.

    Args:
        names: out of `WORKLOADS` and `raw_limits`.
        rows: takes the figures as they come.
        scale: multiplies every count.
        has_peer: whether to run the peer.
        progress: where to say what is under way.
    """
    problems: list[str] = []
    began_s = time.monotonic()

    def say(what: str) -> None:
        progress.print(f"[dim]{time.monotonic() - began_s:6.1f} s[/dim]  {what}")

    if RAW in names:
        say("the machine's own limits")
        rows += asyncio.run(raw_limits(scale))
    for name in names:
        if name == RAW:
            continue
        say(f"{name}: billfold")
        try:
            rows += asyncio.run(run_workload(name, scale))
        except BillfoldError as error:
            problems.append(f"billfold, {name}: {error}")
        if has_peer and name in PEER_WORKLOADS:
            say(f"{name}: jazz")
            result = run_jazz([name], scale=scale)
            rows += peer_rows(result.rows)
            if result.skipped is not None and result.skipped not in problems:
                problems.append(result.skipped)
    say("done")
    return problems


def main() -> None:
    """Run what the command line asks for."""
    options = _options()
    console, progress = Console(highlight=False), Console(stderr=True, highlight=False)
    # A narrower table, as in a pipe, could not be read.
    console.width = max(console.width, WIDTH_MIN)
    rows: list[Row] = []
    problems: list[str] = []
    is_interrupted = False
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # Ended so, it cleans up as well.
    try:
        problems = measure(
            options.only or [RAW, *WORKLOADS],
            rows,
            scale=options.scale,
            has_peer=not options.no_peer,
            progress=progress,
        )
    except KeyboardInterrupt:
        is_interrupted = True
        progress.print("interrupted; this is what was measured so far")
    if rows:
        console.print(table(rows))
        write(rows, options.output)
        progress.print(f"written to {options.output}")
    for problem in problems:
        progress.print(problem)
    if is_interrupted:
        sys.exit(INTERRUPTED)
    sys.exit(1 if any(problem.startswith("billfold") for problem in problems) else 0)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks",
        description="Measure Billfold beside the machine's limits and the npm peer jazz.",
    )
    parser.add_argument("--scale", type=float, default=1.0, help="multiplies every count")
    parser.add_argument(
        "--only", action="append", choices=[RAW, *WORKLOADS], help="may be repeated"
    )
    parser.add_argument("--no-peer", action="store_true", help="leave jazz out")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="where the figures go")
    return parser.parse_args()


if __name__ == "__main__":
    main()

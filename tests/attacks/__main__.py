"""`python -m tests.attacks`: every row of the table of attacks, and one table of what it shows.

Spec: 02-threat-model.md
"""

import argparse
import sys
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table

from tests.attacks import table

ROOT = Path(__file__).parents[2]


def main() -> int:
    """Run the rows, print the table; exit code 1 if one fails."""
    parser = argparse.ArgumentParser(prog="python -m tests.attacks", description=__doc__)
    parser.add_argument("rows", nargs="*", help="ids such as K01; all if none")
    wanted = [row.lower() for row in parser.parse_args().rows]
    folder = ROOT / "tests" / "attacks"
    paths = [str(path) for row in wanted for path in sorted(folder.glob(f"test_{row}_*.py"))]
    arguments = ["-q", "-p", "no:cacheprovider", "-m", "attack", *(paths or [str(folder)])]
    code = pytest.main(arguments, plugins=[table])
    shown = Table("row", "what is shown", "errors and findings", "s", "result")
    for result in sorted(table.RESULTS, key=lambda result: (result.rows, result.name)):
        name = result.name.removeprefix("test_").replace("_", " ")
        outcome = f"FAILS: {result.broken}" if result.broken else "passes"
        shown.add_row(result.rows, name, result.shown, f"{result.seconds:.1f}", outcome)
    Console(width=None if sys.stdout.isatty() else 160).print(shown)
    failed_count = sum(bool(result.broken) for result in table.RESULTS)
    print(f"{len(table.RESULTS) - failed_count} of {len(table.RESULTS)} pass")
    return int(code)


if __name__ == "__main__":
    raise SystemExit(main())

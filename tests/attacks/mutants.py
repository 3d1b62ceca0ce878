"""Mutants: for each row of the table of attacks, the code with exactly that check taken out.

A mutant is *killed* when the row fails at its named assertion while the honest-path tests still
pass. `python -m tests.attacks.mutants` runs each and prints the table.

Spec: 02-threat-model.md
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from tests.attacks.catalogue import MUTANTS
from tests.attacks.mutant import Mutant

ROOT = Path(__file__).parents[2]
HONEST_PATHS = ("tests/attacks/test_honest_path.py",)
"""What must still pass without the check: devices that sync, link, revoke and come back."""

ONE_RUN_S_MAX = 600


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a mutant."""

    mutant: Mutant
    broken: tuple[str, ...]
    """The assertions at which the row's tests failed."""

    is_honest: bool
    """Whether the honest-path tests passed."""

    @property
    def is_killed(self) -> bool:
        """Whether the row noticed the missing check, where it should, and nothing else did."""
        return self.is_honest and any(name in self.mutant.fails_at for name in self.broken)


def find(name: str) -> Mutant:
    """Return the mutant of this name."""
    (mutant,) = [mutant for mutant in MUTANTS if mutant.name == name]
    return mutant


def source_of(module: str) -> str:
    """Return the source of a module, without importing it."""
    parent, _, _ = module.rpartition(".")
    if parent:
        __import__(parent)
    spec = find_spec(module)
    assert spec is not None, module
    assert spec.origin is not None, module
    return Path(spec.origin).read_text(encoding="utf-8")


def run(mutant: Mutant) -> Verdict:
    """Run a mutant against its row and against the honest path."""
    rows = sorted(str(path) for path in (ROOT / "tests").rglob(f"test_{mutant.row.lower()}_*.py"))
    assert rows, f"no test of the row {mutant.row}"
    reports = _pytest(mutant, rows)
    broken = tuple(dict.fromkeys(report["broken"] for report in reports if report["broken"]))
    honest = _pytest(mutant, HONEST_PATHS)
    is_honest = bool(honest) and not any(report["broken"] for report in honest)
    return Verdict(mutant, broken, is_honest)


def _pytest(mutant: Mutant, paths: Sequence[str]) -> list[dict[str, str]]:
    """Run tests with the mutant in place; return what each test reported."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        environment = {
            **os.environ,
            "BILLFOLD_MUTANT": mutant.name,
            "BILLFOLD_ATTACKS": "small",
            "BILLFOLD_ATTACKS_REPORT": str(report),
        }
        command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.attacks.patched"]
        subprocess.run(
            [*command, "-p", "tests.attacks.table", "-p", "no:cacheprovider", *paths],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=ONE_RUN_S_MAX,
            check=False,
        )
        if not report.exists():
            return [{"broken": "the tests did not start", "rows": "", "shown": ""}]
        found: list[dict[str, str]] = json.loads(report.read_text())
        return found


def main() -> int:
    """Run the mutants, print the table; exit code 1 if one lives."""
    parser = argparse.ArgumentParser(prog="python -m tests.attacks.mutants", description=__doc__)
    parser.add_argument("rows", nargs="*", help="rows or names of mutants; all if none")
    wanted = {name.upper() for name in parser.parse_args().rows}
    living = 0
    print(f"{'row':4} {'mutant':44} {'failed at':22} result")
    for mutant in MUTANTS:
        if wanted and mutant.row not in wanted and mutant.name.upper() not in wanted:
            continue
        verdict = run(mutant)
        result = "killed" if verdict.is_killed else "LIVES"
        if not verdict.is_honest:
            result += " (honest path fails)"
        living += not verdict.is_killed
        where = ", ".join(verdict.broken) or "-"
        print(f"{mutant.row:4} {mutant.name:44} {where:22} {result}", flush=True)
    print("every mutant is killed" if not living else f"{living} live")
    return 1 if living else 0


if __name__ == "__main__":
    raise SystemExit(main())

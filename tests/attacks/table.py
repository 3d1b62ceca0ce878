"""A plugin that gathers what each row has shown; `__main__` prints it as one table.

Spec: 02-threat-model.md
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True, slots=True)
class Result:
    """One test's result."""

    rows: str
    name: str
    shown: str
    broken: str
    """The named assertion that failed, or the type of another error; empty if the test passed."""

    seconds: float


RESULTS: list[Result] = []


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Keep the result of a test."""
    if report.when != "call" and report.outcome == "passed":
        return
    properties = {key: str(value) for key, value in report.user_properties}
    broken = "" if report.outcome != "failed" else properties.get("broken") or "error"
    name = report.nodeid.rpartition("::")[2]
    rows, shown = properties.get("rows", ""), properties.get("shown", "")
    RESULTS.append(Result(rows, name, shown, broken, report.duration))


def pytest_sessionfinish() -> None:
    """Write the results where the runner of mutants asks for them."""
    if path := os.environ.get("BILLFOLD_ATTACKS_REPORT"):
        found = [
            {"rows": r.rows, "name": r.name, "shown": r.shown, "broken": r.broken} for r in RESULTS
        ]
        Path(path).write_text(json.dumps(found))

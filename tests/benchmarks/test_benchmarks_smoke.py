import json
from pathlib import Path

import pytest
from rich.console import Console

from billfold_protocol.errors import TransportError
from tests.benchmarks import __main__ as benchmarks
from tests.benchmarks.report import Row, as_items, table, write

QUIET = Console(quiet=True)


def row(system: str, value: float, changes: int) -> Row:
    return Row(
        workload="cold_sync_s",
        system=system,
        value=value,
        unit="s",
        durable=True,
        encrypted=True,
        detail={"changes": changes},
    )


def test_a_tiny_run_measures_live_edits_and_the_machine(tmp_path: Path) -> None:
    rows: list[Row] = []
    problems = benchmarks.measure(
        ["raw_limits", "live_latency_ms"], rows, scale=0.002, has_peer=False, progress=QUIET
    )
    assert problems == []
    write(rows, tmp_path / "build" / "bench.json")
    items = json.loads((tmp_path / "build" / "bench.json").read_text(encoding="utf-8"))
    ours = [item for item in items if item["system"] == "billfold"]
    assert [item["workload"] for item in ours] == ["live_latency_ms"]
    assert ours[0]["value"] > 0
    assert ours[0]["durable"]
    assert ours[0]["encrypted"]
    echo = next(item for item in items if item["system"] == "aiohttp echo")
    assert echo["ratio_to_billfold"] == pytest.approx(echo["value"] / ours[0]["value"], abs=1e-4)
    assert {item["workload"] for item in items} > {"durable_commits_s", "cold_sync_s"}


def test_figures_are_compared_only_with_those_of_the_same_size() -> None:
    rows = [row("billfold", 2.0, 5_000), row("billfold", 8.0, 20_000), row("jazz", 4.0, 20_000)]
    assert [item["ratio_to_billfold"] for item in as_items(rows)] == [1.0, 1.0, 0.5]


def test_the_table_shows_every_figure() -> None:
    console = Console(width=200, record=True, quiet=True)
    with console.capture() as shown:
        console.quiet = False
        console.print(table([row("billfold", 2.0, 5_000), row("jazz", 41.5, 5_000)]))
    assert "41.5" in shown.get()
    assert "5,000 changes" in shown.get()


def test_a_workload_that_fails_is_a_problem_and_not_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def fail(name: str, scale: float) -> list[Row]:
        raise TransportError(f"{name} does not come to an end at scale {scale}")

    monkeypatch.setattr(benchmarks, "run_workload", fail)
    names = ["live_latency_ms", "cold_sync_s"]
    problems = benchmarks.measure(names, [], scale=0.5, has_peer=False, progress=QUIET)
    assert problems == [
        f"billfold, {name}: {name} does not come to an end at scale 0.5" for name in names
    ]

"""What the benchmark found, as rows, as a table and as a file.

Spec: 00-overview.md
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.table import Table

BILLFOLD = "billfold"
PEER = "jazz"
COLD = ("cold_sync_s", "cold_sync_bytes")
"""Workloads of several sizes; in these the peer must not be ahead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One figure."""

    workload: str
    system: str
    value: float
    unit: str
    durable: bool
    encrypted: bool
    detail: dict[str, Any] = field(default_factory=dict)
    target: float | None = None
    """What the value may be at most."""

    @property
    def key(self) -> tuple[str, object]:
        """What rows have in common that are compared: the workload, and its size if it has any."""
        return self.workload, self.detail.get("changes") if self.workload in COLD else None

    @property
    def label(self) -> str:
        """The workload's name, with its size."""
        changes = self.key[1]
        return self.workload if changes is None else f"{self.workload} ({changes:,} changes)"


def as_items(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return the rows with their ratios to Billfold's, as they are written to the file."""
    ours = {row.key: row.value for row in rows if row.system == BILLFOLD}
    return [
        {
            "workload": row.workload,
            "system": row.system,
            "value": row.value,
            "unit": row.unit,
            "ratio_to_billfold": _ratio(row.value, ours.get(row.key)),
            "target": row.target,
            "verdict": verdict(row, rows),
            "durable": row.durable,
            "encrypted": row.encrypted,
            "detail": row.detail,
        }
        for row in rows
    ]


def verdict(row: Row, rows: Sequence[Row]) -> str | None:
    """Return whether a row's target is met, and whether the peer is ahead where it must not be."""
    if row.target is None:
        return None
    peers = [one for one in rows if one.system == PEER and one.key == row.key]
    if row.value > row.target:
        return "missed"
    is_behind = row.workload in COLD and any(one.value < row.value for one in peers)
    return f"behind {PEER}" if is_behind else "met"


def write(rows: Sequence[Row], path: Path) -> None:
    """Write the rows to a JSON file, and its folder if need be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(as_items(rows), indent=2) + "\n", encoding="utf-8")


def table(rows: Sequence[Row]) -> Table:
    """Return the rows as a table, those of one workload together."""
    shown = Table(title="Billfold beside its peer and the limits of this machine")
    for heading in ("workload", "system"):
        shown.add_column(heading)
    for heading in ("value", "unit", "to billfold"):
        shown.add_column(heading, justify="left" if heading == "unit" else "right")
    shown.add_column("at most", justify="right")
    shown.add_column("verdict")
    shown.add_column("fsync before ack")
    shown.add_column("encrypted")
    shown.add_column("more")
    items = as_items(rows)
    for key in dict.fromkeys(row.key for row in rows):
        for row, item in zip(rows, items, strict=True):
            if row.key != key:
                continue
            ratio = item["ratio_to_billfold"]
            shown.add_row(
                row.label,
                row.system,
                _figure(row.value),
                row.unit,
                "" if ratio is None or row.system == BILLFOLD else f"{ratio:.2f}",
                "" if row.target is None else _figure(row.target),
                item["verdict"] or "",
                "yes" if row.durable else "no",
                "yes" if row.encrypted else "no",
                _more(row.detail),
                style="bold" if row.system == BILLFOLD else None,
            )
        shown.add_section()
    return shown


def median(values: Iterable[float], share: float = 0.5) -> float:
    """Return the value below which a share of the values lies."""
    ordered = sorted(values)
    return ordered[max(0, round(share * len(ordered)) - 1)]


def _ratio(value: float, ours: float | None) -> float | None:
    return None if not ours else round(value / ours, 4)


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def _more(detail: dict[str, Any]) -> str:
    names = ("p99", "by_burst", "saved_bytes", "load_s", "kb_for_a_second_device", "without_log")
    return ", ".join(f"{name} {_plain(detail[name])}" for name in names if name in detail)


def _plain(value: object) -> str:
    if isinstance(value, dict):
        return " ".join(f"{key}:{item}" for key, item in value.items())
    return str(value)

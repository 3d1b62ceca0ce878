"""What the demo claims, and whether it held.

Spec: 00-overview.md
"""

from dataclasses import dataclass, field

from rich.table import Table


@dataclass(slots=True)
class Claims:
    """The claims in the order in which they were checked."""

    rows: list[tuple[str, bool, str]] = field(default_factory=list)

    def check(self, claim: str, *, holds: bool, detail: str = "") -> None:
        """Note whether a claim held."""
        self.rows.append((claim, holds, detail))

    @property
    def hold(self) -> bool:
        """Whether there were claims and all of them held."""
        return bool(self.rows) and all(holds for _, holds, _ in self.rows)

    def table(self) -> Table:
        """Return the claims as a table."""
        table = Table(title="What was claimed", title_justify="left")
        table.add_column("claim", max_width=62)
        table.add_column("held")
        table.add_column("measured", max_width=34)
        for claim, holds, detail in self.rows:
            table.add_row(claim, "[green]yes[/]" if holds else "[bold red]NO[/]", detail)
        return table

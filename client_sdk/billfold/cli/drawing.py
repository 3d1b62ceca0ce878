"""Tables and progress for a person, drawn with rich.

Spec: 00-overview.md
"""

from collections.abc import Sequence

from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from rich.text import Text


def draw_table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Write aligned columns to the standard output; texts are taken as they are."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in titles:
        table.add_column(title, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    Console().print(table)


class Bar:
    """One bar on the standard error; it goes away when it stops."""

    def __init__(self, label: str) -> None:
        self._progress = Progress(console=Console(stderr=True), transient=True)
        self._task = self._progress.add_task(label, total=None)
        self._progress.start()

    def update(self, done: int, total: int) -> None:
        """Show how far it has come."""
        self._progress.update(self._task, completed=done, total=total)

    def stop(self) -> None:
        """Take it away."""
        self._progress.stop()

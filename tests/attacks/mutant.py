"""A mutant: one check taken out of the code, and where that must be noticed.

Spec: 02-threat-model.md
"""

from dataclasses import dataclass
from typing import get_args

from tests.support.adversaries.findings import Assertion

Edits = tuple[tuple[str, str], ...]
"""What is in a module's source exactly once, and what takes its place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One check, taken out."""

    row: str
    name: str
    module: str
    edits: Edits
    fails_at: tuple[Assertion, ...] = ("error",)
    """The assertions of which one must fail."""

    def applied(self, source: str) -> str:
        """Return the source without the check."""
        for old, new in self.edits:
            count = source.count(old)
            assert count == 1, f"{self.name}: {old!r} is {count} times in {self.module}"
            source = source.replace(old, new)
        return source


def mutant(row: str, name: str, module: str, *edits: tuple[str, str], at: str = "error") -> Mutant:
    """Return a mutant; `at` names the assertions that may fail, with spaces between."""
    names = tuple(part for part in get_args(Assertion) if part in at.split())
    assert len(names) == len(at.split())
    return Mutant(row=row, name=name, module=module, edits=edits, fails_at=names)

"""Which entries of each feed are held, as runs without a gap.

Spec: 30-server-api.md
"""

from collections.abc import Sequence

from .interface import Run


def runs_of(numbers: Sequence[int]) -> list[Run]:
    """Return ascending numbers as runs; mostly they are one."""
    if numbers and numbers[-1] - numbers[0] + 1 == len(numbers):
        return [Run(numbers[0], numbers[-1])]
    runs: list[Run] = []
    for number in numbers:
        if runs and runs[-1].last == number - 1:
            runs[-1] = Run(runs[-1].first, number)
        else:
            runs.append(Run(number, number))
    return runs

"""How long to wait before the next attempt to connect: longer each time, never in step.

Spec: 21-sync.md
"""

from collections.abc import Callable

DELAY_S_MIN = 0.25
DELAY_S_MAX = 60.0


class Backoff:
    """Doubling delays with full jitter."""

    def __init__(self, random: Callable[[int], bytes]) -> None:
        self._random = random
        self._attempts_count = 0

    def reset(self) -> None:
        """Begin anew after a success."""
        self._attempts_count = 0

    def next_delay_s(self) -> float:
        """Return seconds to wait: uniform between the minimum and a ceiling that doubles."""
        ceiling = min(DELAY_S_MAX, DELAY_S_MIN * float(1 << self._attempts_count))
        self._attempts_count = min(self._attempts_count + 1, 16)
        share = int.from_bytes(self._random(4), "big") / 2**32
        return DELAY_S_MIN + share * (ceiling - DELAY_S_MIN)

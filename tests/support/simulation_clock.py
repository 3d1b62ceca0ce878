"""A virtual clock: what is to happen, in order of time, with no waiting at all.

Spec: 21-sync.md
"""

import heapq
from collections.abc import Callable
from random import Random

START_S = 1_700_000_000.0


class Clock:
    """Runs what was scheduled, in order of time and then of scheduling."""

    def __init__(self) -> None:
        self.now_s = START_S
        self.steps_count = 0
        self._order = 0
        self._due: list[tuple[float, int, Callable[[], None]]] = []

    def after(self, delay_s: float, action: Callable[[], None]) -> None:
        """Have something done later."""
        self._order += 1
        heapq.heappush(self._due, (self.now_s + delay_s, self._order, action))

    def run_for(self, duration_s: float) -> None:
        """Do everything that is due within some seconds."""
        end_s = self.now_s + duration_s
        while self._due and self._due[0][0] <= end_s:
            self._step()
        self.now_s = end_s

    def run_dry(self, steps_max: int) -> bool:
        """Do everything until nothing is left to do; False if there is always more."""
        for _ in range(steps_max):
            if not self._due:
                return True
            self._step()
        return not self._due

    def _step(self) -> None:
        self.now_s, _, action = heapq.heappop(self._due)
        self.steps_count += 1
        action()


class Weather:
    """How bad the network and the disks are at the moment, drawn from one seed."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.is_calm = False
        """Whether nothing breaks any more."""

        self.slow_disk_probability = 0.02

    def happens(self, probability: float) -> bool:
        """Whether a fault of this probability strikes now; never once it is calm."""
        return not self.is_calm and self.random.random() < probability

    def latency_s(self) -> float:
        """Draw the time that one message takes."""
        if self.happens(0.03):
            return self.random.uniform(0.5, 20.0)
        return self.random.uniform(0.001, 0.15)

    def disk_s(self) -> float:
        """Draw the time that one commit takes."""
        return (
            self.random.uniform(1.0, 5.0)
            if self.happens(self.slow_disk_probability)
            else self.random.uniform(0, 0.05)
        )

    def pause_s(self) -> float:
        """Draw the time that a crashed or a lost peer stays away."""
        return self.random.uniform(0.1, 2.0) if self.is_calm else self.random.uniform(0.1, 60.0)

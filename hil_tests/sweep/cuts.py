"""Where the power goes: cycles drawn by lot, as many within EEPROM writes as anywhere."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from random import Random

from qcot.boards.stepped import CLOCK_HZ, Step

WRITE_CYCLES = CLOCK_HZ * 34 // 10_000  # an EEPROM byte takes 3.4 ms
FAR = 1 << 40


class Lot:
    """Draws the cycles at which ``take`` is called, each at most once. All follows from ``rng``."""

    def __init__(self, rng: Random, take: Callable[[Step], None]) -> None:
        self._rng = rng
        self._take = take
        self._due: list[int] = []
        self._next = FAR
        self._writes = 0
        self._mean = 0.0
        self._per_write = 0.0
        self.left = 0

    def expect(self, cuts: int, cycles: int, writes: int, cycle: int) -> None:
        """From ``cycle`` on, about ``cuts`` in so many cycles with so many EEPROM bytes written, never more."""
        self.left += cuts
        within = self.left / 2 if writes else 0
        self._per_write = within / writes if writes else 0.0
        self._mean = cycles / max(self.left - within, 0.1)
        self._due.clear()
        self._next = cycle + self._gap()

    def limit(self, cycle: int) -> int:
        """How far it is to the next cut."""
        return max(min([self._next, *self._due[:1]]) - cycle, 1) if self.left > 0 else FAR

    def passed(self, step: Step) -> None:
        """The board is there: cut where it is time to."""
        if step.writes > self._writes:
            for _ in range(self._drawn(self._per_write)):
                heapq.heappush(self._due, step.cycle + self._rng.randrange(WRITE_CYCLES))
        self._writes = step.writes
        due = False
        while self._due and self._due[0] <= step.cycle:
            heapq.heappop(self._due)
            due = True
        if self._next <= step.cycle:
            self._next = step.cycle + self._gap()
            due = True
        if due and self.left > 0:
            self.left -= 1
            self._take(step)

    def _gap(self) -> int:
        return int(self._rng.expovariate(1 / self._mean)) + 1

    def _drawn(self, mean: float) -> int:
        """Poisson, for means of some few."""
        count, time = 0, self._rng.expovariate(1.0)
        while time < mean:
            count += 1
            time += self._rng.expovariate(1.0)
        return count

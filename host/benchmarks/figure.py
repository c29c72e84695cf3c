"""A measured figure beside what it is held against."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

Sense = Literal["at least", "at most", "told"]


@dataclass(frozen=True)
class Figure:
    """``baseline`` says what was measured beside it in the same run; ``told`` figures have no aim."""

    name: str
    value: float
    unit: str
    sense: Sense = "told"
    aim: float | None = None
    baseline: str = ""

    @property
    def holds(self) -> bool | None:
        """Whether the aim is met; None where there is none."""
        if self.aim is None:
            return None
        return self.value >= self.aim if self.sense == "at least" else self.value <= self.aim

    def record(self) -> dict[str, object]:
        """The form that build/bench.json holds."""
        return {**asdict(self), "holds": self.holds}

    def row(self) -> list[str]:
        """The form that people read."""
        aim = "" if self.aim is None else f"{self.sense} {self.aim:,.10g}"
        verdict = {True: "holds", False: "FALLS SHORT", None: ""}[self.holds]
        return [self.name, f"{self.value:,.10g}", self.unit, aim, verdict, self.baseline]


Measure = Callable[[], list[Figure]]


def write(figures: list[Figure], path: Path) -> None:
    """Write the records as one JSON list."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([figure.record() for figure in figures], indent=2) + "\n")

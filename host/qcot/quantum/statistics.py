"""Measured against theory: confidence intervals, and bounds that a right program leaves once in a million runs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy import stats

CONFIDENCE = 0.99
"""Of the intervals that people are shown."""
FALSE_ALARM = 1e-6
"""How often a test of ours may fail though nothing is wrong, if its seed were drawn anew."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A measured value with its confidence interval, beside what theory says (None: theory has no closed form)."""

    name: str
    measured: float
    low: float
    high: float
    samples: int
    theory: float | None = None

    @property
    def agrees(self) -> bool | None:
        """Whether theory lies in the interval; None where theory says nothing."""
        return None if self.theory is None else self.low <= self.theory <= self.high


def proportion(
    name: str, successes: int, trials: int, theory: float | None = None, confidence: float = CONFIDENCE
) -> Estimate:
    """Successes of trials with the exact (Clopper-Pearson) interval, never narrower than ``confidence`` says."""
    interval = stats.binomtest(successes, trials).proportion_ci(confidence, method="exact")
    return Estimate(name, successes / trials, float(interval.low), float(interval.high), trials, theory)


def mean(name: str, samples: Sequence[float], theory: float | None = None, confidence: float = CONFIDENCE) -> Estimate:
    """Mean of at least two samples with Student's interval."""
    count = len(samples)
    middle = math.fsum(samples) / count
    spread = math.sqrt(math.fsum((sample - middle) ** 2 for sample in samples) / (count - 1))
    half = float(stats.t.ppf((1 + confidence) / 2, count - 1)) * spread / math.sqrt(count)
    return Estimate(name, middle, middle - half, middle + half, count, theory)


def binomial_bounds(trials: int, probability: float, false_alarm: float = FALSE_ALARM) -> tuple[int, int]:
    """Fewest and most successes that a test should take: outside lies at most ``false_alarm`` of Binomial(n, p)."""
    low = int(stats.binom.ppf(false_alarm / 2, trials, probability))
    high = int(stats.binom.isf(false_alarm / 2, trials, probability))
    return low, high

"""Measured against theory: confidence intervals, and bounds that a right program leaves once in a million runs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import scipy  # what takes a second of it to load, stats, waits until it is used

CONFIDENCE = 0.99
"""Of the intervals that people are shown."""
FALSE_ALARM = 1e-6
"""How often a test of ours may fail though nothing is wrong, if its seed were drawn anew."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A measured value with its confidence interval, beside what theory says (None: theory has no closed form).

    ``chance`` is the probability, were theory right, of being at least so far off; None where that is not known.
    """

    name: str
    measured: float
    low: float
    high: float
    samples: int
    theory: float | None = None
    chance: float | None = None

    @property
    def agrees(self) -> bool | None:
        """Whether measured and theory may differ by chance; None where theory says nothing.

        One right value in a hundred lies outside its 99 % interval, so what counts is a chance below FALSE_ALARM.
        """
        if self.theory is None:
            return None
        return self.low <= self.theory <= self.high or (self.chance is not None and self.chance >= FALSE_ALARM)


def proportion(
    name: str, successes: int, trials: int, theory: float | None = None, confidence: float = CONFIDENCE
) -> Estimate:
    """Successes of trials with the exact (Clopper-Pearson) interval, never narrower than ``confidence`` says."""
    tail = (1 - confidence) / 2
    low = scipy.special.betaincinv(successes, trials - successes + 1, tail) if successes else 0.0
    high = scipy.special.betaincinv(successes + 1, trials - successes, 1 - tail) if successes < trials else 1.0
    chance = None if theory is None else float(scipy.stats.binomtest(successes, trials, theory).pvalue)
    return Estimate(name, successes / trials, float(low), float(high), trials, theory, chance)


def mean(name: str, samples: Sequence[float], theory: float | None = None, confidence: float = CONFIDENCE) -> Estimate:
    """Mean of samples with Student's interval; of one sample alone nothing is known but itself."""
    count = len(samples)
    middle = math.fsum(samples) / count
    if count < 2:
        return Estimate(name, middle, -math.inf, math.inf, count, theory)
    spread = math.sqrt(math.fsum((sample - middle) ** 2 for sample in samples) / (count - 1))
    error = spread / math.sqrt(count)
    half = float(scipy.stats.t.ppf((1 + confidence) / 2, count - 1)) * error
    off = None if theory is None or not error else abs(middle - theory) / error
    chance = None if off is None else float(2 * scipy.stats.t.sf(off, count - 1))
    return Estimate(name, middle, middle - half, middle + half, count, theory, chance)


def binomial_bounds(trials: int, probability: float, false_alarm: float = FALSE_ALARM) -> tuple[int, int]:
    """Fewest and most successes that a test should take: outside lies at most ``false_alarm`` of Binomial(n, p)."""
    low = int(scipy.stats.binom.ppf(false_alarm / 2, trials, probability))
    high = int(scipy.stats.binom.isf(false_alarm / 2, trials, probability))
    return low, high

"""Min-entropy of a binary source from its samples, by estimators of NIST SP 800-90B section 6.3 (the non-IID track).

Each gives bits a sample, 0 to 1. The least of them is what a source may be credited with.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qcot.errors import QcotError
from qcot.quantum.entropy.problems import BAD_BITS

Z99 = 2.576
"""The standard's 99 % point of the normal distribution."""
FEWEST = 128
"""Samples below which an estimate means nothing."""
PATH = 128
"""Samples of the likeliest sequence that the Markov estimate weighs."""


def most_common_value(bits: NDArray[np.uint8]) -> float:
    """6.3.1: -log2 of the upper 99 % bound of the commoner value's share."""
    size = len(bits)
    ones = int(bits.sum()) / size
    share = max(ones, 1 - ones)
    return -math.log2(min(1.0, share + Z99 * math.sqrt(share * (1 - share) / (size - 1)))) + 0.0


def collision(bits: NDArray[np.uint8]) -> float:
    """6.3.2: from how soon a value comes again, after 2 samples or, in a binary source, at the latest after 3.

    The mean wait is 2 + 2 p (1 - p); its lower 99 % bound is solved for the larger p.
    """
    waits = []
    place = 0
    values = bits.tolist()
    while place + 1 < len(values):
        wait = 2 if values[place] == values[place + 1] else 3
        if place + wait > len(values):
            break
        waits.append(wait)
        place += wait
    bound = float(np.mean(waits)) - Z99 * float(np.std(waits, ddof=1)) / math.sqrt(len(waits))
    spread = min(max((bound - 2) / 2, 0.0), 0.25)
    return -math.log2(0.5 + math.sqrt(0.25 - spread)) + 0.0


def markov(bits: NDArray[np.uint8]) -> float:
    """6.3.3: from the likeliest 128 samples of the Markov chain that fits; it sees what sticks or alternates."""
    ones = int(bits.sum()) / len(bits)
    start = np.array([1 - ones, ones])
    pairs = np.bincount(2 * bits[:-1].astype(np.int64) + bits[1:], minlength=4).reshape(2, 2).astype(float)
    left = pairs.sum(axis=1, keepdims=True)
    step = np.divide(pairs, left, out=np.zeros((2, 2)), where=left > 0)
    with np.errstate(divide="ignore"):
        likeliest, moves = np.log2(start), np.log2(step)
    for _ in range(PATH - 1):
        likeliest = (likeliest[:, None] + moves).max(axis=0)
    return min(1.0, -float(likeliest.max()) / PATH + 0.0)


@dataclass(frozen=True)
class Estimator:
    """One way to estimate, under the name that the standard gives it."""

    name: str
    section: str
    of: Callable[[NDArray[np.uint8]], float]


ESTIMATORS = (
    Estimator("most common value", "6.3.1", most_common_value),
    Estimator("collision", "6.3.2", collision),
    Estimator("Markov", "6.3.3", markov),
)


def assess(bits: NDArray[np.uint8]) -> dict[str, float]:
    """Every estimate of one lane's ``bits`` (one dimension), by name. Raises `entropy-bits`.

    The standard assesses a source by 1,000,000 samples; fewer widen the bounds and so lower every estimate.
    """
    if bits.ndim != 1 or len(bits) < FEWEST:
        raise QcotError(BAD_BITS, f"{bits.size} samples, {FEWEST} are the fewest")
    if bits.dtype != np.uint8 or (bits > 1).any():
        raise QcotError(BAD_BITS, "a sample is neither 0 nor 1")
    return {each.name: each.of(bits) for each in ESTIMATORS}

"""The literature's tests of hash functions, as records: each takes samples and gives estimates beside theory.

Theory is what a random function gives. These tests find a bad hash; that one passes them proves nothing about attacks.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import scipy

from qcot.quantum.statistics import CONFIDENCE, Estimate, mean, proportion
from qcot.quantum.walk.definition import DIGEST_BYTES
from qcot.quantum.walk.samples import ALTERATIONS, Altered, Samples, changed_bits

DIGEST_BITS = 8 * DIGEST_BYTES
MOST_EQUAL_BYTES = 3
"""W_N(k) is told for k up to this."""
BIRTHDAY_BITS = (16, 24, 32)
"""Digests are cut to so many bits, because whole ones never collide."""
MEAN_DISTANCE = (256 - 1 / 256) / 3
"""Mean |x - y| of two uniform bytes: 85.332."""

_TAIL = (1 - CONFIDENCE) / 2


@dataclass(frozen=True)
class Test:
    """A test by name, what it asks, and how it is answered."""

    name: str
    asks: str
    run: Callable[[Samples], tuple[Estimate, ...]]


def sensitivity(samples: Samples) -> tuple[Estimate, ...]:
    """Mean changed bits when one bit of the message is flipped, added, removed."""
    return tuple(
        mean(
            f"bits changed, {each.name}",
            changed_bits(samples.original, samples.altered[each.name]).tolist(),
            DIGEST_BITS / 2,
        )
        for each in ALTERATIONS
    )


def diffusion(samples: Samples) -> tuple[Estimate, ...]:
    """Share and spread of the bits that one flipped bit changes, and the extremes."""
    changed = _flipped(samples)
    share = mean("bits changed (%)", (100 * changed / DIGEST_BITS).tolist(), 50.0)
    spread = _deviation("std. deviation (bits)", changed, math.sqrt(DIGEST_BITS) / 2)
    in_percent = _scaled(spread, 100 / DIGEST_BITS, "std. deviation (%)")
    fewest = _fewest("fewest bits changed", int(changed.min()), len(changed))
    most = _most("most bits changed", int(changed.max()), len(changed))
    return share, spread, in_percent, fewest, most


def uniformity(samples: Samples) -> tuple[Estimate, ...]:
    """Chi-square over the 256 bit positions: how often each changes when a bit is flipped, and how often it is 1."""
    changes = np.unpackbits(samples.original ^ samples.altered["flipped"], axis=1).sum(axis=0, dtype=np.int64)
    ones = np.unpackbits(samples.original, axis=1).sum(axis=0, dtype=np.int64)
    return (
        _chi_square("chi-square, bits changed", changes, samples.count),
        _chi_square("chi-square, bits set", ones, samples.count),
    )


def collisions(samples: Samples) -> tuple[Estimate, ...]:
    """W_N(k): pairs whose digests have k equal bytes at equal places, one bit of the message flipped."""
    equal = (samples.original == samples.altered["flipped"]).sum(axis=1)
    times = np.bincount(equal, minlength=MOST_EQUAL_BYTES + 1)
    return tuple(
        _scaled(
            proportion(
                f"W_N({k})", int(times[k]), samples.count, float(scipy.stats.binom.pmf(k, DIGEST_BYTES, 1 / 256))
            ),
            samples.count,
        )
        for k in range(MOST_EQUAL_BYTES + 1)
    )


def distance(samples: Samples) -> tuple[Estimate, ...]:
    """Mean difference of bytes at equal places, one bit of the message flipped."""
    apart = abs(samples.original.astype(np.int16) - samples.altered["flipped"]).mean(axis=1)
    return (mean("mean byte distance", apart.tolist(), MEAN_DISTANCE),)


def birthday(samples: Samples) -> tuple[Estimate, ...]:
    """Pairs of equal digests among all messages and flipped ones, cut to their first bits, against n^2 / 2^(b+1)."""
    whole = np.concatenate([samples.original, samples.altered["flipped"]])
    numbers = np.ascontiguousarray(whole[:, :4]).view(">u4")[:, 0].astype(np.uint64)
    pairs = math.comb(len(whole), 2)
    return tuple(
        _poisson(f"equal pairs in {bits} bits", _equal_pairs(numbers >> np.uint64(32 - bits)), pairs, 0.5**bits)
        for bits in BIRTHDAY_BITS
    )


TESTS = (
    Test("sensitivity", "Does one bit more, less or other change half of the digest?", sensitivity),
    Test("confusion and diffusion", "Is the change always about half, never much more or less?", diffusion),
    Test("uniformity", "Do all bit positions take part alike?", uniformity),
    Test("collisions", "Are bytes at equal places equal as rarely as by chance?", collisions),
    Test("byte distance", "Are bytes at equal places as far apart as by chance?", distance),
    Test("birthday, truncated", "Do cut digests collide as rarely as by chance?", birthday),
)


def run_tests(samples: Samples) -> tuple[tuple[Test, tuple[Estimate, ...]], ...]:
    """Every test with its estimates."""
    return tuple((test, test.run(samples)) for test in TESTS)


def examples(samples: Samples) -> tuple[Altered, ...]:
    """The first message's digests under the sensitivity test's conditions, C1 (as it is) first."""
    first = samples.original[0]
    told = [Altered("C1", "as it is", first.tobytes(), 0)]
    for number, each in enumerate(ALTERATIONS, start=2):
        digest = samples.altered[each.name][0]
        told.append(Altered(f"C{number}", each.does, digest.tobytes(), int(changed_bits(first, digest))))
    return tuple(told)


def _flipped(samples: Samples) -> npt.NDArray[np.int64]:
    return changed_bits(samples.original, samples.altered["flipped"])


def _scaled(estimate: Estimate, factor: float, name: str = "") -> Estimate:
    return replace(
        estimate,
        name=name or estimate.name,
        measured=estimate.measured * factor,
        low=estimate.low * factor,
        high=estimate.high * factor,
        theory=None if estimate.theory is None else estimate.theory * factor,
    )


def _two_sided(at_most: float, at_least: float) -> float:
    """Chance of a value as far out on either side, from those of one at most and at least as large."""
    return min(1.0, 2 * min(at_most, at_least))


def _deviation(name: str, values: npt.NDArray[np.int64], theory: float) -> Estimate:
    """Standard deviation with the interval of a normal sample's variance."""
    freedom = len(values) - 1
    squares = float(values.var() * len(values))
    low, high = (math.sqrt(squares / float(scipy.stats.chi2.ppf(tail, freedom))) for tail in (1 - _TAIL, _TAIL))
    scaled = squares / theory**2
    chance = _two_sided(float(scipy.stats.chi2.cdf(scaled, freedom)), float(scipy.stats.chi2.sf(scaled, freedom)))
    return Estimate(name, math.sqrt(squares / freedom), low, high, len(values), theory, chance)


def _chi_square(name: str, ones: npt.NDArray[np.int64], trials: int) -> Estimate:
    """Chi-square of fair bits over the positions, a position, with the interval of the variance that it estimates."""
    statistic, freedom = float(((ones - trials / 2) ** 2).sum() / (trials / 4)), len(ones)
    low, high = (statistic / float(scipy.stats.chi2.ppf(tail, freedom)) for tail in (1 - _TAIL, _TAIL))
    chance = _two_sided(float(scipy.stats.chi2.cdf(statistic, freedom)), float(scipy.stats.chi2.sf(statistic, freedom)))
    return Estimate(name, statistic / freedom, low, high, trials, 1.0, chance)


def _fewest(name: str, fewest: int, trials: int) -> Estimate:
    """The least of ``trials`` binomial values beside its median, the interval as wide as theory lets it vary."""

    def quantile(part: float) -> float:
        return float(scipy.stats.binom.ppf(-math.expm1(math.log1p(-part) / trials), DIGEST_BITS, 0.5))

    low, middle, high = quantile(_TAIL), quantile(0.5), quantile(1 - _TAIL)
    at_most = -math.expm1(trials * float(scipy.stats.binom.logsf(fewest, DIGEST_BITS, 0.5)))
    at_least = math.exp(trials * float(scipy.stats.binom.logsf(fewest - 1, DIGEST_BITS, 0.5)))
    chance = _two_sided(at_most, at_least)
    return Estimate(name, fewest, fewest + middle - high, fewest + middle - low, trials, middle, chance)


def _most(name: str, most: int, trials: int) -> Estimate:
    """The greatest of ``trials`` binomial values, which is the mirror image of the least."""
    mirrored = _fewest(name, DIGEST_BITS - most, trials)
    low, high = DIGEST_BITS - mirrored.high, DIGEST_BITS - mirrored.low
    return replace(mirrored, measured=most, low=low, high=high, theory=DIGEST_BITS - (mirrored.theory or 0))


def _equal_pairs(numbers: npt.NDArray[np.uint64]) -> int:
    _, times = np.unique(numbers, return_counts=True)
    return int((times * (times - 1) // 2).sum())


def _poisson(name: str, seen: int, trials: int, probability: float) -> Estimate:
    """A count of rare events with its exact interval (Garwood)."""
    low = float(scipy.stats.chi2.ppf(_TAIL, 2 * seen)) / 2 if seen else 0.0
    high = float(scipy.stats.chi2.ppf(1 - _TAIL, 2 * seen + 2)) / 2
    theory = trials * probability
    chance = _two_sided(float(scipy.stats.poisson.cdf(seen, theory)), float(scipy.stats.poisson.sf(seen - 1, theory)))
    return Estimate(name, seen, low, high, trials, theory, chance)

"""The health tests against the standard's formulae and its algorithms taken sample by sample."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qcot.errors import QcotError
from qcot.quantum.entropy.health import WINDOW, HealthTests, longest_runs, proportion_cutoff, repetition_cutoff
from scipy.stats import binom

ENTROPIES = [1.0, 0.999, 0.9, 0.75, 0.5, 0.25, 0.1]


@pytest.mark.parametrize("entropy", ENTROPIES)
def test_repetition_cutoff_is_the_least_with_a_false_alarm_of_2_to_the_minus_30(entropy: float) -> None:
    cutoff = repetition_cutoff(entropy)
    chance = 2.0**-entropy
    assert chance ** (cutoff - 1) <= 2.0**-30 * (1 + 1e-9)
    assert chance ** (cutoff - 2) > 2.0**-30


@pytest.mark.parametrize("entropy", ENTROPIES)
def test_proportion_cutoff_is_the_critical_value_of_the_standard(entropy: float) -> None:
    """C = 1 + critbinom: the smallest c with P(X <= c) >= 1 - alpha, summed here from the exact tail."""
    chance = 2.0**-entropy
    tail = np.cumsum(binom.pmf(np.arange(WINDOW + 1), WINDOW, chance)[::-1])[::-1]  # P(X >= c)
    critical = next(c for c in range(WINDOW + 1) if (tail[c + 1] if c < WINDOW else 0.0) <= 2.0**-30)
    assert proportion_cutoff(entropy) == 1 + critical


def test_known_cutoffs() -> None:
    """Of a perfect source: 31 and 609; at the standard's example alpha of 2^-20 the window gives its 589."""
    assert (repetition_cutoff(1), proportion_cutoff(1)) == (31, 609)
    assert 1 + binom.isf(2.0**-20, WINDOW, 0.5) == 589


@pytest.mark.parametrize("entropy", [0, -0.1, 1.01, math.nan, math.inf])
def test_a_claim_that_cannot_be_is_refused(entropy: float) -> None:
    for cutoff in (repetition_cutoff, proportion_cutoff):
        with pytest.raises(QcotError, match="entropy-claim"):
            cutoff(entropy)


def one_by_one(samples: list[int], repetition: int, proportion: int) -> tuple[int | None, int | None]:
    """SP 800-90B 4.4.1 and 4.4.2 as written: the index of the sample at which each test first fails."""
    repeated = biased = None
    last, times = None, 0
    first, seen, place = None, 0, 0
    for index, sample in enumerate(samples):
        times = times + 1 if sample == last else 1
        last = sample
        if times >= repetition and repeated is None:
            repeated = index
        if place == 0:
            first, seen = sample, 0
        seen += sample == first
        place = (place + 1) % WINDOW
        if seen >= proportion and biased is None:
            biased = index
    return repeated, biased


def failing_batch(samples: list[int], tests: HealthTests, size: int) -> tuple[int, str] | None:
    for start in range(0, len(samples), size):
        batch = np.array(samples[start : start + size], np.uint8)[:, None]
        try:
            tests = tests.after(batch)
        except QcotError as error:
            return start // size, error.problem.name
    return None


@settings(max_examples=20)
@given(st.integers(0, 2**32), st.sampled_from([0.5, 0.6, 0.75, 0.93]), st.sampled_from([1, 7, 64, 1000, 1024, 3000]))
def test_batches_of_any_size_fail_where_the_standard_does(seed: int, bias: float, size: int) -> None:
    samples = (np.random.default_rng(seed).random(2_500) < bias).astype(int).tolist()
    tests = HealthTests.start(1, 1.0)
    places = [each for each in one_by_one(samples, tests.repetition, tests.proportion) if each is not None]
    found = failing_batch(samples, tests, size)
    assert (found and found[0]) == (min(places) // size if places else None)


def test_a_run_and_a_window_go_on_across_batches() -> None:
    tests = HealthTests.start(1, 1.0)
    same = np.ones((30, 1), np.uint8)
    tests = tests.after(same)
    with pytest.raises(QcotError, match="entropy-repetition"):
        tests.after(same[:1])
    pattern = np.tile(np.array([1, 1, 0], np.uint8), 400)[:, None]  # 2/3 ones, runs of 2
    tests = HealthTests.start(1, 1.0).after(pattern[:900])
    with pytest.raises(QcotError, match="entropy-proportion"):
        tests.after(pattern[900:1000])


def test_one_bad_qubit_among_twenty_is_named() -> None:
    samples = np.random.default_rng(5).integers(0, 2, (2_000, 20), np.uint8)
    HealthTests.start(20, 0.9).after(samples)
    samples[:, 13] = 1
    with pytest.raises(QcotError, match="qubit 13 gave 2000 equal bits"):
        HealthTests.start(20, 0.9).after(samples)


@settings(max_examples=40)
@given(st.lists(st.integers(0, 1), min_size=0, max_size=60))
def test_longest_run_is_the_longest(values: list[int]) -> None:
    text = "".join(map(str, values))
    longest = max((n for n in range(len(text) + 1) if "0" * n in text or "1" * n in text), default=0)
    assert longest_runs(np.array(values, np.uint8).reshape(-1, 1)).tolist() == [longest]

import math

import numpy as np
import pytest
from qcot.quantum.statistics import FALSE_ALARM, Estimate, binomial_bounds, mean, proportion


def tail(trials: int, probability: float, low: int, high: int) -> float:
    """Probability of Binomial(trials, probability) outside low to high, summed in plain arithmetic."""
    inside = math.fsum(
        math.comb(trials, k) * probability**k * (1 - probability) ** (trials - k) for k in range(low, high + 1)
    )
    return 1 - inside


@pytest.mark.parametrize(("trials", "probability"), [(100, 0.5), (400, 0.25), (64, 0.75), (500, 0.01)])
def test_bounds_of_a_test_are_left_by_chance_less_than_once_in_a_million(trials: int, probability: float) -> None:
    low, high = binomial_bounds(trials, probability)
    assert tail(trials, probability, low, high) <= FALSE_ALARM + 1e-12
    assert tail(trials, probability, low + 1, high - 1) > FALSE_ALARM


def test_an_exact_interval_covers_at_least_as_often_as_it_says() -> None:
    rng = np.random.default_rng(5)
    covered = [proportion("", int(k), 50, 0.3, 0.9) for k in rng.binomial(50, 0.3, 400)]
    low, high = binomial_bounds(400, 0.9)
    assert low <= sum(each.low <= 0.3 <= each.high for each in covered)
    assert sum(each.low <= 0.3 <= each.high for each in covered) < 400 or high == 400


def test_a_measurement_far_from_theory_does_not_agree() -> None:
    assert proportion("", 600, 1000, 0.5).agrees is False
    assert proportion("", 520, 1000, 0.5).agrees is True
    assert mean("", [1.0, 1.1, 0.9, 1.0] * 20, 2.0).agrees is False
    assert mean("", [1.0, 1.1, 0.9, 1.0] * 20, 1.0).agrees is True


def test_a_certain_outcome_that_failed_once_does_not_agree() -> None:
    assert proportion("", 1000, 1000, 1.0).agrees is True
    assert proportion("", 999, 1000, 1.0).agrees is False


def test_where_theory_says_nothing_there_is_no_verdict() -> None:
    assert Estimate("", 1.0, 0.9, 1.1, 10).agrees is None
    assert proportion("", 5, 10).agrees is None


def test_one_sample_says_nothing_of_the_mean() -> None:
    alone = mean("", [3.0], 5.0)
    assert (alone.measured, alone.low, alone.high) == (3.0, -math.inf, math.inf)
    assert alone.agrees is True

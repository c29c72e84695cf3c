"""Sizes and bounds of a validation, and the odds that they give."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qcot.errors import QcotError
from qcot.quantum.identity import DEFAULT, PAPER, Parameters, false_reject, miss, problems
from qcot.quantum.identity.parameters import bell_error


def at_most(bound: int, trials: int, probability: float) -> float:
    """Binomial distribution function, term by term."""
    return math.fsum(
        math.comb(trials, k) * probability**k * (1 - probability) ** (trials - k) for k in range(bound + 1)
    )


def test_default_refuses_an_honest_peer_at_2_percent_noise_twice_in_a_million() -> None:
    odds = false_reject(DEFAULT, 0.02)
    assert odds.check == pytest.approx(1 - at_most(12, 128, 0.02), rel=1e-6)
    assert odds.check == pytest.approx(2.0e-6, rel=0.05)
    assert odds.bell < 2e-7
    assert odds.either == pytest.approx(odds.check + odds.bell, rel=1e-5)


def test_default_check_misses_a_quarter_attack_six_times_in_a_million() -> None:
    odds = miss(DEFAULT, 0.25, 0.5)
    assert odds.check == pytest.approx(at_most(12, 128, 0.25), rel=1e-9)
    assert odds.check == pytest.approx(6.5e-6, rel=0.01)
    assert odds.bell < 1e-12
    assert odds.both == odds.check * odds.bell


def test_outsider_passes_the_default_bell_step_once_in_10_to_the_39() -> None:
    assert miss(DEFAULT, 0.0, 0.75).both < 1e-39


def test_papers_example_misses_one_quarter_attack_in_ten() -> None:
    assert miss(PAPER, 0.25, 1.0).check == pytest.approx(0.75**8)


@settings(max_examples=30)
@given(st.floats(0, 2 / 3))
def test_bell_error_is_that_of_two_depolarising_passages(noise: float) -> None:
    paulis = [np.eye(2), np.array([[0, 1], [1, 0]]), np.array([[0, -1j], [1j, 0]]), np.diag([1, -1])]
    error = min(1.5 * noise, 1.0)
    pair = np.outer([1, 0, 0, 1], [1, 0, 0, 1]) / 2
    state = pair.astype(complex)
    for _ in range(2):
        turned = [np.kron(np.eye(2), p) @ state @ np.kron(np.eye(2), p).conj().T for p in paulis]
        state = (1 - error) * turned[0] + error / 3 * sum(turned[1:])
    assert bell_error(noise) == pytest.approx(1 - np.trace(pair @ state).real, abs=1e-9)
    in_z = 1.5 * noise * 2 / 3  # X and Y of the three flip a Z result
    assert in_z == pytest.approx(noise)


@settings(max_examples=50)
@given(st.integers(1, 128), st.integers(1, 4096))
def test_scaled_bounds_keep_the_default_shares(pairs: int, checks: int) -> None:
    made = Parameters.scaled(pairs, checks)
    assert made.tau <= checks * 12 / 128 < made.tau + 1
    assert made.mismatches <= pairs * 24 / 128 < made.mismatches + 1


def test_scaled_to_its_own_size_is_the_default() -> None:
    assert Parameters.scaled(128, 128) == DEFAULT
    assert Parameters.scaled(128, 128, 3).tau == 3


@pytest.mark.parametrize(
    ("sizes", "problem"),
    [
        ((0, 8, 0, 0), problems.BAD_PAIRS),
        ((129, 8, 0, 0), problems.BAD_PAIRS),
        ((True, 8, 0, 0), problems.BAD_PAIRS),
        ((8, 0, 0, 0), problems.BAD_CHECKS),
        ((8, 4097, 0, 0), problems.BAD_CHECKS),
        ((8, 8, -1, 0), problems.BAD_TAU),
        ((8, 8, 8, 0), problems.BAD_TAU),
        ((8, 8, 0, -1), problems.BAD_MISMATCHES),
        ((8, 8, 0, 8), problems.BAD_MISMATCHES),
        ((8, 8, 0, 1.5), problems.BAD_MISMATCHES),
    ],
)
def test_sizes_and_bounds_out_of_range_are_refused_by_name(sizes: tuple[int, ...], problem: object) -> None:
    with pytest.raises(QcotError) as refused:
        Parameters(*sizes)
    assert refused.value.problem is problem


@pytest.mark.parametrize(("pairs", "checks"), [(0, 1), (1, 0), (-1, 1), (129, 1), (1, 5000)])
def test_scaled_sizes_out_of_range_are_refused(pairs: int, checks: int) -> None:
    with pytest.raises(QcotError, match=r"^validation-(pairs|checks): "):
        Parameters.scaled(pairs, checks)


@pytest.mark.parametrize("rate", [-0.1, 1.1, math.nan])
def test_what_is_no_rate_is_refused(rate: float) -> None:
    for ask in (lambda: false_reject(DEFAULT, rate), lambda: miss(DEFAULT, rate), lambda: miss(DEFAULT, 0.1, rate)):
        with pytest.raises(QcotError, match=r"^validation-rate: "):
            ask()

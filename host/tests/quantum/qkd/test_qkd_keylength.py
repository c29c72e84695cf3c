"""How long a key a finite run leaves, and the hash that makes it."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qcot.errors import QcotError
from qcot.quantum.qkd.keylength import (
    Security,
    bell_deviation,
    best_sample,
    deviation,
    entropy,
    phase_error_of_bell,
    secret_bits,
)
from qcot.quantum.qkd.protocols import TSIRELSON
from qcot.quantum.toeplitz import toeplitz
from scipy import stats


@pytest.mark.parametrize(("sifted", "published"), [(5_000, 347), (100_000, 37_578)])
def test_short_runs_leave_what_the_formula_says(sifted: int, published: int) -> None:
    """es = 1e-10, ec = 1e-15, f = 1.16, the best split: 1,752 of 5,000 and 13,869 of 100,000 are sampled."""
    security = Security()
    k = best_sample(sifted, 0.025, security)
    n = sifted - k
    length = secret_bits(n, 0.025 + deviation(n, k, security.secrecy), 1.16 * n * entropy(0.025), security)
    assert abs(length - published) <= 1
    for other in (0.8 * k, 0.95 * k, 1.05 * k, 1.2 * k):
        worse = sifted - other
        leak = 1.16 * worse * entropy(0.025)
        assert secret_bits(int(worse), 0.025 + deviation(int(worse), int(other), 1e-10), leak, security) <= length + 1


def test_an_infinite_run_leaves_shannons_rate() -> None:
    n, k = 10**13, 10**12
    length = secret_bits(n, 0.03 + deviation(n, k, 1e-10), n * entropy(0.03), Security())
    assert length / n == pytest.approx(1 - 2 * entropy(0.03), abs=1e-4)


def test_the_rate_ends_at_eleven_percent() -> None:
    n = 10**12
    assert secret_bits(n, 0.1100, n * entropy(0.1100), Security()) > 0
    assert secret_bits(n, 0.1101, n * entropy(0.1101), Security()) == 0
    assert secret_bits(n, 0.6, 0, Security()) == 0


@given(st.integers(2, 5000), st.floats(0, 0.5))
def test_a_sample_takes_some_and_leaves_some(sifted: int, rate: float) -> None:
    assert 1 <= best_sample(sifted, rate, Security()) < sifted


def test_a_samples_bound_holds_against_the_hypergeometric_law() -> None:
    """Serfling's bound with es fails with at most (es/4)^2; checked where that is large enough to be seen."""
    for n, k, wrong, secrecy in ((500, 500, 100, 1.0), (900, 100, 200, 1.0), (2000, 1000, 90, 2.0)):
        mu = deviation(n, k, secrecy)
        drawn = np.arange(min(k, wrong) + 1)
        bad = (wrong - drawn) / n > drawn / k + mu
        chance = stats.hypergeom.pmf(drawn, n + k, wrong, k)[bad].sum()
        assert chance <= (secrecy / 4) ** 2


def test_a_bell_value_bounds_the_phase_errors_of_honest_noise() -> None:
    """With many pairs the bound becomes Q itself, as BB84's; and few pairs bound nothing."""
    for q in (0.0, 0.01, 0.05):
        many = [(10**14, 10**14)] * 4
        low = TSIRELSON * (1 - 2 * q) - bell_deviation(many, 1e-10)
        assert phase_error_of_bell(low, 10**14, q, 1e-10) == pytest.approx(q, abs=1e-5)
    assert bell_deviation([(30, 5)] * 4, 1e-10) > 1


def test_hoeffdings_bound_of_s_holds_against_the_binomial_law() -> None:
    """One setting's count as worst case: P(S measured - S true >= bound) with the bound's own confidence."""
    secrecy, trials = 2.0, 200
    bound = bell_deviation([(trials, 0)] * 4, secrecy)
    for probability in (0.6, 0.85, 0.9):
        # All four terms together are a binomial of 4 x trials.
        mean = 4 * (2 * probability - 1)
        won = np.arange(4 * trials + 1)
        measured = 4 * (2 * won / (4 * trials) - 1)
        chance = stats.binom.pmf(won, 4 * trials, probability)[measured - mean >= bound].sum()
        assert chance <= (secrecy / 4) ** 2 / 2


@pytest.mark.parametrize(
    "members",
    [{"secrecy": 0.0}, {"correctness": 1.0}, {"max_error": 0.6}, {"sample": 1.0}, {"sample": float("nan")}],
)
def test_parameters_that_promise_nothing_are_refused(members: dict[str, float]) -> None:
    with pytest.raises(QcotError, match="qkd-parameters"):
        Security(**members)


@settings(max_examples=60)
@given(st.integers(1, 200), st.integers(1, 200), st.integers(0, 1 << 30))
def test_the_hash_is_the_matrix_product(inputs: int, outputs: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    diagonal = random.integers(0, 2, inputs + outputs - 1, np.uint8)
    bits = random.integers(0, 2, inputs, np.uint8)
    matrix = np.array([[diagonal[row + inputs - 1 - column] for column in range(inputs)] for row in range(outputs)])
    assert np.array_equal(toeplitz(diagonal, bits), matrix.astype(int) @ bits % 2)


def test_long_hashes_are_exact() -> None:
    """All ones is where sums and rounding are largest; Python's integers multiply without rounding."""
    inputs, outputs = 200_000, 100_000
    random = np.random.default_rng(1)
    for density in (0.5, 1.0):
        diagonal = (random.random(inputs + outputs - 1) < density).astype(np.uint8)
        bits = (random.random(inputs) < density).astype(np.uint8)
        found = toeplitz(diagonal, bits)
        for row in (0, 1, 77_777, outputs - 1):
            window = diagonal[row : row + inputs][::-1].astype(np.int64)
            assert found[row] == int(window @ bits) % 2
        prefix = np.concatenate([[0], np.cumsum(diagonal, dtype=np.int64)])
        if density == 1.0:
            assert np.array_equal(found, (prefix[inputs:] - prefix[:-inputs])[:outputs] % 2)


def test_two_inputs_have_the_same_hash_as_often_as_a_universal_one_lets_them() -> None:
    """Over all diagonals of a small matrix: exactly 2^-length for any two different inputs."""
    inputs, outputs = 5, 4
    diagonals = [np.array([(each >> place) & 1 for place in range(8)], np.uint8) for each in range(256)]
    for difference in range(1, 32):
        bits = np.array([(difference >> place) & 1 for place in range(inputs)], np.uint8)
        assert sum(not toeplitz(diagonal, bits).any() for diagonal in diagonals) == 256 >> outputs
    assert math.log2(256) == inputs + outputs - 1

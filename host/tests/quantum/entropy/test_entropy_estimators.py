"""Estimates of min-entropy against the standard's own worked examples and brute force."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qcot.errors import QcotError
from qcot.quantum.entropy import estimators
from qcot.quantum.entropy.estimators import assess, collision, markov, most_common_value
from scipy.optimize import brentq
from scipy.special import gammaincc

BITS = st.lists(st.integers(0, 1), min_size=128, max_size=400).map(lambda values: np.array(values, np.uint8))


def array(text: str) -> np.ndarray:
    return np.array([int(bit) for bit in text if bit in "01"], np.uint8)


def test_most_common_value_of_a_known_sample() -> None:
    """600 ones of 1,000: 0.6 + 2.576 sqrt(0.24/999), by hand 0.63993."""
    found = most_common_value(np.repeat(np.array([1, 0], np.uint8), [600, 400]))
    assert found == pytest.approx(-math.log2(0.6 + 2.576 * math.sqrt(0.24 / 999)))
    assert 2**-found == pytest.approx(0.63993, abs=1e-5)


def collision_by_the_standard(bits: list[int]) -> float:
    """6.3.2 step by step, its equation with the incomplete gamma function solved numerically."""
    waits, index = [], 0
    while True:
        wait = next(
            (j - index + 1 for j in range(index + 1, len(bits)) if bits[j] in bits[index:j]),
            None,
        )
        if wait is None:
            break
        waits.append(wait)
        index += wait
    bound = float(np.mean(waits)) - 2.576 * float(np.std(waits, ddof=1)) / math.sqrt(len(waits))

    def gap(p: float) -> float:
        q = 1 - p
        z = 1 / q
        f = 2 * gammaincc(3, z) * z**-3 * math.exp(z)  # Gamma(3, z) = 2 Q(3, z)
        half = (1 / p - 1 / q) / 2
        return p * q**-2 * (1 + half) * f - p / q * half - bound

    if gap(0.5) <= 0:
        return 1.0
    return -math.log2(brentq(gap, 0.5, 1 - 1e-2) if gap(1 - 1e-2) < 0 else 1.0)


@pytest.mark.parametrize(("seed", "bias"), [(1, 0.5), (2, 0.6), (3, 0.7), (4, 0.8)])
def test_collision_solves_the_equation_of_the_standard(seed: int, bias: float) -> None:
    bits = (np.random.default_rng(seed).random(3_000) < bias).astype(np.uint8)
    assert collision(bits) == pytest.approx(collision_by_the_standard(bits.tolist()), abs=1e-6)


def test_markov_weighs_the_six_sequences_of_the_standard() -> None:
    bits = (np.random.default_rng(4).random(2_000) < 0.6).astype(np.uint8)
    text = "".join(map(str, bits))
    pairs = {
        a + b: sum(text[i : i + 2] == a + b for i in range(len(text) - 1)) for a, b in itertools.product("01", repeat=2)
    }
    p1 = Fraction(text.count("1"), len(text))
    p00, p01 = (Fraction(pairs["0" + b], pairs["00"] + pairs["01"]) for b in "01")
    p10, p11 = (Fraction(pairs["1" + b], pairs["10"] + pairs["11"]) for b in "01")
    p0 = 1 - p1
    likeliest = max(
        p0 * p00**127,
        p0 * p01**64 * p10**63,
        p0 * p01 * p11**126,
        p1 * p10 * p00**126,
        p1 * p10**64 * p01**63,
        p1 * p11**127,
    )
    exact = -(math.log2(likeliest.numerator) - math.log2(likeliest.denominator)) / 128
    assert markov(bits) == pytest.approx(min(exact, 1.0))


@pytest.mark.parametrize(
    ("pattern", "blind", "sees"),
    [("01", "most common value", "Markov"), ("0", None, "Markov"), ("0001", None, "Markov")],
)
def test_patterns_are_seen(pattern: str, blind: str | None, sees: str) -> None:
    found = assess(array(pattern * 512))
    assert found[sees] < 0.6
    if blind:
        assert found[blind] > 0.8


@pytest.mark.parametrize("bias", [0.5, 0.55, 0.7, 0.9])
def test_estimates_of_a_biased_coin_stay_below_its_entropy_but_for_chance(bias: float) -> None:
    """Each bound is one-sided at 99.5 %; five standard deviations of 40,000 samples are below 0.03 bits."""
    bits = (np.random.default_rng(7).random(40_000) < bias).astype(np.uint8)
    found = assess(bits)
    assert max(found.values()) <= -math.log2(bias) + 0.03
    assert min(found.values()) > 0.5 * -math.log2(bias)


@settings(max_examples=20)
@given(BITS)
def test_estimates_are_between_0_and_1_and_blind_to_the_names_of_the_values(bits: np.ndarray) -> None:
    found = assess(bits)
    assert all(0 <= each <= 1 for each in found.values())
    assert list(found) == [each.name for each in estimators.ESTIMATORS]
    assert assess(1 - bits) == pytest.approx(found)


@pytest.mark.parametrize(
    "bits",
    [np.zeros(127, np.uint8), np.full(200, 2, np.uint8), np.zeros((200, 2), np.uint8), np.zeros(200)],
    ids=["too few", "not binary", "two lanes", "floats"],
)
def test_what_are_no_bits_is_refused(bits: np.ndarray) -> None:
    with pytest.raises(QcotError, match="entropy-bits"):
        assess(bits)

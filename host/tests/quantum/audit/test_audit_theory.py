"""The closed form of phase estimation, against the sum that it closes, and its bounds."""

from __future__ import annotations

import cmath
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from qcot.errors import QcotError
from qcot.quantum.audit import (
    NEAREST_BOUND,
    TWO_NEAREST_BOUND,
    Phase,
    bits_for,
    distribution,
    nearest,
    nearest_probability,
    probability,
    problems,
    third_of_a_turn,
    two_nearest_probability,
    worst_phase,
)

phases = st.integers(1, 64).flatmap(lambda bits: st.integers(0, (1 << bits) - 1).map(lambda n: Phase(n, bits)))


@given(st.integers(1, 12).flatmap(lambda a: st.tuples(st.just(a), st.integers(0, (1 << a) - 1))), st.integers(1, 6))
def test_closed_form_is_the_sum_over_amplitudes(fraction: tuple[int, int], bits: int) -> None:
    phase, size = Phase(fraction[1], fraction[0]), 1 << bits
    turns = phase.numerator / (1 << phase.bits)
    for outcome, chance in enumerate(distribution(phase, bits)):
        amplitude = sum(cmath.exp(2j * math.pi * k * (turns - outcome / size)) for k in range(size)) / size
        assert chance == pytest.approx(abs(amplitude) ** 2, abs=1e-12)


@given(phases, st.integers(1, 8))
def test_chances_add_up_to_one_and_the_nearest_is_the_likeliest(phase: Phase, bits: int) -> None:
    chances = distribution(phase, bits)
    assert math.fsum(chances) == pytest.approx(1)
    assert max(chances) == pytest.approx(nearest_probability(phase, bits))


@given(phases, st.integers(1, 64))
def test_bounds_hold_for_every_phase_and_number_of_bits(phase: Phase, bits: int) -> None:
    assert NEAREST_BOUND - 1e-12 <= nearest_probability(phase, bits) <= 1 + 1e-12
    assert TWO_NEAREST_BOUND - 1e-12 <= two_nearest_probability(phase, bits) <= 1 + 1e-12


@given(phases, st.integers(1, 64))
def test_nearest_is_nearest_in_whole_numbers(phase: Phase, bits: int) -> None:
    scale = phase.bits + bits

    def off(outcome: int) -> int:
        away = ((phase.numerator << bits) - (outcome << phase.bits)) % (1 << scale)
        return min(away, (1 << scale) - away)

    one, two = nearest(phase, bits)
    assert off(one) <= off(two)
    assert off(one) * 2 <= 1 << phase.bits
    assert all(off(one) <= off(other % (1 << bits)) for other in (one - 1, one + 1))
    assert {one, two} in ({one, (one + 1) % (1 << bits)}, {one, (one - 1) % (1 << bits)})


@given(st.integers(0, (1 << 42) - 1), st.integers(42, 64))
def test_a_time_of_42_bits_is_certain_with_42_bits_or_more(t: int, bits: int) -> None:
    phase = Phase(t, 42)
    assert nearest(phase, bits)[0] == t << (bits - 42)
    assert probability(phase, bits, t << (bits - 42)) == 1.0
    if bits == 42 and t:
        assert probability(phase, bits, t - 1) < 1e-24


def test_the_bounds_are_reached_half_a_step_away() -> None:
    assert nearest_probability(worst_phase(40), 40) == pytest.approx(NEAREST_BOUND)
    assert two_nearest_probability(worst_phase(40), 40) == pytest.approx(TWO_NEAREST_BOUND)
    assert (round(NEAREST_BOUND, 3), round(TWO_NEAREST_BOUND, 3)) == (0.405, 0.811)


def test_a_third_of_a_turn_tends_to_the_square_of_a_sinc() -> None:
    assert nearest_probability(third_of_a_turn(), 20) == pytest.approx((math.sin(math.pi / 3) / (math.pi / 3)) ** 2)


@pytest.mark.parametrize(("wanted", "error"), [(1, 0.5), (3, 0.1), (4, 0.01)])
def test_bits_for_a_wanted_error_are_enough(wanted: int, error: float) -> None:
    bits = bits_for(wanted, error)
    for phase in (third_of_a_turn(), worst_phase(bits), Phase(12345, 16)):
        scale, reach = 1 << bits, 1 << (bits - wanted)
        turns = phase.numerator / (1 << phase.bits) * scale
        close = [
            chance
            for outcome, chance in enumerate(distribution(phase, bits))
            if min(abs(outcome - turns), scale - abs(outcome - turns)) <= reach
        ]
        assert math.fsum(close) >= 1 - error


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: Phase(4, 2), problems.BAD_PHASE),
        (lambda: Phase(-1, 2), problems.BAD_PHASE),
        (lambda: Phase(0.5, 2), problems.BAD_PHASE),  # type: ignore[arg-type]
        (lambda: Phase(True, 2), problems.BAD_PHASE),
        (lambda: Phase(0, 0), problems.BAD_PHASE),
        (lambda: Phase(0, 65), problems.BAD_PHASE),
        (lambda: nearest(Phase(0, 1), 0), problems.BAD_BITS),
        (lambda: probability(Phase(0, 1), 65, 0), problems.BAD_BITS),
        (lambda: distribution(Phase(0, 1), 13), problems.BAD_BITS),
        (lambda: bits_for(3, 0.0), problems.BAD_ERROR),
        (lambda: bits_for(3, math.nan), problems.BAD_ERROR),
    ],
)
def test_what_cannot_be_is_refused_by_name(make: object, problem: object) -> None:
    with pytest.raises(QcotError) as refused:
        make()  # type: ignore[operator]
    assert refused.value.problem is problem

"""Calibrations: small numbers that go through the points, or a refusal."""

from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from qcot.boards.calibration import (
    BAD_GAIN,
    BAD_POINT,
    BAD_POINTS,
    MOST,
    MOST_OFFSET,
    Calibration,
    parse_point,
    through,
)
from qcot.boards.registry import ChannelInfo
from qcot.errors import QcotError

INPUT = ChannelInfo("A0", "V", 5, 1024, 0)
RAWS = st.integers(-(1 << 15), 1 << 16)
AMOUNTS = st.fractions(-1000, 1000, max_denominator=1000)


@given(RAWS, RAWS, AMOUNTS, AMOUNTS)
def test_two_points_are_met_to_within_half_a_raw_value_and_what_the_gain_is_off(raw_a, raw_b, value_a, value_b):
    assume(raw_a != raw_b and value_a != value_b)
    points = [(raw_a, value_a), (raw_b, value_b)]
    gain = (value_b - value_a) / (raw_b - raw_a)
    assume(Fraction(1, MOST) <= abs(gain) <= MOST)
    found = through(points, INPUT)
    assert 0 < found.den <= MOST
    assert 0 < abs(found.num) <= MOST
    assert abs(found.offset) <= MOST_OFFSET
    small = Fraction(found.num, found.den)
    off = abs(small - gain) * abs(raw_b - raw_a)
    assert found.error(points) <= abs(small) / 2 + off
    # A board's 16 bits hold no better gain than a denominator of that size allows.
    assert abs(small - gain) <= max(Fraction(1, MOST), abs(gain * small) / MOST)


@given(RAWS, AMOUNTS)
def test_one_point_moves_the_offset_and_leaves_the_gain(raw, value):
    found = through([(raw, value)], INPUT)
    assert (found.num, found.den) == (5, 1024)
    assert abs(found.amount(raw) - value) <= Fraction(5, 1024) / 2


def test_points_that_lie_on_a_simple_line_give_that_line():
    assert through([parse_point("0=-45"), parse_point("65535=130")], INPUT) == Calibration(35, 13107, -16852)
    assert through([parse_point("102=0.5"), parse_point("922=4.6")], INPUT) == Calibration(1, 200, -2)


@pytest.mark.parametrize("text", ["", "1", "1=", "=1", "1.5=2", "1=2=3", "1=nan", "1=1e3", "99999999999=1", "1= 2"])
def test_a_point_that_is_none_is_refused_by_name(text):
    with pytest.raises(QcotError) as caught:
        parse_point(text)
    assert caught.value.problem is BAD_POINT


@pytest.mark.parametrize("texts", [[], ["1=1", "1=2"], ["1=1", "2=1"], ["1=1", "2=2", "3=3"]])
def test_points_that_make_no_line_are_refused_by_name(texts):
    with pytest.raises(QcotError) as caught:
        through([parse_point(text) for text in texts], INPUT)
    assert caught.value.problem is BAD_POINTS


@pytest.mark.parametrize("texts", [["0=0", "1=40000"], ["0=0", "40000=1"], ["0=999999999999", "40000=0"]])
def test_a_gain_or_an_offset_that_a_board_cannot_keep_is_refused_by_name(texts):
    with pytest.raises(QcotError) as caught:
        through([parse_point(text) for text in texts], INPUT)
    assert caught.value.problem is BAD_GAIN

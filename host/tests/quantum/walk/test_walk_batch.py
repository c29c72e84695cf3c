"""The sorted walk of many messages against the walk by matrices: the same integers in every cell."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from qcot.quantum.walk import batch, dense


def assert_same_walk(choices: np.ndarray) -> None:
    assert np.array_equal(batch.walk(choices), dense.walk(choices))


@settings(max_examples=30)
@given(st.integers(1, 40), st.integers(1, 20), st.integers(0, 2**32))
def test_messages_that_toss_any_coins_walk_alike(steps: int, messages: int, seed: int) -> None:
    assert_same_walk(np.random.default_rng(seed).integers(4, size=(steps, messages), dtype=np.uint8))


@settings(max_examples=20)
@given(st.lists(st.integers(0, 3), min_size=1, max_size=30))
@example([0] * 30)
@example([1] * 30)
@example([2] * 30)
@example([3] * 30)
def test_messages_that_all_toss_the_same_coins_walk_alike(coins: list[int]) -> None:
    assert_same_walk(np.repeat(np.array(coins, np.uint8)[:, None], 9, axis=1))


def test_messages_find_their_place_across_the_blocks_that_are_planned_at_once() -> None:
    assert_same_walk(np.random.default_rng(5).integers(4, size=(1100, 9), dtype=np.uint8))


@pytest.mark.parametrize("walk", [batch.walk, dense.walk])
def test_no_step_loses_more_of_the_norm_than_its_rounding(walk) -> None:
    steps = 2000
    choices = np.random.default_rng(6).integers(4, size=(steps, 2), dtype=np.uint8)
    for state in walk(choices).tolist():
        norm = sum(value * value for part in state for value in part)
        # A step turns 392 parts by at most 1/2 each: the length of 2^60 changes by at most sqrt(392)/2 a step.
        assert abs(norm - (1 << 120)) <= 2 * steps * 10 * (1 << 60)

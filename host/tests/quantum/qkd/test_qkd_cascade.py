"""Cascade: it corrects what it is given, and counts every parity that the sender tells."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from qcot.errors import QcotError
from qcot.quantum.qkd import cascade
from qcot.quantum.qkd.cascade import reconcile
from qcot.quantum.qkd.keylength import entropy


def ends(count: int, errors: int, seed: int) -> tuple[Any, Any, np.random.Generator]:
    """Two strings of bits that differ in exactly so many places."""
    random = np.random.default_rng(seed)
    sender = random.integers(0, 2, count, np.uint8)
    receiver = sender.copy()
    receiver[random.choice(count, errors, replace=False)] ^= 1
    return sender, receiver, random


@pytest.mark.parametrize("rate", [0.005, 0.01, 0.025, 0.05, 0.11])
def test_long_keys_are_corrected_near_shannons_bound(rate: float) -> None:
    count = 60_000
    sender, receiver, random = ends(count, round(rate * count), 1)
    done = reconcile(sender, receiver, rate, random)
    assert np.array_equal(done.bits, sender)
    assert done.found == round(rate * count)
    assert 1.0 < done.leaked / (count * entropy(rate)) < 1.25


@settings(max_examples=60)
@given(st.integers(1, 3000), st.floats(0, 0.15), st.floats(0.001, 0.2), st.integers(0, 1 << 30))
@example(1, 0.0, 0.001, 0)
@example(2, 0.5, 0.2, 1)
def test_what_is_expected_of_the_errors_may_be_wrong(count: int, share: float, expected: float, seed: int) -> None:
    """Blocks of a wrong size cost parities; errors that stay come in pairs, at least four in as many passes."""
    errors = int(share * count)
    sender, receiver, random = ends(count, errors, seed)
    done = reconcile(sender, receiver, expected, random)
    left = int((done.bits ^ sender).sum())
    assert left % 2 == 0
    assert done.found == int((done.bits ^ receiver).sum())
    if errors <= 1:
        assert left == 0


def test_every_parity_is_counted_once_and_none_is_forgotten() -> None:
    """Against a plain Cascade, one block after the other, that keeps the set of all ranges whose parity was told."""
    for seed, count, rate in ((1, 2000, 0.03), (2, 777, 0.06), (3, 64, 0.1), (4, 5000, 0.01)):
        sender, receiver, _ = ends(count, round(rate * count), seed)
        orders = [np.arange(count)] + [np.random.default_rng([seed, number]).permutation(count) for number in range(3)]

        class Shuffles:
            def __init__(self, given: list[Any]) -> None:
                self.given = iter(given)

            def permutation(self, _count: int) -> Any:
                return next(self.given)

        done = reconcile(sender, receiver, rate, Shuffles(orders[1:]))  # type: ignore[arg-type]
        bits, told = plain_cascade(sender, receiver, rate, orders)
        assert np.array_equal(done.bits, bits)
        assert done.leaked == told


def plain_cascade(sender: Any, receiver: Any, rate: float, orders: list[Any]) -> tuple[Any, int]:
    """Brassard and Salvail's, with no vectors. Told are parities of sets of places, minus what follows from others.

    The right half's parity follows from the block's and the left half's, so that left halves and blocks are told.
    """
    receiver, count = receiver.copy(), len(sender)
    first = math.ceil(0.73 / rate)
    sizes = [min(first << number, -(-count // 2)) for number in range(4)]
    told: set[tuple[int, int, int]] = set()

    def ask(number: int, start: int, stop: int) -> int:
        told.add((number, start, stop))
        return int(sender[orders[number][start:stop]].sum() ^ receiver[orders[number][start:stop]].sum()) & 1

    def differing(number: int) -> list[tuple[int, int]]:
        ranges = [(start, start + sizes[number]) for start in range(0, count, sizes[number])]
        return [each for each in ranges if ask(number, each[0], min(each[1], count))]

    for passes in range(1, 5):
        while blocks := next(((number, found) for number in range(passes) if (found := differing(number))), None):
            number, ranges = blocks
            for start, stop in ranges:
                while stop - start > 1:
                    middle = (start + stop) // 2
                    # A cut beyond the last bit leaves the whole block to its left: no news.
                    left = middle >= count or ask(number, start, middle)
                    start, stop = (start, middle) if left else (middle, stop)  # noqa: PLW2901
                receiver[orders[number][start]] ^= 1
    return receiver, len(told)


def test_long_strings_are_corrected_in_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cascade, "FRAME", 1000)
    sender, receiver, random = ends(10_500, 400, 7)
    done = reconcile(sender, receiver, 0.04, random)
    assert np.array_equal(done.bits, sender)
    assert done.found == 400


def test_equal_strings_cost_the_blocks_parities_alone() -> None:
    sender, _, random = ends(1000, 0, 1)
    done = reconcile(sender, sender, 0.05, random)
    assert (done.leaked, done.found, done.messages) == (sum(-(-1000 // (15 << number)) for number in range(4)), 0, 4)


@pytest.mark.parametrize(("ours", "theirs", "rate"), [(0, 0, 0.1), (3, 4, 0.1), (4, 4, 0.6), (4, 4, -0.1)])
def test_strings_that_cannot_be_reconciled_are_refused(ours: int, theirs: int, rate: float) -> None:
    with pytest.raises(QcotError, match="qkd-reconciliation"):
        reconcile(np.zeros(ours, np.uint8), np.zeros(theirs, np.uint8), rate, np.random.default_rng(1))

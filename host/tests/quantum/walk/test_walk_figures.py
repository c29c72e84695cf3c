"""QUMA Fig. 10 and 11: the ring of four is periodic and half empty, and one bit changes half of the digest."""

from __future__ import annotations

import numpy as np
import pytest
from qcot.errors import QcotError
from qcot.quantum.walk import walk_hash_bits
from qcot.quantum.walk.figures import altered_message, four_cycle
from scipy import stats
from walk_definition import float_walk


def test_one_step_on_the_ring_of_four_finds_the_neighbours_only() -> None:
    found = four_cycle(shots=2000, seed=1)
    assert [each.theory for each in found.nodes] == [0, 0.5, 0, 0.5]
    assert all(each.agrees for each in found.nodes)
    assert found.nodes[0].measured == found.nodes[2].measured == 0
    assert (found.backend, found.shots, found.seed) == ("aer_simulator_statevector", 2000, 1)


def test_ring_of_four_comes_back_after_eight_steps() -> None:
    found = four_cycle(shots=100)
    assert found.period == 8
    assert found.by_step.shape == (9, 4)
    assert np.array_equal(found.by_step[0], found.by_step[8])
    assert np.allclose(found.by_step.sum(axis=1), 1)
    assert all((row[(step + 1) % 2 :: 2] == 0).all() for step, row in enumerate(found.by_step))


def test_two_walkers_on_a_ring_of_four_occupy_a_quarter_and_forget_eight_equal_bits() -> None:
    assert dict(four_cycle(shots=100).reached) == {4: 0.25, 7: 1.0}
    for steps in range(1, 20):
        assert (float_walk([0, 1, 3, 2] * 5, side=4) > 1e-12).sum() <= 4
        assert np.allclose(float_walk([0] * steps, side=4), float_walk([0] * (steps + 8), side=4), atol=1e-12)
    assert (float_walk([0, 1, 3, 2] * 5, side=7) > 1e-12).all()


def test_one_altered_bit_anywhere_changes_about_half_of_the_digest() -> None:
    found = altered_message(bits=1001, seed=2)
    assert [each.name for each in found.digests] == ["M", "M_rand", "M_first", "M_last", "M_100", "M_1000"]
    low, high = stats.binom.ppf(1e-7, 256, 0.5), stats.binom.isf(1e-7, 256, 0.5)
    original = int.from_bytes(found.digests[0].digest, "big")
    for each in found.digests[1:]:
        assert each.changed == (int.from_bytes(each.digest, "big") ^ original).bit_count()
        assert low <= each.changed <= high
    assert found.least_percent == min(each.changed for each in found.digests[1:]) * 100 / 256


def test_the_bits_that_are_altered_are_those_that_the_paper_names() -> None:
    found = altered_message(bits=1001, seed=2)
    bits = "".join(str(bit) for bit in np.random.default_rng(2).integers(2, size=1001, dtype=np.uint8))
    digests = {each.name: each.digest for each in found.digests}
    assert digests["M"] == walk_hash_bits(bits)
    for name, place in (("M_first", 0), ("M_last", 1000), ("M_100", 99), ("M_1000", 999)):
        turned = bits[:place] + str(1 - int(bits[place])) + bits[place + 1 :]
        assert digests[name] == walk_hash_bits(turned)


def test_unrelated_digests_almost_never_differ_in_less_than_the_papers_35_percent() -> None:
    # 35 % of 256 bits is 89.6: 89 bits fall short, 90 do not.
    assert altered_message().chance_below_claim == pytest.approx(float(stats.binom.cdf(89, 256, 0.5)))


@pytest.mark.parametrize("bits", [1000, 0, 1001.0])
def test_messages_without_a_1000th_bit_inside_are_refused(bits: object) -> None:
    with pytest.raises(QcotError, match="bits") as refused:
        altered_message(bits)
    assert refused.value.problem.name == "walk-message-short"

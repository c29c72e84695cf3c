"""Chains as arrays, and the closed forms of any errors of theirs, against scalar functions and dense sums."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qcot.errors import QcotError
from qcot.quantum import problems
from qcot.quantum.qblock import (
    MAX_BLOCKS,
    Chain,
    QblockPhases,
    check_chain,
    check_closed_form,
    detection_probability,
    inverse_fidelity,
    link_errors,
    local_shots_for,
    mean_miss,
    mean_tail_fidelity,
    shots_for,
    shots_for_mean_miss,
    shots_to_detect,
    theta_errors,
)
from qcot.quantum.qblock import problems as chain_problems
from qcot.quantum.qblock.closed import _CHUNK
from qcot.quantum.qblock.phases import phi_error, theta_error

H_LIMIT, T_LIMIT = 1 << 53, 1 << 42
blocks = st.builds(QblockPhases, st.integers(0, H_LIMIT - 1), st.integers(0, T_LIMIT - 1))
near = st.integers(-3, 3)


@st.composite
def chain_pairs(draw: st.DrawFn, most: int = 7) -> tuple[Chain, Chain]:
    """Prepared and expected: some blocks the same, some a unit or two off, some another."""
    expected = draw(st.lists(blocks, min_size=1, max_size=most))
    prepared = []
    for block in expected:
        h, t = (min(max(v + draw(near), 0), top - 1) for v, top in ((block.h, H_LIMIT), (block.t_ms, T_LIMIT)))
        prepared.append(draw(st.sampled_from([block, QblockPhases(h, block.t_ms), QblockPhases(block.h, t)]) | blocks))
    return Chain.of(prepared), Chain.of(expected)


def dense_colour(prepared: Chain, expected: Chain, colour: int) -> float:
    """Probability that any block of a colour gives 1: the mean over what Z finds of all the others."""
    own, links = theta_errors(prepared, expected), link_errors(prepared, expected)
    others = [j for j in range(len(own)) if j % 2 != colour]
    passes = []
    for bits in product((0, 1), repeat=len(others)):
        found = dict(zip(others, bits, strict=True))
        angles = [
            own[j] + sum(links[min(j, i)] for i in (j - 1, j + 1) if found.get(i))
            for j in range(colour, len(own), 2)
        ]  # fmt: skip
        passes.append(math.prod(math.cos(a / 2) ** 2 for a in angles))
    return 1 - math.fsum(passes) / len(passes)


@settings(max_examples=30)
@given(chain_pairs())
def test_arrays_hold_the_same_doubles_as_the_scalar_functions(pair: tuple[Chain, Chain]) -> None:
    prepared, expected = pair
    was, wanted = prepared.blocks(), expected.blocks()
    assert Chain.of(was) == prepared
    assert was == [prepared.block(at) for at in range(len(prepared))]
    assert prepared.theta.tolist() == [block.theta for block in was]
    assert prepared.phi.tolist() == [block.phi for block in was[:-1]]
    assert theta_errors(prepared, expected).tolist() == [theta_error(*each) for each in zip(was, wanted, strict=True)]
    links = [phi_error(*each) for each in zip(was[:-1], wanted[:-1], strict=True)]
    assert link_errors(prepared, expected).tolist() == links


@settings(max_examples=30)
@given(chain_pairs())
def test_any_mix_of_errors_has_the_fidelity_of_the_scalar_transfer_matrix(pair: tuple[Chain, Chain]) -> None:
    prepared, expected = pair
    found = check_chain(prepared, expected)
    assert found.fidelity == pytest.approx(inverse_fidelity(prepared.blocks(), expected.blocks()), abs=1e-13)
    assert found.fidelity + found.detection == pytest.approx(1, abs=1e-15)


@settings(max_examples=30)
@given(chain_pairs())
def test_each_block_is_detected_as_the_scalar_function_says(pair: tuple[Chain, Chain]) -> None:
    prepared, expected = pair
    own, links = theta_errors(prepared, expected).tolist(), link_errors(prepared, expected).tolist()
    wanted = [
        detection_probability(own[j], [links[i] for i in (j - 1, j) if 0 <= i < len(links)]) for j in range(len(own))
    ]
    assert check_chain(prepared, expected).local.tolist() == pytest.approx(wanted, rel=1e-12, abs=1e-40)


@settings(max_examples=30)
@given(chain_pairs())
def test_each_colour_is_detected_as_the_sum_over_its_neighbours_says(pair: tuple[Chain, Chain]) -> None:
    colours = check_chain(*pair).colours
    assert len(colours) == min(len(pair[0]), 2)
    assert colours == pytest.approx([dense_colour(*pair, colour) for colour in range(len(colours))], abs=1e-13)


@settings(max_examples=30)
@given(chain_pairs())
def test_a_chain_passes_with_certainty_if_and_only_if_its_integers_are_equal(pair: tuple[Chain, Chain]) -> None:
    prepared, expected = pair
    found = check_chain(prepared, expected)
    differs = [
        j
        for j, (a, b) in enumerate(zip(prepared.blocks(), expected.blocks(), strict=True))
        if a.h != b.h or (a.t_ms != b.t_ms and j < len(prepared) - 1)
    ]
    assert found.first_wrong == (differs[0] if differs else None)
    for passes in (found.passes(), found.passes(1000), found.passes_local(), found.passes_local(1000)):
        assert (passes == 1.0) == (not differs)
    assert (found.detection > 0) == any(each > 0 for each in found.colours) == bool(differs)


@settings(max_examples=8)
@given(st.integers(0, 2 * _CHUNK), st.integers(1, H_LIMIT - 1))
def test_the_smallest_error_in_a_long_chain_is_its_own_closed_form(at: int, change: int) -> None:
    """Longer than one chunk and odd, so that every seam of the product tree is crossed."""
    honest = Chain.random(2 * _CHUNK + 1, 3)
    h = honest.h.copy()
    h[at] = (int(h[at]) + change) % H_LIMIT
    found = check_chain(Chain(h, honest.t_ms), honest)
    wanted = detection_probability(theta_error(QblockPhases(int(h[at]), 0), QblockPhases(int(honest.h[at]), 0)))
    assert found.detection == pytest.approx(wanted, rel=1e-12)
    assert (found.first_wrong, np.flatnonzero(found.local).tolist()) == (at, [at])
    assert found.colours[at % 2] == pytest.approx(wanted, rel=1e-12)
    assert found.colours[1 - at % 2] == 0


def test_a_million_blocks_are_checked_and_the_least_forgery_of_one_is_found() -> None:
    honest = Chain.random(1_000_000, 1)
    assert check_chain(honest, honest).passes(1000) == 1.0
    h = honest.h.copy()
    h[765_432] ^= 1
    found = check_chain(Chain(h, honest.t_ms), honest)
    assert found.first_wrong == 765_432
    assert found.detection == pytest.approx((math.pi / H_LIMIT) ** 2, rel=1e-9)
    assert found.passes() < 1.0


def test_many_wrong_blocks_leave_a_fidelity_far_below_what_one_less_keeps() -> None:
    """2^-k on average over random phases; half a turn each leaves exactly nothing."""
    honest = Chain(np.zeros(60, np.int64), np.zeros(60, np.int64))
    quarter = Chain(np.full(60, H_LIMIT // 4), np.zeros(60, np.int64))
    assert check_chain(quarter, honest).fidelity == pytest.approx(2.0**-60, rel=1e-12)
    assert check_chain(Chain(np.full(60, H_LIMIT // 2), honest.t_ms), honest).shots_for(1e-6) == 1


def test_random_tails_have_a_mean_fidelity_of_half_a_block() -> None:
    honest, k = Chain.random(6, 5), 3
    random = np.random.default_rng(8)
    found = []
    for _ in range(1000):
        h = honest.h.copy()
        h[-k:] = random.integers(0, H_LIMIT, k)
        found.append(check_chain(Chain(h, honest.t_ms), honest).fidelity)
    # Five standard errors: a false alarm below once in a million seeds, and this seed is fixed.
    assert abs(np.mean(found) - mean_tail_fidelity(k)) < 5 * np.std(found) / math.sqrt(len(found))


@pytest.mark.parametrize("shots", [1, 2, 10, 999, 1000, 1001, 100_000])
def test_a_random_block_is_missed_as_often_as_the_integral_over_its_phase_says(shots: int) -> None:
    angles = (np.arange(20_000) + 0.5) / 20_000 * math.pi  # the trapezoid rule is exact to rounding for a period
    assert mean_miss(shots) == pytest.approx(np.mean(np.cos(angles / 2 * 2) ** (2 * shots)), rel=1e-9)
    assert mean_miss(shots) < 1 / math.sqrt(math.pi * shots) < mean_miss(shots) * (1 + 1 / (4 * shots))


def test_one_qubit_takes_a_third_of_a_trillion_shots_for_one_miss_in_a_million() -> None:
    assert shots_for_mean_miss(1e-6) == math.ceil(1e12 / math.pi)
    assert mean_miss(shots_for_mean_miss(1e-3)) <= 1e-3 < mean_miss(int(0.99 * shots_for_mean_miss(1e-3)))


@settings(max_examples=30)
@given(st.floats(1e-12, 0.9), st.floats(1e-3, 0.99))
def test_shots_are_chosen_as_well_by_detection_as_by_fidelity(miss: float, detection: float) -> None:
    assert abs(shots_to_detect(miss, detection) - shots_for(miss, 1 - detection)) <= 1
    assert shots_to_detect(miss, 1.0) == 1
    assert shots_to_detect(miss, 1e-31) == pytest.approx(-math.log(miss) * 1e31, rel=1e-9)


@settings(max_examples=40)
@given(chain_pairs(most=3), st.floats(1e-9, 0.5))
def test_shots_of_the_local_check_are_just_enough(pair: tuple[Chain, Chain], miss: float) -> None:
    patch = pair[0].blocks(), pair[1].blocks()
    passes = check_closed_form(*patch)
    if passes == 1.0:
        with pytest.raises(QcotError, match="quantum-odds"):
            local_shots_for(miss, *patch)
    elif passes < 0.999:
        shots = local_shots_for(miss, *patch)
        assert passes**shots <= miss * (1 + 1e-9)
        assert shots == 1 or passes ** (shots - 1) >= miss * (1 - 1e-9)
    found = check_chain(*pair)
    if found.colours[0] > 1e-3:
        shots = found.local_shots_for(miss)
        assert math.prod(1 - each for each in found.colours) ** shots <= miss * (1 + 1e-9)
        assert found.shots_for(miss) >= 1


ONE = Chain.random(1, 1)
ZEROS = np.zeros(2, np.int64)
REFUSALS = {
    "no blocks": (chain_problems.BAD_CHAIN, lambda: Chain.of([])),
    "no random blocks": (chain_problems.BAD_CHAIN, lambda: Chain.random(0, 1)),
    "too many": (chain_problems.BAD_CHAIN, lambda: Chain.random(MAX_BLOCKS + 1, 1)),
    "more h than t": (chain_problems.BAD_CHAIN, lambda: Chain(ZEROS, ZEROS[:1])),
    "a table": (chain_problems.BAD_CHAIN, lambda: Chain(ZEROS.reshape(1, 2), ZEROS.reshape(1, 2))),
    "floats": (chain_problems.BAD_CHAIN, lambda: Chain(ZEROS * 0.5, ZEROS)),
    "truth values": (chain_problems.BAD_CHAIN, lambda: Chain(ZEROS == 0, ZEROS)),
    "other lengths": (chain_problems.BAD_CHAIN, lambda: check_chain(ONE, Chain(ZEROS, ZEROS))),
    "h of 54 bits": (problems.BAD_PHASE, lambda: Chain(ZEROS + H_LIMIT, ZEROS)),
    "h of 64 bits": (problems.BAD_PHASE, lambda: Chain(np.array([2**64 - 1, 0], np.uint64), ZEROS)),
    "t negative": (problems.BAD_PHASE, lambda: Chain(ZEROS, ZEROS - 1)),
    "t of 43 bits": (problems.BAD_PHASE, lambda: Chain(ZEROS, ZEROS + T_LIMIT)),
    "seed negative": (problems.BAD_SEED, lambda: Chain.random(3, -1)),
    "no shots": (problems.BAD_SHOTS, lambda: check_chain(ONE, ONE).passes(0)),
    "no shots of a mean": (problems.BAD_SHOTS, lambda: mean_miss(0)),
    "nothing to detect": (problems.BAD_ODDS, lambda: check_chain(ONE, ONE).shots_for(1e-6)),
    "nothing to detect locally": (problems.BAD_ODDS, lambda: check_chain(ONE, ONE).local_shots_for(1e-6)),
    "detection above one": (problems.BAD_ODDS, lambda: shots_to_detect(0.1, 1.5)),
    "detection not a number": (problems.BAD_ODDS, lambda: shots_to_detect(0.1, math.nan)),
    "mean miss of zero": (problems.BAD_ODDS, lambda: shots_for_mean_miss(0.0)),
}


@pytest.mark.parametrize(("problem", "call"), REFUSALS.values(), ids=REFUSALS.keys())
def test_bad_chains_are_refused_by_name(problem: object, call: object) -> None:
    with pytest.raises(QcotError) as refused:
        call()
    assert refused.value.problem is problem
    assert refused.value.reason


def test_nobody_changes_a_chain_once_it_is_made() -> None:
    h = np.zeros(2, np.uint64)
    chain = Chain(h, ZEROS)
    h[0] = 7
    assert chain.h.tolist() == [0, 0]
    with pytest.raises(ValueError, match="read-only"):
        chain.h[0] = 1

"""Qblock phases, recipe and checks against dense state vectors, Qiskit's own reader and counted shots."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qcot.errors import QcotError
from qcot.quantum import problems
from qcot.quantum.qblock import (
    QblockPhases,
    check_closed_form,
    detection_probability,
    expected_zeros_probability,
    inverse_fidelity,
    link_fidelity,
    local_patch_circuit,
    patch_qasm3,
    phases_from,
    run_local_check,
    shots_for,
    theta_fidelity,
)
from qcot.quantum.walk import walk_hash
from qiskit import qasm3
from qiskit.quantum_info import Operator, Statevector

H_LIMIT, T_LIMIT = 1 << 53, 1 << 42
blocks = st.builds(QblockPhases, st.integers(0, H_LIMIT - 1), st.integers(0, T_LIMIT - 1))
angles = st.floats(-math.pi, math.pi)
HONEST = [phases_from(walk_hash(bytes([i]) * 32), 10_000 * i) for i in range(3)]


@st.composite
def patch_pairs(draw: st.DrawFn, most: int = 3) -> tuple[list[QblockPhases], list[QblockPhases]]:
    """Prepared and expected blocks of one length; some of them equal, as in an attack on a few."""
    expected = draw(st.lists(blocks, min_size=1, max_size=most))
    return [draw(st.one_of(st.just(block), blocks)) for block in expected], expected


def dense_state(patch: list[QblockPhases]) -> np.ndarray:
    """|Q_n> from its formula, one sum for each basis state; x_0 is the lowest bit."""
    n = len(patch)
    state = np.empty(2**n, complex)
    for index in range(2**n):
        x = [index >> j & 1 for j in range(n)]
        own = math.fsum(b.theta * bit for b, bit in zip(patch, x, strict=True))
        links = math.fsum(b.phi * one * two for b, (one, two) in zip(patch, pairwise(x), strict=False))
        state[index] = np.exp(1j * (own + links)) / 2 ** (n / 2)
    return state


def dense_zeros(prepared: list[QblockPhases], expected: list[QblockPhases], at: int) -> float:
    """Probability of 0 on qubit ``at``: for each Z outcome of the others, its state against the one expected."""
    n, state = len(prepared), dense_state(prepared)
    total = 0.0
    for rest in range(2**n):
        if rest >> at & 1:
            continue
        link = sum(expected[min(at, i)].phi for i in (at - 1, at + 1) if 0 <= i < n and rest >> i & 1)
        wanted = np.array([1, np.exp(1j * (expected[at].theta + link))]) / math.sqrt(2)
        total += abs(np.vdot(wanted, state[[rest, rest | 1 << at]])) ** 2
    return total


@given(st.binary(min_size=32, max_size=32), st.integers(0, T_LIMIT - 1))
def test_phases_are_the_first_53_bits_of_the_walk_hash_and_the_time(qhash: bytes, t_ms: int) -> None:
    block = phases_from(qhash, t_ms)
    assert (block.h, block.t_ms) == (int("".join(f"{byte:08b}" for byte in qhash)[:53], 2), t_ms)
    assert 0 <= block.theta < math.tau
    assert block.theta == pytest.approx(math.tau * (block.h / 2**53), rel=1e-15)
    assert math.pi / 2 <= block.phi < 3 * math.pi / 2
    assert block.phi == pytest.approx(math.pi / 2 + math.pi * t_ms / 2**42, rel=1e-15)


@pytest.mark.parametrize("block", [QblockPhases(0, 0), QblockPhases(H_LIMIT - 1, T_LIMIT - 1)])
def test_phases_stay_in_range_at_the_ends(block: QblockPhases) -> None:
    assert 0 <= block.theta < math.tau
    assert math.pi / 2 <= block.phi < 3 * math.pi / 2


@given(patch_pairs())
def test_closed_form_of_the_local_check_is_that_of_the_state_vector(pair: tuple[list, list]) -> None:
    prepared, expected = pair
    newest, middle = expected_zeros_probability(prepared, expected)
    assert newest == pytest.approx(dense_zeros(prepared, expected, len(expected) - 1), abs=1e-12)
    if len(expected) > 1:
        assert middle == pytest.approx(dense_zeros(prepared, expected, len(expected) - 2), abs=1e-12)
    else:
        assert middle is None


@settings(max_examples=40)
@given(patch_pairs())
def test_circuit_of_each_setting_gives_the_closed_form(pair: tuple[list, list]) -> None:
    prepared, expected = pair
    for setting, wanted in zip(("newest", "middle"), expected_zeros_probability(prepared, expected), strict=True):
        if wanted is None:
            continue
        circuit = local_patch_circuit(prepared, expected, setting)
        checked = next(
            circuit.find_bit(gate.qubits[0]).index
            for gate in circuit.data
            if gate.operation.name == "measure" and circuit.find_bit(gate.clbits[0]).index == 0
        )
        circuit.remove_final_measurements()
        zero = Statevector(circuit).probabilities([checked])[0]
        assert zero == pytest.approx(wanted, abs=1e-12)


@given(st.lists(blocks, min_size=1, max_size=3))
def test_honest_blocks_pass_with_certainty(patch: list[QblockPhases]) -> None:
    assert expected_zeros_probability(patch, patch) == (1.0, 1.0 if len(patch) > 1 else None)
    assert check_closed_form(patch, patch) == 1.0
    assert check_closed_form(patch, patch, shots=1000) == 1.0


@given(st.lists(blocks, min_size=3, max_size=3), st.integers(1, H_LIMIT - 1), st.integers(1, T_LIMIT - 1))
def test_check_is_below_one_for_any_wrong_phase_of_the_patch(patch: list[QblockPhases], h: int, t: int) -> None:
    for index, name in ((1, "h"), (2, "h"), (0, "t_ms"), (1, "t_ms")):
        forged = list(patch)
        was = patch[index]
        forged[index] = (
            QblockPhases((was.h + h) % H_LIMIT, was.t_ms)
            if name == "h"
            else QblockPhases(was.h, (was.t_ms + t) % T_LIMIT)
        )
        assert check_closed_form(forged, patch) < 1.0
        assert check_closed_form(patch, forged) < 1.0


@given(st.lists(blocks, min_size=3, max_size=3), blocks)
def test_patch_does_not_see_its_oldest_theta_nor_its_newest_time(
    patch: list[QblockPhases], other: QblockPhases
) -> None:
    oldest, middle, newest = patch
    unseen = [QblockPhases(other.h, oldest.t_ms), middle, QblockPhases(newest.h, other.t_ms)]
    assert check_closed_form(unseen, patch) == 1.0


@given(patch_pairs(), st.integers(1, 50))
def test_shots_multiply_the_chance_to_be_caught(pair: tuple[list, list], shots: int) -> None:
    once = check_closed_form(*pair)
    wanted = math.prod(p for p in expected_zeros_probability(*pair) if p is not None)
    assert once == pytest.approx(wanted, abs=1e-15)
    assert check_closed_form(*pair, shots=shots) == pytest.approx(once**shots, abs=1e-12)


@given(angles)
def test_detection_of_one_forged_phase_is_sin_squared(delta: float) -> None:
    assert detection_probability(delta) == pytest.approx(math.sin(delta / 2) ** 2, abs=1e-15)
    assert detection_probability(0, [delta]) == pytest.approx(math.sin(delta / 2) ** 2 / 2, abs=1e-15)


@given(patch_pairs(most=7))
def test_inverse_fidelity_is_that_of_the_state_vector(pair: tuple[list, list]) -> None:
    prepared, expected = pair
    overlap = abs(np.vdot(dense_state(expected), dense_state(prepared))) ** 2
    assert inverse_fidelity(prepared, expected) == pytest.approx(overlap, abs=1e-12)


@given(st.lists(blocks, min_size=2, max_size=40), st.data())
def test_inverse_fidelity_of_one_error_is_its_closed_form(chain: list[QblockPhases], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(chain) - 2))
    other, was = data.draw(blocks), chain[at]
    own = [*chain[:at], QblockPhases(other.h, was.t_ms), *chain[at + 1 :]]
    link = [*chain[:at], QblockPhases(was.h, other.t_ms), *chain[at + 1 :]]
    assert inverse_fidelity(own, chain) == pytest.approx(theta_fidelity(other.theta - was.theta), abs=1e-12)
    assert inverse_fidelity(link, chain) == pytest.approx(link_fidelity(other.phi - was.phi), abs=1e-12)
    assert inverse_fidelity(chain, chain) == 1.0


@given(st.floats(1e-12, 0.9), st.floats(0.01, 0.999))
def test_shots_for_a_wanted_miss_are_just_enough(miss: float, fidelity: float) -> None:
    shots = shots_for(miss, fidelity)
    assert fidelity**shots <= miss * (1 + 1e-9)
    assert shots == 1 or fidelity ** (shots - 1) >= miss * (1 - 1e-9)


def test_one_shot_is_enough_where_nothing_can_be_missed() -> None:
    assert shots_for(1e-9, 0.0) == 1


def test_recipe_is_the_same_bytes_everywhere() -> None:
    patch = [QblockPhases(0, 0), QblockPhases(H_LIMIT - 1, 10_000), QblockPhases(6369051672525773, T_LIMIT - 1)]
    assert patch_qasm3(patch) == (
        'OPENQASM 3.0;\ninclude "stdgates.inc";\nqubit[3] q;\n'
        "h q[0];\nh q[1];\nh q[2];\n"
        "p(0 * tau / 9007199254740992) q[0];\n"
        "p(9007199254740991 * tau / 9007199254740992) q[1];\n"
        "p(6369051672525773 * tau / 9007199254740992) q[2];\n"
        "cp(2199023255552 * pi / 4398046511104) q[0], q[1];\n"
        "cp(2199023265552 * pi / 4398046511104) q[1], q[2];\n"
    )


@settings(max_examples=25)
@given(st.lists(blocks, min_size=1, max_size=3))
def test_recipe_read_by_qiskit_prepares_the_state_with_the_same_angles(patch: list[QblockPhases]) -> None:
    circuit = qasm3.loads(patch_qasm3(patch))
    read = [(gate.operation.name, float(gate.operation.params[0])) for gate in circuit.data if gate.operation.params]
    assert read == [("p", b.theta) for b in patch] + [("cp", b.phi) for b in patch[:-1]]
    column = Operator(circuit).data[:, 0]
    assert np.allclose(column, dense_state(patch), atol=1e-12)


def test_honest_run_counts_zeros_only_and_keeps_its_recipe() -> None:
    check = run_local_check(HONEST, HONEST, 500, 7)
    assert (check.shots, check.seed, check.zeros_newest, check.zeros_middle) == (500, 7, 500, 500)
    assert check.backend.startswith("aer_simulator")
    assert check.qasm3 == patch_qasm3(HONEST)


@pytest.mark.parametrize("count", [1, 2])
def test_first_blocks_of_a_chain_are_checked_with_the_neighbours_they_have(count: int) -> None:
    check = run_local_check(HONEST[:count], HONEST[:count], 100, 0)
    assert (check.zeros_newest, check.zeros_middle) == (100, 100 if count > 1 else None)


FORGERIES = {
    "newest theta": [HONEST[0], HONEST[1], QblockPhases((HONEST[2].h + H_LIMIT // 3) % H_LIMIT, HONEST[2].t_ms)],
    "middle theta": [HONEST[0], QblockPhases((HONEST[1].h + H_LIMIT // 5) % H_LIMIT, HONEST[1].t_ms), HONEST[2]],
    "first link": [QblockPhases(HONEST[0].h, T_LIMIT // 2), *HONEST[1:]],
    "second link": [HONEST[0], QblockPhases(HONEST[1].h, T_LIMIT - 1), HONEST[2]],
    "newest and a link": [QblockPhases(1, T_LIMIT // 7), HONEST[1], QblockPhases(2, 3)],
}


@pytest.mark.parametrize("forged", FORGERIES.values(), ids=FORGERIES.keys())
def test_counted_detection_is_that_of_theory(forged: list[QblockPhases]) -> None:
    shots = 20_000
    check = run_local_check(forged, HONEST, shots, 11)
    newest, middle = expected_zeros_probability(forged, HONEST)
    assert middle is not None
    assert min(newest, middle) < 0.9
    for zeros, p in ((check.zeros_newest, newest), (check.zeros_middle, middle)):
        # Five standard deviations: a false alarm once in two million seeds, and this seed is fixed.
        assert zeros is not None
        assert abs(zeros - shots * p) <= 5 * math.sqrt(shots * p * (1 - p)) + 1e-6


@given(blocks, st.integers(H_LIMIT // 100, H_LIMIT * 99 // 100))
def test_a_forged_block_is_missed_no_more_often_than_wanted(block: QblockPhases, error: int) -> None:
    forged = [QblockPhases((block.h + error) % H_LIMIT, block.t_ms)]
    shots = shots_for(1e-6, check_closed_form(forged, [block]))
    assert check_closed_form(forged, [block], shots=shots) <= 1e-6 * (1 + 1e-9)


ONE = [QblockPhases(1, 2)]
REFUSALS = {
    "no blocks": (problems.BAD_PATCH, lambda: run_local_check([], [], 10, 0)),
    "four blocks": (problems.BAD_PATCH, lambda: run_local_check(ONE * 4, ONE * 4, 10, 0)),
    "more prepared than expected": (problems.BAD_PATCH, lambda: expected_zeros_probability(ONE * 2, ONE)),
    "closed form of nothing": (problems.BAD_PATCH, lambda: check_closed_form([], [])),
    "recipe of nothing": (problems.BAD_PATCH, lambda: patch_qasm3([])),
    "fidelity of nothing": (problems.BAD_PATCH, lambda: inverse_fidelity([], [])),
    "middle of one": (problems.BAD_SETTING, lambda: local_patch_circuit(ONE, ONE, "middle")),
    "setting unknown": (problems.BAD_SETTING, lambda: local_patch_circuit(ONE, ONE, "oldest")),
    "h of 54 bits": (problems.BAD_PHASE, lambda: QblockPhases(H_LIMIT, 0)),
    "h negative": (problems.BAD_PHASE, lambda: QblockPhases(-1, 0)),
    "h not whole": (problems.BAD_PHASE, lambda: QblockPhases(0.5, 0)),
    "t of 43 bits": (problems.BAD_PHASE, lambda: QblockPhases(0, T_LIMIT)),
    "t negative": (problems.BAD_PHASE, lambda: phases_from(bytes(32), -1)),
    "hash of 31 bytes": (problems.BAD_QHASH, lambda: phases_from(bytes(31), 0)),
    "no shots": (problems.BAD_SHOTS, lambda: run_local_check(ONE, ONE, 0, 0)),
    "shots of a closed form": (problems.BAD_SHOTS, lambda: check_closed_form(ONE, ONE, shots=0)),
    "seed negative": (problems.BAD_SEED, lambda: run_local_check(ONE, ONE, 10, -1)),
    "miss of zero": (problems.BAD_ODDS, lambda: shots_for(0.0, 0.5)),
    "fidelity of one": (problems.BAD_ODDS, lambda: shots_for(0.1, 1.0)),
    "fidelity not a number": (problems.BAD_ODDS, lambda: shots_for(0.1, math.nan)),
}


@pytest.mark.parametrize(("problem", "call"), REFUSALS.values(), ids=REFUSALS.keys())
def test_bad_input_is_refused_by_name(problem: object, call: object) -> None:
    with pytest.raises(QcotError) as refused:
        call()
    assert refused.value.problem is problem
    assert refused.value.reason

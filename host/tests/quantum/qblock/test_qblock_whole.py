"""Circuits of a whole chain against state vectors, closed forms and counted shots; entanglement against its states."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qcot.errors import QcotError
from qcot.quantum import problems
from qcot.quantum.attacks.qblocks import (
    BAD_FORGERY,
    QBLOCK_ATTACKS,
    forge,
    measure_forgery,
    measure_mean,
    qblock_attack,
)
from qcot.quantum.qblock import (
    MAX_RUN_BLOCKS,
    Chain,
    block_eigenvalues,
    block_entropy,
    check_chain,
    colour_circuit,
    cut_concurrence,
    cut_entropy,
    inverse_circuit,
    link_fidelity,
    prepare_circuit,
    run_chain_check,
    run_local_check,
    run_local_checks,
    theta_fidelity,
)
from qcot.quantum.qblock import problems as chain_problems
from qcot.quantum.statistics import binomial_bounds
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.quantum_info import Statevector, entropy, partial_trace

H_LIMIT, T_LIMIT = 1 << 53, 1 << 42
HONEST = Chain.random(5, 3)


@st.composite
def chains(draw: st.DrawFn, size: int) -> Chain:
    """A chain whose times are anywhere, also at the ends of their range."""
    h = draw(st.lists(st.integers(0, H_LIMIT - 1), min_size=size, max_size=size))
    t = draw(st.lists(st.integers(0, T_LIMIT - 1), min_size=size, max_size=size))
    return Chain(np.array(h), np.array(t))


sized = st.integers(1, 6).flatmap(lambda size: st.tuples(chains(size), chains(size)))


@settings(max_examples=12)
@given(sized)
def test_the_state_is_as_entangled_as_the_closed_forms_say(pair: tuple[Chain, Chain]) -> None:
    chain, n = pair[0], len(pair[0])
    state = Statevector(prepare_circuit(chain))
    for cut in range(n - 1):
        older = partial_trace(state, list(range(cut + 1, n)))
        assert cut_entropy(chain)[cut] == pytest.approx(entropy(older, base=2), abs=1e-9)
        purity = float(older.purity().real)
        assert cut_concurrence(chain)[cut] == pytest.approx(np.sqrt(2 * (1 - purity)), abs=1e-9)
        assert np.sqrt(0.5) - 1e-12 <= cut_concurrence(chain)[cut] <= 1
    for at in range(n):
        one = partial_trace(state, [i for i in range(n) if i != at]) if n > 1 else state.to_operator()
        values = np.linalg.eigvalsh(one.data)[::-1]
        assert block_eigenvalues(chain)[at].tolist() == pytest.approx(values.tolist(), abs=1e-12)
        assert block_entropy(chain)[at] == pytest.approx(entropy(one, base=2) if n > 1 else 0, abs=1e-9)


@settings(max_examples=12)
@given(sized)
def test_circuits_give_the_closed_forms(pair: tuple[Chain, Chain]) -> None:
    theory, n = check_chain(*pair), len(pair[0])
    inverse = inverse_circuit(*pair)
    inverse.remove_final_measurements()
    assert Statevector(inverse).probabilities()[0] == pytest.approx(theory.fidelity, abs=1e-12)
    for colour, detection in enumerate(theory.colours):
        circuit = colour_circuit(*pair, colour)
        circuit.remove_final_measurements()
        state, checked = Statevector(circuit), list(range(colour, n, 2))
        assert state.probabilities(checked)[0] == pytest.approx(1 - detection, abs=1e-12)
        ones = [state.probabilities([block])[1] for block in checked]
        assert ones == pytest.approx(theory.local[colour::2].tolist(), abs=1e-12)


def test_an_honest_chain_shows_nothing_in_any_check() -> None:
    for blocks in (1, 2, 5):
        chain = Chain.random(blocks, 3)
        check = run_chain_check(chain, chain, 200, 1)
        assert (check.zeros, check.silent) == (200, (200,) * min(blocks, 2))
        assert check.detected.tolist() == [0] * blocks
        assert (check.backend, check.shots, check.seed) == ("aer_simulator_statevector", 200, 1)


def test_one_forged_block_of_a_thousand_is_counted_and_placed() -> None:
    honest = Chain.random(1000, 4)
    h = honest.h.copy()
    h[500] = (int(h[500]) + H_LIMIT // 4) % H_LIMIT  # a quarter of a turn: sin^2(pi / 4)
    check = run_chain_check(Chain(h, honest.t_ms), honest, 50, 1)
    low, high = binomial_bounds(50, 0.5)
    assert check.backend == "aer_simulator_matrix_product_state"
    assert low <= 50 - check.zeros <= high
    assert np.flatnonzero(check.detected).tolist() == [500]
    assert low <= check.detected[500] <= high
    assert check.silent == (50 - check.detected[500], 50)


def test_a_noisy_backend_sees_an_honest_chain_as_noise_and_not_as_certain() -> None:
    check = run_chain_check(HONEST, HONEST, 500, 1, GenericBackendV2(5, seed=1))
    assert 250 < check.zeros < 500
    assert check.detected.sum() > 0


@pytest.mark.parametrize("attack", QBLOCK_ATTACKS, ids=lambda attack: attack.name)
def test_an_attack_is_detected_as_often_as_theory_says(attack: object) -> None:
    found = measure_forgery(attack, HONEST, 4000, 11)
    assert found.at == 2
    assert found.theory.first_wrong == 2
    assert found.theory.detection > 0.01
    for estimate in (found.inverse, *found.colours, found.local):
        low, high = binomial_bounds(4000, estimate.theory)
        assert low <= estimate.measured * 4000 <= high
        assert estimate.low <= estimate.measured <= estimate.high


@pytest.mark.parametrize("attack", QBLOCK_ATTACKS, ids=lambda attack: attack.name)
def test_random_attacks_are_detected_by_one_shot_as_often_as_on_average(attack: object) -> None:
    mean = measure_mean(attack, HONEST, 100, 5)
    wanted = {"block": 1 / 2, "link": 3 / 8, "tail": 7 / 8}[attack.name]
    assert mean.theory == pytest.approx(wanted, abs=1e-6)
    low, high = binomial_bounds(100, wanted)
    assert low <= mean.measured * 100 <= high


@settings(max_examples=30)
@given(st.floats(0.01, 1.5), st.integers(0, 3))
def test_a_given_angle_is_forged_as_given(delta: float, at: int) -> None:
    block, _ = forge(qblock_attack("block"), HONEST, 1, at, -delta)
    assert check_chain(block, HONEST).fidelity == pytest.approx(theta_fidelity(delta), abs=1e-12)
    link, _ = forge(qblock_attack("link"), HONEST, 1, at, delta)
    assert check_chain(link, HONEST).fidelity == pytest.approx(link_fidelity(delta), abs=1e-9)  # a ms is 7e-13 rad
    assert check_chain(link, HONEST).first_wrong == check_chain(block, HONEST).first_wrong == at


PATCHES = [
    (chain.blocks(), chain.blocks()) for chain in (Chain.random(n, seed) for seed, n in enumerate((1, 2, 3, 3, 3)))
]
PATCHES.append((PATCHES[3][0], PATCHES[4][0]))


def test_many_patches_in_one_job_count_what_each_counts_alone() -> None:
    together = run_local_checks(PATCHES, 300, 9)
    assert together == [
        run_local_check(*patch, 300, check.seed) for patch, check in zip(PATCHES, together, strict=True)
    ]
    assert together[0].seed == 9
    assert [check.zeros_newest for check in together[:5]] == [300] * 5
    assert together[5].zeros_newest < 300


SHORT = Chain.random(2, 1)
REFUSALS = {
    "no patches": (problems.BAD_PATCH, lambda: run_local_checks([], 10, 0)),
    "an empty patch among others": (problems.BAD_PATCH, lambda: run_local_checks([*PATCHES, ([], [])], 10, 0)),
    "no shots": (problems.BAD_SHOTS, lambda: run_chain_check(SHORT, SHORT, 0, 1)),
    "other lengths": (chain_problems.BAD_CHAIN, lambda: run_chain_check(SHORT, HONEST, 10, 1)),
    "too long": (
        chain_problems.CHAIN_TOO_LONG,
        lambda: run_chain_check(*[Chain.random(MAX_RUN_BLOCKS + 1, 1)] * 2, 10, 1),
    ),
    "attack unknown": (BAD_FORGERY, lambda: qblock_attack("genesis")),
    "block outside": (BAD_FORGERY, lambda: forge(QBLOCK_ATTACKS[0], HONEST, 1, 5)),
    "block negative": (BAD_FORGERY, lambda: forge(QBLOCK_ATTACKS[0], HONEST, 1, -1)),
    "no angle": (BAD_FORGERY, lambda: forge(QBLOCK_ATTACKS[0], HONEST, 1, 0, 0.0)),
    "a whole turn": (BAD_FORGERY, lambda: forge(QBLOCK_ATTACKS[0], HONEST, 1, 0, 7.0)),
    "angle not a number": (BAD_FORGERY, lambda: forge(QBLOCK_ATTACKS[0], HONEST, 1, 0, float("nan"))),
    "link of the newest": (BAD_FORGERY, lambda: forge(QBLOCK_ATTACKS[1], HONEST, 1, 4)),
    "link before Qblock 0": (BAD_FORGERY, lambda: forge(QBLOCK_ATTACKS[1], HONEST, 1, 0, -0.1)),
    "tail by an angle": (BAD_FORGERY, lambda: forge(QBLOCK_ATTACKS[2], HONEST, 1, 0, 0.1)),
    "no trials": (BAD_FORGERY, lambda: measure_mean(QBLOCK_ATTACKS[0], HONEST, 0, 1)),
}


@pytest.mark.parametrize(("problem", "call"), REFUSALS.values(), ids=REFUSALS.keys())
def test_what_cannot_be_run_is_refused_by_name(problem: object, call: object) -> None:
    with pytest.raises(QcotError) as refused:
        call()
    assert refused.value.problem is problem
    assert refused.value.reason

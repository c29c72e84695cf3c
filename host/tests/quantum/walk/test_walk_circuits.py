"""The walk as a circuit: the same distribution as the integers, on the simulator and in shots."""

from __future__ import annotations

import math

import numpy as np
import pytest
from qcot.errors import QcotError
from qcot.quantum.backends import named_backend
from qcot.quantum.walk import walk_hash
from qcot.quantum.walk.circuits import cycle_circuit, driven_by, step_circuit, walk_circuit
from qcot.quantum.walk.comparison import Comparison, compare, probabilities
from qcot.quantum.walk.definition import bits_of
from qiskit import QuantumCircuit
from qiskit_aer import AerSimulator
from scipy import stats
from walk_definition import assert_digest_near, coins_of, float_walk, text_of


def cells_of(circuit: QuantumCircuit, side: int) -> np.ndarray:
    """Exact cell probabilities of a walk circuit by Aer, (side, side); nothing may be off the torus."""
    circuit.remove_final_measurements()
    circuit.save_statevector()
    state = np.asarray(AerSimulator(method="statevector").run(circuit).result().get_statevector())
    positions = 1 << side.bit_length()
    cells = (abs(state.reshape(4, positions, positions)) ** 2).sum(axis=0)
    assert cells[:side, :side].sum() == pytest.approx(1, abs=1e-11)
    return cells[:side, :side]


def chance_of(compared: Comparison) -> float:
    """Chance of counts at least as far from the exact cells, by chi-square over cells with enough expected."""
    expected = compared.exact.ravel() * compared.shots
    likely = expected > 5
    statistic = ((compared.counts.ravel()[likely] - expected[likely]) ** 2 / expected[likely]).sum()
    return float(stats.chi2.sf(statistic, likely.sum() - 1))


@pytest.mark.parametrize("message", [b"", b"q", b"abc"])
def test_aer_circuit_gives_the_same_digest(message: bytes) -> None:
    circuit = walk_circuit(driven_by(bits_of(message)))
    assert circuit.num_qubits == 8
    assert_digest_near(cells_of(circuit, 7), walk_hash(message))


@pytest.mark.parametrize("side", [3, 5, 7])
def test_circuit_walks_on_any_odd_torus(side: int) -> None:
    coins = [0, 1, 3, 2, 1, 3, 3, 0]
    cells = cells_of(walk_circuit(np.array(coins, np.uint8), side), side)
    assert np.allclose(cells, float_walk(coins, side), atol=1e-12)


@pytest.mark.parametrize("side", [4, 2, 1, 0, -7, 17, 7.0])
def test_even_and_senseless_rings_are_refused(side: object) -> None:
    with pytest.raises(QcotError, match="cells a side") as refused:
        walk_circuit(np.zeros(1, np.uint8), side)
    assert refused.value.problem.name == "walk-ring"


@pytest.mark.parametrize("steps", [0, -1, 154, 1.5])
def test_steps_that_the_walk_has_not_are_refused(steps: object) -> None:
    with pytest.raises(QcotError, match="of 153") as refused:
        driven_by(bits_of(b"abc"), steps)
    assert refused.value.problem.name == "walk-steps"


def test_circuit_that_would_take_too_long_is_refused() -> None:
    with pytest.raises(QcotError, match="4,225 steps") as refused:
        compare(bits_of(bytes(512)), shots=10, seed=1)
    assert refused.value.problem.name == "walk-steps"


@pytest.mark.parametrize("shots", [1, 99])
def test_shots_that_say_nothing_are_refused(shots: int) -> None:
    with pytest.raises(QcotError, match="shots") as refused:
        compare(bits_of(b"abc"), shots=shots, seed=1)
    assert refused.value.problem.name == "walk-shots"


def test_one_step_is_a_toss_and_two_moves() -> None:
    labels = [gate.operation.label.strip() for gate in step_circuit(2).data]
    assert labels == ["W2", "+-1 mod 7", "+-1 mod 7"]


def test_exact_cells_are_those_of_the_float_walk_after_any_step() -> None:
    for steps in (1, 2, 9, 153):
        cells = probabilities(driven_by(bits_of(b"abc"), steps))
        assert np.allclose(cells, float_walk(coins_of(text_of(b"abc"))[:steps]), atol=1e-12)


def test_counts_of_the_ideal_simulator_are_those_of_the_exact_walk() -> None:
    compared = compare(bits_of(b"abc"), shots=20_000, seed=1)
    assert chance_of(compared) > 1e-6
    assert compared.fidelity.agrees
    assert compared.off_ring == 0
    assert compared.counts.sum() == compared.shots
    assert compared.distance < 2 * compared.expected_distance


def test_another_messages_walk_is_told_apart() -> None:
    exact = compare(bits_of(b"abc"), shots=20_000, seed=1)
    other = compare(bits_of(b"abd"), shots=20_000, seed=1)
    assert other.distance < other.expected_distance * 2 < abs(other.exact - exact.exact).sum() / 2


def test_a_noisy_machine_falls_short_of_the_exact_walk_and_says_so() -> None:
    compared = compare(bits_of(b"abc"), shots=500, seed=1, backend=named_backend("noisy"), steps=1)
    assert compared.off_ring > 0
    assert 0 < compared.fidelity.measured < 0.9
    assert not compared.fidelity.agrees


@pytest.mark.parametrize("steps", [1, 2, 3, 8])
def test_ring_of_four_moves_up_on_coin_0_and_down_on_coin_1(steps: int) -> None:
    circuit = cycle_circuit(steps)
    circuit.remove_final_measurements()
    circuit.save_statevector()
    state = np.asarray(AerSimulator(method="statevector").run(circuit).result().get_statevector())
    psi = np.zeros((2, 4))
    psi[0, 0] = 1
    for _ in range(steps):
        tossed = np.array([[1, 1], [1, -1]]) @ psi / math.sqrt(2)
        psi = np.stack([np.roll(tossed[0], 1), np.roll(tossed[1], -1)])
    assert np.allclose(state.reshape(2, 4), psi, atol=1e-12)

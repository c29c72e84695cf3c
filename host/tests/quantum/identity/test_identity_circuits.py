"""The circuits, against linear algebra and against a transpiler that would like to simplify them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qcot.quantum.backends import run_circuits
from qcot.quantum.identity.circuits import (
    BELL_STATES,
    PAULIS,
    bell_circuit,
    check_circuit,
    deal,
    measure_bell,
    measure_checks,
)
from qcot.quantum.identity.messages import BASES, Basis
from qcot.quantum.identity.paper import bell_state_circuit
from qiskit import QuantumCircuit
from qiskit.quantum_info import Statevector
from qiskit.transpiler import generate_preset_pass_manager

MATRICES = {"I": np.eye(2), "Z": np.diag([1, -1]), "X": np.array([[0, 1], [1, 0]])}
STATES = {  # amplitudes of |q1 q0>, QUMA eq. 12 to 15
    "Phi+": [1, 0, 0, 1],
    "Phi-": [1, 0, 0, -1],
    "Psi+": [0, 1, 1, 0],
    "Psi-": [0, 1, -1, 0],
}


def unmeasured(circuit: QuantumCircuit) -> QuantumCircuit:
    return circuit.remove_final_measurements(inplace=False)


@pytest.mark.parametrize("symbol", range(4))
def test_each_symbol_makes_its_bell_state_of_phi_plus(symbol: int) -> None:
    pauli = np.linalg.multi_dot([np.eye(2), *(MATRICES[letter] for letter in PAULIS[symbol])])
    expected = np.kron(pauli, np.eye(2)) @ np.array(STATES["Phi+"]) / np.sqrt(2)
    named = np.array(STATES[BELL_STATES[symbol]]) / np.sqrt(2)
    made = Statevector(unmeasured(bell_state_circuit(symbol, "Z"))).data
    assert abs(np.vdot(expected, made)) == pytest.approx(1)
    assert abs(np.vdot(named, made)) == pytest.approx(1)


@pytest.mark.parametrize("symbol", range(4))
def test_bell_measurement_reads_the_symbol_with_certainty(symbol: int) -> None:
    probabilities = Statevector(unmeasured(bell_circuit(symbol))).probabilities()
    assert probabilities[symbol] == pytest.approx(1)
    assert run_circuits([bell_circuit(symbol)], 50, 1).counts == ({f"{symbol:02b}": 50},)


@pytest.mark.parametrize("basis", BASES)
def test_checked_halves_are_equal_and_even(basis: Basis) -> None:
    assert Statevector(unmeasured(check_circuit(basis))).probabilities() == pytest.approx([0.5, 0, 0, 0.5])


@pytest.mark.parametrize("circuit", [check_circuit("X"), bell_circuit(0)])
def test_no_transpiler_takes_the_pair_away(circuit: QuantumCircuit) -> None:
    """It would cancel preparation and measurement, and the link would be free of noise because there is none."""
    manager = generate_preset_pass_manager(optimization_level=3, basis_gates=["cx", "rz", "sx", "x"], seed_transpiler=1)
    assert manager.run(circuit).count_ops()["cx"] == circuit.count_ops()["cx"]


@settings(max_examples=10)
@given(st.lists(st.integers(0, 3), min_size=1, max_size=40), st.integers(0, 2**62))
def test_each_pair_gets_its_own_symbol_back_in_order(symbols: list[int], seed: int) -> None:
    assert measure_bell(symbols, seed).values == tuple(symbols)


def test_a_seed_gives_the_same_checks_and_another_one_others() -> None:
    bases = list(BASES) * 30
    assert measure_checks(bases, 5) == measure_checks(bases, 5)
    assert measure_checks(bases, 5) != measure_checks(bases, 6)
    assert set(measure_checks(bases, 5).values) == {0b00, 0b11}


@settings(max_examples=25)
@given(
    st.dictionaries(st.text("01", min_size=4, max_size=4), st.integers(1, 20), min_size=1),
    st.integers(0, 2**32),
    st.data(),
)
def test_dealing_gives_what_was_counted_and_no_more(counts: dict[str, int], seed: int, data: st.DataObject) -> None:
    total = sum(counts.values())
    wanted = data.draw(st.integers(0, total))
    dealt = deal(counts, wanted, np.random.default_rng(seed))
    assert len(dealt) == wanted
    for pair in range(4):
        assert dealt.count(pair) <= sum(n for bits, n in counts.items() if int(bits[-2:], 2) == pair)

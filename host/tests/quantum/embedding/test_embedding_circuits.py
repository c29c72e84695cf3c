"""The circuits prepare exactly the states: against the vectors, Qiskit's own preparation, and counts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qcot.quantum.backends import run_circuits
from qcot.quantum.embedding import dataset, dataset_circuit, measure, measured, record_circuit
from qcot.quantum.statistics import binomial_bounds
from qiskit import QuantumCircuit
from qiskit.circuit.library import StatePreparation
from qiskit.quantum_info import Statevector


@given(st.text("01", min_size=1, max_size=10))
def test_a_record_is_measured_as_it_was_written(record: str) -> None:
    circuit = record_circuit(record)
    assert circuit.size() == record.count("1")
    assert Statevector(circuit).probabilities_dict(decimals=12) == {record: 1.0}


def test_the_papers_record_is_its_basis_state() -> None:
    assert Statevector(record_circuit("110111")).equiv(Statevector.from_label("110111"))


records = st.integers(1, 6).flatmap(
    lambda width: st.lists(st.text("01", min_size=width, max_size=width), min_size=1, max_size=24)
)


@settings(max_examples=60)
@given(records)
def test_the_circuit_prepares_the_data_set_and_not_only_its_probabilities(given_records: list[str]) -> None:
    data = dataset(given_records, count_duplicates=True)
    state = Statevector(dataset_circuit(data)).data
    assert np.allclose(state, data.vector(), atol=1e-9)


def test_it_is_the_state_that_qiskit_prepares() -> None:
    data = dataset(["01011", "11100", "00000", "10101", "11111"])
    theirs = QuantumCircuit(5)
    theirs.append(StatePreparation(data.vector()), range(5))
    assert Statevector(dataset_circuit(data)).inner(Statevector(theirs)) == pytest.approx(1)


def test_the_whole_basis_is_prepared_without_a_cnot() -> None:
    circuit = dataset_circuit(dataset([f"{index:02b}" for index in range(4)]))
    assert np.allclose(Statevector(circuit).data, 0.5)


def test_gates_grow_with_bits_times_records_and_not_with_two_to_the_bits() -> None:
    circuit = dataset_circuit(dataset([f"{pow(3, 5 + each, 2**61 - 1):061b}" for each in range(16)]))
    assert circuit.size() < 61 * 16


def test_records_wider_than_a_state_vector_are_prepared_and_no_other_is_ever_measured() -> None:
    data = dataset([bytes([each]) * 4 for each in (0, 15, 85, 255)])
    result = run_circuits([measured(dataset_circuit(data))], 400, 1)
    assert result.backend == "aer_simulator_matrix_product_state"
    assert set(result.counts[0]) == set(data.records)


def test_records_are_measured_as_often_as_theory_says() -> None:
    shots = 20_000
    found = measure(dataset(["00", "01", "01", "11"], count_duplicates=True), shots, 3)
    assert found.strangers == 0
    assert (found.run.shots, found.run.seed) == (shots, 3)
    for each, chance in zip(found.records, (0.25, 0.5, 0.25), strict=True):
        low, high = binomial_bounds(shots, chance)
        assert low <= each.measured * shots <= high
        assert each.theory == chance
        assert each.agrees

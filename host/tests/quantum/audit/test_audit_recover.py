"""Times recovered from phases: exactly, with fewer bits as often as theory says, and not those of a forger."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qcot.errors import QcotError
from qcot.quantum import problems as quantum_problems
from qcot.quantum.audit import (
    LINK_BITS,
    Phase,
    audit_qblock,
    figure_13,
    iterative_circuit,
    problems,
    recover_time,
    success_against_bits,
    textbook_circuit,
    third_of_a_turn,
    worst_phase,
)
from qcot.quantum.backends import named_backend
from qcot.quantum.qblock import QblockPhases
from qcot.quantum.statistics import Estimate, binomial_bounds
from qiskit import QuantumCircuit
from qiskit.quantum_info import Operator, Statevector

SHOTS = 1_500


def within(estimate: Estimate) -> bool:
    """Whether the count could be chance, in one run of a million."""
    assert estimate.theory is not None
    low, high = binomial_bounds(estimate.samples, estimate.theory)
    return low <= round(estimate.measured * estimate.samples) <= high


@pytest.mark.parametrize("t", [0, 0x2AAAAAAAAAA, (1 << 42) - 1])
def test_every_bit_of_a_time_is_recovered_in_every_shot(t: int) -> None:
    found = recover_time(t, shots=4, seed=3)
    assert (found.recovered, found.found, found.bits, found.resolution) == (t, {t: 4}, 42, 1)
    assert found.agrees
    assert found.applications == 2**42 - 1
    assert (found.run.shots, found.run.seed, found.run.backend) == (4, 3, "aer_simulator_statevector")


@pytest.mark.parametrize("t", [0, 987_654_321])
def test_a_qblocks_time_is_recovered_from_the_phase_of_its_link(t: int) -> None:
    found = audit_qblock(QblockPhases(5, t), shots=4)
    assert (found.recovered, found.found, found.bits) == (t, {t: 4}, LINK_BITS)
    assert found.agrees


def test_a_time_on_record_that_the_phase_does_not_have_differs() -> None:
    forged = audit_qblock(QblockPhases(5, 1_000), 1_001, shots=2)
    assert (forged.recorded, forged.recovered, forged.agrees) == (1_001, 1_000, False)
    for recorded, agrees in ((1_000, True), (999, False), (1_000 + (1 << 41), False)):
        assert dataclasses.replace(forged, recorded=recorded).agrees is agrees
    assert not recover_time(1_000, 999, shots=2).agrees


@settings(max_examples=8)
@given(st.integers(1, 10).flatmap(lambda a: st.tuples(st.just(a), st.integers(0, (1 << a) - 1))), st.integers(0, 3))
def test_estimates_with_all_bits_or_more_are_exact(fraction: tuple[int, int], more: int) -> None:
    phase = Phase(fraction[1], fraction[0])
    bits = phase.bits + more
    (row,) = success_against_bits(phase, [bits], 16).rows
    assert row.nearest.measured == 1.0


@pytest.mark.parametrize("phase", [third_of_a_turn(), worst_phase])
def test_success_against_bits_is_that_of_theory(phase: object) -> None:
    found = success_against_bits(phase, range(1, 7), SHOTS, 5)  # type: ignore[arg-type]
    assert [row.bits for row in found.rows] == list(range(1, 7))
    for row in found.rows:
        assert within(row.nearest)
        assert within(row.two_nearest)
        assert row.two_nearest.theory is not None
        assert row.two_nearest.theory >= 0.81


def test_figure_13_and_the_circuit_of_one_ancilla_have_the_distribution_of_theory() -> None:
    found = figure_13(Phase(5, 5), 4, SHOTS, 7)
    assert len(found.textbook) == len(found.iterative) == 16
    assert [each.name for each in found.textbook] == [f"{outcome:04b}" for outcome in range(16)]
    assert all(within(each) for each in (*found.textbook, *found.iterative))
    # Halfway between 2 and 3: neither is certain.
    assert found.textbook[2].theory == pytest.approx(found.textbook[3].theory)


def test_the_figures_circuit_gives_the_closed_form_exactly() -> None:
    circuit = textbook_circuit(Phase(11, 6), 3)
    circuit.remove_final_measurements()
    chances = Statevector(circuit).probabilities([0, 1, 2])
    turns = 11 / 64 - np.arange(8) / 8
    assert chances == pytest.approx((np.sin(8 * np.pi * turns) / (8 * np.sin(np.pi * turns))) ** 2)


def test_the_ancilla_controls_powers_of_the_link_gate() -> None:
    """The gate is the CP of the link, controlled; |11> is its eigenstate with the phase that is estimated."""
    phase = Phase(3, 5)
    link = QuantumCircuit(2)
    link.cp(phase.radians, 0, 1)
    assert Operator(link).data[3, 3] == pytest.approx(complex(math.cos(phase.radians), math.sin(phase.radians)))
    for power in range(4):
        controlled = QuantumCircuit(3)
        controlled.append(link.power(1 << power).to_gate().control(1), [0, 1, 2])
        ours = QuantumCircuit(3)
        ours.mcp(phase.times(power).radians, [0, 1], 2)
        assert Operator(ours).equiv(Operator(controlled))


def test_one_ancilla_is_enough_and_every_bit_waits_for_those_below() -> None:
    circuit = iterative_circuit(Phase(3, 4), 4)
    assert (circuit.num_qubits, circuit.num_clbits) == (3, 4)
    operations = circuit.count_ops()
    assert (operations["measure"], operations["reset"], operations["if_else"]) == (4, 3, 6)


def test_fewer_bits_give_the_time_to_their_step() -> None:
    found = audit_qblock(QblockPhases(5, 987_654_321), bits=20, shots=200)
    assert found.resolution == 1 << 23
    assert found.recovered is not None
    assert abs(found.recovered - 987_654_321) < found.resolution
    assert found.agrees
    assert sum(found.found.values()) == 200


def test_an_estimate_rounded_over_a_whole_turn_agrees() -> None:
    found = recover_time((1 << 42) - 1, bits=6, shots=50)
    assert found.recovered == 0
    assert found.agrees


def test_a_noisy_machine_says_so_and_spreads() -> None:
    found = recover_time(5 << 38, bits=4, shots=400, seed=1, backend=named_backend("noisy"))
    assert found.run.backend == "aer_simulator_from(generic_backend_3q)"
    assert found.recovered == 5 << 38
    assert 200 < found.found[5 << 38] < 400


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ({"t_ms": 1 << 42}, problems.BAD_PHASE),
        ({"t_ms": -1}, problems.BAD_PHASE),
        ({"t_ms": 5, "bits": 0}, problems.BAD_BITS),
        ({"t_ms": 5, "bits": 65}, problems.BAD_BITS),
        ({"t_ms": 5, "shots": 0}, quantum_problems.BAD_SHOTS),
        ({"t_ms": 5, "seed": -1}, quantum_problems.BAD_SEED),
    ],
)
def test_what_cannot_be_audited_is_refused_by_name(words: dict[str, int], problem: object) -> None:
    with pytest.raises(QcotError) as refused:
        recover_time(**words)  # type: ignore[arg-type]
    assert refused.value.problem is problem

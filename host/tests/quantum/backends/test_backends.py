"""The place that runs circuits: what it records, and that nothing which failed is ever counted."""

from __future__ import annotations

from typing import Any

import pytest
from qcot.errors import Problem, QcotError
from qcot.quantum import problems
from qcot.quantum.backends import MAX_SEED, ideal_backend, run_circuits
from qcot.quantum.backends.problems import BACKEND_GONE, BACKEND_TOO_SMALL
from qcot.quantum.problems import RUN_FAILED
from qcot.quantum.qblock import QblockPhases, run_local_check
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit.library import QFTGate, StatePreparation
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit_aer import AerSimulator

PATCH = [QblockPhases(1 << 50, 0), QblockPhases(3 << 50, 5_000), QblockPhases(5 << 50, 9_000)]


def chain(width: int, measured: bool = True) -> QuantumCircuit:
    """All qubits the same: half of the shots all zeros, half all ones."""
    circuit = QuantumCircuit(width, width)
    circuit.h(0)
    for qubit in range(width - 1):
        circuit.cx(qubit, qubit + 1)
    if measured:
        circuit.measure(range(width), range(width))
    return circuit


def test_result_carries_backend_shots_seed_and_all_counts() -> None:
    result = run_circuits([chain(2), chain(3)], 1_000, 5)
    assert (result.backend, result.shots, result.seed) == ("aer_simulator_statevector", 1_000, 5)
    assert [set(seen) for seen in result.counts] == [{"00", "11"}, {"000", "111"}]
    assert [sum(seen.values()) for seen in result.counts] == [1_000, 1_000]


@pytest.mark.parametrize("seed", [0, 1, MAX_SEED])
def test_seed_decides_the_counts(seed: int) -> None:
    once, again = (run_circuits([chain(8)], 500, seed).counts for _ in range(2))
    assert once == again


def test_seeds_differ() -> None:
    assert len({run_circuits([chain(2)], 10_000, seed).counts[0]["00"] for seed in range(5)}) > 1


def test_simulator_is_made_once() -> None:
    assert ideal_backend(3) is ideal_backend(1)


@pytest.mark.parametrize(("angle", "method"), [(None, "stabilizer"), (0.1, "matrix_product_state")])
def test_wide_circuit_runs_in_the_method_that_fits_its_gates(angle: float | None, method: str) -> None:
    circuit = QuantumCircuit(40, 40)
    if angle:
        circuit.p(angle, 0)
    result = run_circuits([circuit.compose(chain(40))], 200, 1)
    assert result.backend == f"aer_simulator_{method}"
    assert set(result.counts[0]) == {"0" * 40, "1" * 40}


def test_any_backend_runs_the_local_check_in_its_own_gates() -> None:
    backend = GenericBackendV2(5, seed=1)
    check = run_local_check(PATCH, PATCH, 2_000, 3, backend)
    assert check.backend == backend.name
    assert check.zeros_middle is not None
    # It simulates noise of a few per cent: near certainty, and not there.
    assert 1_600 < check.zeros_newest < 2_000
    assert 1_600 < check.zeros_middle < 2_000
    assert check == run_local_check(PATCH, PATCH, 2_000, 3, backend)


class Vanishing(AerSimulator):
    """A backend that goes away when it is asked to run."""

    def run(self, *_: Any, **__: Any) -> Any:
        raise ConnectionError("gone")


class Short(AerSimulator):
    """A backend that stops one shot early and says nothing."""

    def run(self, circuits: Any, shots: int, **options: Any) -> Any:
        return super().run(circuits, shots=shots - 1, **options)


FAILURES = {
    "too little memory": (RUN_FAILED, lambda: AerSimulator(method="statevector", max_memory_mb=1), chain(22), "memory"),
    "too few qubits": (
        BACKEND_TOO_SMALL,
        lambda: GenericBackendV2(2, seed=1),
        chain(3),
        "generic_backend_2q has 2 qubits",
    ),
    "gone": (BACKEND_GONE, Vanishing, chain(2), "gone"),
    "a shot short": (RUN_FAILED, Short, chain(2), "99 counts of 100 shots"),
    "nothing measured": (RUN_FAILED, AerSimulator, chain(2, measured=False), ""),
}


@pytest.mark.parametrize(("problem", "make", "circuit", "why"), FAILURES.values(), ids=FAILURES.keys())
def test_run_that_failed_is_an_error_and_never_a_count(
    problem: Problem, make: Any, circuit: QuantumCircuit, why: str
) -> None:
    with pytest.raises(QcotError) as failed:
        run_circuits([circuit], 100, 0, make())
    assert failed.value.problem is problem
    assert why in failed.value.reason
    assert len(failed.value.reason) > 10


def test_one_failed_circuit_fails_the_whole_run() -> None:
    with pytest.raises(QcotError) as failed:
        run_circuits([chain(2), chain(22)], 100, 0, AerSimulator(method="statevector", max_memory_mb=1))
    assert failed.value.problem is problems.RUN_FAILED


class Leaving(AerSimulator):
    """A machine that takes two circuits a job, and is gone while the second job runs."""

    def __init__(self) -> None:
        super().__init__()
        self.jobs = 0

    @property
    def max_circuits(self) -> int:
        return 2

    def run(self, circuits: Any, **options: Any) -> Any:
        self.jobs += 1
        job = super().run(circuits, **options)
        if self.jobs == 2:
            job.result = self.leave
        return job

    @staticmethod
    def leave() -> Any:
        raise TimeoutError("no answer from the control room")


def test_backend_that_goes_away_in_mid_run_is_an_error_by_name_and_keeps_no_count() -> None:
    with pytest.raises(QcotError) as failed:
        run_circuits([chain(2)] * 5, 100, 0, Leaving())
    assert failed.value.problem is BACKEND_GONE
    assert failed.value.reason == "aer_simulator: no answer from the control room, after 2 of 5 circuits"


class Few(AerSimulator):
    """Takes three circuits a job."""

    @property
    def max_circuits(self) -> int:
        return 3


def test_run_in_several_jobs_counts_what_one_job_would() -> None:
    circuits = [chain(width) for width in (2, 3, 2, 2, 4, 2, 2)]
    assert run_circuits(circuits, 300, 9, Few()).counts == run_circuits(circuits, 300, 9, AerSimulator()).counts


def test_circuits_of_a_run_draw_independently() -> None:
    assert len({tuple(seen.items()) for seen in run_circuits([chain(2)] * 20, 10_000, 1).counts}) > 10


def test_result_says_how_long_it_took_and_equality_does_not_ask() -> None:
    once, again = (run_circuits([chain(2)], 10, 1) for _ in range(2))
    assert once.seconds > 0
    assert once == again


@pytest.mark.parametrize("width", [2, 40])
@pytest.mark.parametrize("angle", [0.0, 0.7])
def test_measurement_feedback_and_reset_run_in_every_method(width: int, angle: float) -> None:
    last = width - 1
    circuit = QuantumCircuit(QuantumRegister(width), ClassicalRegister(1, "first"), ClassicalRegister(2, "second"))
    if angle:
        circuit.p(angle, 0)
    circuit.x(0)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(last)
    circuit.reset(0)
    circuit.measure([0, last], [1, 2])
    # The last register is leftmost, and no space stands between them.
    assert run_circuits([circuit], 20, 1).counts == ({"101": 20},)


def test_gates_made_of_others_run_on_the_ideal_simulator_at_any_width() -> None:
    prepared = QuantumCircuit(2, 2)
    prepared.append(StatePreparation([0, 0, 0, 1]), [0, 1])
    prepared.measure([0, 1], [0, 1])
    wide = QuantumCircuit(40, 2)
    wide.compose(prepared, [0, 39], [0, 1], inplace=True)
    wide.append(QFTGate(3), [4, 5, 6])
    for circuit in (prepared, wide):
        assert run_circuits([circuit], 50, 1).counts == ({"11": 50},)


def test_simulator_of_somebody_runs_more_qubits_than_its_memory_says() -> None:
    result = run_circuits([chain(40)], 100, 1, AerSimulator(method="matrix_product_state"))
    assert set(result.counts[0]) == {"0" * 40, "1" * 40}


REFUSALS = {
    "no shots": (problems.BAD_SHOTS, 0, 0),
    "too many shots": (problems.BAD_SHOTS, 1_000_001, 0),
    "shots not whole": (problems.BAD_SHOTS, 10.0, 0),
    "shots a truth value": (problems.BAD_SHOTS, True, 0),
    "seed negative": (problems.BAD_SEED, 10, -1),
    "seed of 64 bits": (problems.BAD_SEED, 10, 1 << 63),
    "no seed": (problems.BAD_SEED, 10, None),
}


@pytest.mark.parametrize(("problem", "shots", "seed"), REFUSALS.values(), ids=REFUSALS.keys())
def test_bad_shots_and_seeds_are_refused_by_name(problem: object, shots: Any, seed: Any) -> None:
    with pytest.raises(QcotError) as refused:
        run_circuits([chain(2)], shots, seed)
    assert refused.value.problem is problem


def test_no_circuits_are_refused() -> None:
    with pytest.raises(QcotError) as refused:
        run_circuits([], 10, 0)
    assert refused.value.problem is problems.RUN_FAILED

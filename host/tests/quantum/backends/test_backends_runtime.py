"""IBM's sampler in its local testing mode: the real SamplerV2, a fake machine behind it, and no network."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, ClassVar

import pytest
from qcot.errors import QcotError
from qcot.quantum.backends import Runtime, named_backend, run_circuits
from qcot.quantum.backends.problems import BACKEND_TOO_SMALL, IBM_MISSING, IBM_NO_TOKEN, IBM_REFUSED
from qcot.quantum.problems import RUN_FAILED
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit import Clbit, Qubit
from qiskit_aer import AerSimulator
from qiskit_ibm_runtime.fake_provider import FakeManilaV2

NOWHERE = "http://127.0.0.1:9"  # the discard port: nobody listens


@pytest.fixture(autouse=True)
def no_account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whoever runs the tests: no token, no saved account, and every way out of this machine leads nowhere."""
    for name in ("TOKEN", "CHANNEL", "INSTANCE"):
        monkeypatch.delenv(f"QISKIT_IBM_{name}", raising=False)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, NOWHERE)
        monkeypatch.setenv(name.lower(), NOWHERE)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(
        "qiskit_ibm_runtime.accounts.management._DEFAULT_ACCOUNT_CONFIG_JSON_FILE", str(tmp_path / "none.json")
    )


def dynamic() -> QuantumCircuit:
    """Measures, feeds forward, resets; two registers, so that their order in the counts shows."""
    qubits, first, second = QuantumRegister(2), ClassicalRegister(1, "first"), ClassicalRegister(2, "second")
    circuit = QuantumCircuit(qubits, first, second)
    circuit.x(0)
    circuit.measure(0, first[0])
    circuit.reset(0)
    with circuit.if_test((first[0], 1)):
        circuit.x(1)
    circuit.measure(qubits, second)
    return circuit


def bell() -> QuantumCircuit:
    circuit = QuantumCircuit(2, 2)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure([0, 1], [0, 1])
    return circuit


def test_the_sampler_gives_the_same_mapping_as_a_simulator() -> None:
    circuits = [bell(), dynamic()]
    sampled = run_circuits(circuits, 500, 3, Runtime(AerSimulator()))
    ideal = run_circuits(circuits, 500, 3)
    assert [set(seen) for seen in sampled.counts] == [set(seen) for seen in ideal.counts] == [{"00", "11"}, {"101"}]
    assert (sampled.backend, sampled.shots, sampled.seed) == ("aer_simulator", 500, 3)
    assert sampled.seconds > 0


def test_the_sampler_that_takes_its_place_does_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("qiskit_ibm_runtime.SamplerV2")
    result = run_circuits([bell(), dynamic()], 500, 3, Runtime(FakeManilaV2()))
    assert result.counts[0]["00"] + result.counts[0]["11"] > 400
    assert result.counts[1]["101"] > 350


def test_circuits_are_brought_to_the_machine_and_its_results_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QISKIT_IBM_CHANNEL", "local")
    backend = named_backend("ibm:fake_manila")
    assert isinstance(backend, Runtime)
    # H, CX and a coupling of ends are none of the machine's own: as they are, the sampler would refuse them.
    far = QuantumCircuit(5, 2)
    far.h(0)
    far.cx(0, 4)
    far.measure([0, 4], [0, 1])
    once, again = (run_circuits([far, bell()], 1_000, 5, backend) for _ in range(2))
    assert once.backend == "fake_manila"
    assert once == again
    for seen in once.counts:
        assert sum(seen.values()) == 1_000
        assert seen["00"] + seen["11"] > 800


class Picky(FakeManilaV2):
    """Takes two circuits a job, and says how many it was sent."""

    jobs: ClassVar[list[int]] = []  # of the class: the local sampler copies its machine

    @property
    def max_circuits(self) -> int:
        return 2

    def run(self, circuits: Any, **options: Any) -> Any:
        self.jobs.append(len(circuits))
        return super().run(circuits, **options)


def test_many_circuits_go_in_as_many_jobs_as_the_machine_asks_for() -> None:
    Picky.jobs.clear()
    result = run_circuits([bell()] * 5, 100, 1, Runtime(Picky()))
    assert Picky.jobs == [2, 2, 1]
    assert [sum(seen.values()) for seen in result.counts] == [100] * 5


class Refusing(FakeManilaV2):
    """Takes the job and fails it."""

    def run(self, *_: Any, **__: Any) -> Any:
        raise RuntimeError("calibration in progress")


def loose() -> QuantumCircuit:
    """Measured into a bit of no register, which SamplerV2 would leave out of its result."""
    circuit = QuantumCircuit([Qubit()], [Clbit()])
    circuit.measure(0, 0)
    return circuit


@pytest.mark.parametrize(
    ("machine", "circuit", "problem", "why"),
    [
        (FakeManilaV2, loose(), RUN_FAILED, "bits outside them"),
        (Refusing, bell(), RUN_FAILED, "calibration in progress"),
        (FakeManilaV2, QuantumCircuit(6, 1), BACKEND_TOO_SMALL, "fake_manila has 5 qubits, a circuit needs 6"),
    ],
)
def test_a_machine_that_cannot_is_an_error_and_never_a_count(
    machine: Any, circuit: QuantumCircuit, problem: object, why: str
) -> None:
    with pytest.raises(QcotError) as failed:
        run_circuits([circuit], 100, 1, Runtime(machine()))
    assert failed.value.problem is problem
    assert why in failed.value.reason


def test_nothing_is_sent_without_a_token() -> None:
    with pytest.raises(QcotError) as refused:
        named_backend("ibm:ibm_torino")
    assert refused.value.problem is IBM_NO_TOKEN
    assert "QISKIT_IBM_TOKEN" in refused.value.reason


def test_an_account_that_does_not_open_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QISKIT_IBM_TOKEN", "none-of-anybodys")
    with pytest.raises(QcotError) as refused:
        named_backend("ibm:ibm_torino")
    assert refused.value.problem is IBM_REFUSED
    assert "ibm:ibm_torino" in refused.value.reason
    assert "none-of-anybodys" not in str(refused.value)


def test_a_broken_account_file_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "none.json").write_text("{")
    with pytest.raises(QcotError) as refused:
        named_backend("ibm:ibm_torino")
    assert refused.value.problem is IBM_REFUSED


def test_a_machine_that_there_is_not_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QISKIT_IBM_CHANNEL", "local")
    with pytest.raises(QcotError) as refused:
        named_backend("ibm:fake_atlantis")
    assert refused.value.problem is IBM_REFUSED
    assert "ibm:fake_atlantis" in refused.value.reason


def test_the_extra_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "qiskit_ibm_runtime", None)
    with pytest.raises(QcotError) as refused:
        named_backend("ibm:ibm_torino")
    assert refused.value.problem is IBM_MISSING
    assert "qcot[ibm]" in refused.value.problem.remedy

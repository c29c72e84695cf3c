"""From the text of --backend to a backend, and what is none."""

from __future__ import annotations

from pathlib import Path

import pytest
from qcot.errors import QcotError
from qcot.quantum.backends import named_backend, run_circuits
from qcot.quantum.backends.problems import BACKEND_UNKNOWN
from qiskit import QuantumCircuit

MODULE = """
from qiskit_aer import AerSimulator
class Shelf:
    made = AerSimulator(method="density_matrix")
def make():
    return AerSimulator(method="stabilizer")
def breaks():
    raise RuntimeError("no lab today")
number = 3
def gives_number():
    return number
"""


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "somebodys_lab.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    return "somebodys_lab"


def test_ideal_is_the_backend_that_none_was_asked_for() -> None:
    assert named_backend("ideal") is None


@pytest.mark.parametrize(
    ("attribute", "name"), [("Shelf.made", "aer_simulator_density_matrix"), ("make", "aer_simulator_stabilizer")]
)
def test_a_backend_of_anybodys_module_runs(lab: str, attribute: str, name: str) -> None:
    circuit = QuantumCircuit(1, 1)
    circuit.x(0)
    circuit.measure(0, 0)
    result = run_circuits([circuit], 50, 1, named_backend(f"{lab}:{attribute}"))
    assert (result.backend, result.counts) == (name, ({"1": 50},))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "''"),
        ("perfect", "'perfect'"),
        ("noisy:", "'noisy:'"),
        ("ibm:", "'ibm:'"),
        ("no_such_module_here:make", "no_such_module_here"),
        ("somebodys_lab:missing", "missing"),
        ("somebodys_lab:breaks", "no lab today"),
        ("somebodys_lab:number", "int"),
        ("somebodys_lab:gives_number", "int"),
        (":make", "make"),
        ("os.path:join", "TypeError"),
    ],
)
def test_what_is_no_backend_is_refused_by_name(lab: str, text: str, why: str) -> None:
    with pytest.raises(QcotError) as refused:
        named_backend(text)
    assert refused.value.problem is BACKEND_UNKNOWN
    assert why in refused.value.reason

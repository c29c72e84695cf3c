"""Random bits as a circuit gives them: H on every qubit, measured; and the one place that takes them in order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from qcot.quantum.backends import Backend, RunResult, load_qiskit, run_circuits
from qcot.quantum.entropy.health import Bits

if TYPE_CHECKING:
    from qiskit import QuantumCircuit


def coins(lanes: int) -> QuantumCircuit:
    """``lanes`` qubits, each (|0> + |1>)/sqrt(2) when it is measured."""
    load_qiskit()
    from qiskit import QuantumCircuit

    circuit = QuantumCircuit(lanes, lanes)
    circuit.h(range(lanes))
    circuit.measure(range(lanes), range(lanes))
    return circuit


def toss(lanes: int, samples: int, seed: int, backend: Backend | None) -> tuple[Bits, RunResult]:
    """``samples`` rows of one bit a qubit, in the order in which they were measured.

    Counts forget the order, and with it what the health tests look for.
    """
    result = run_circuits([coins(lanes)], samples, seed, backend, memory=True)
    rows = "".join(result.memory[0])
    bits: Bits = np.frombuffer(rows.encode(), np.uint8).reshape(samples, lanes)[:, ::-1] - np.uint8(ord("0"))
    return bits, result

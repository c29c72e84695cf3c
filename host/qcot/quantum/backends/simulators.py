"""The ideal simulator, in the method that fits a circuit's width and kind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING

from qcot.quantum.backends.loading import load_qiskit

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.providers import BackendV2

STATEVECTOR_WIDTH = 20
"""Widest circuit run as a state vector (16 MiB); wider ones run as stabilizers or matrix product states.

Aer's automatic method runs out of memory on wide circuits without saying so.
"""
NOT_OPERATIONS = frozenset({"barrier"})


def ideal_backend(width: int = 1, clifford: bool = False) -> BackendV2:
    """The noise-free Aer simulator that fits circuits of ``width`` qubits, made once.

    ``clifford``: every gate is one that the stabilizer method knows. Its time grows with the cube of the width whatever
    is entangled with what; a matrix product state is faster on chains past 200 qubits, and exponential on others.
    """
    if width <= STATEVECTOR_WIDTH:
        return _aer("statevector")
    return _aer("stabilizer" if clifford else "matrix_product_state")


def ideal_for(circuits: Sequence[QuantumCircuit]) -> BackendV2:
    """The ideal simulator that fits all of ``circuits``."""
    width = max(circuit.num_qubits for circuit in circuits)
    clifford = width > STATEVECTOR_WIDTH and all(runs_as_is(circuit, _aer("stabilizer")) for circuit in circuits)
    return ideal_backend(width, clifford)


def runs_as_is(circuit: QuantumCircuit, device: BackendV2) -> bool:
    """Whether ``device`` knows every operation of the circuit, branches and loops included."""
    return _operations(circuit) <= _known(device)


@cache
def _known(device: BackendV2) -> frozenset[str]:
    """The device's operations. Aer builds its whole target anew whenever it is asked, which takes about 1 ms."""
    return NOT_OPERATIONS.union(device.operation_names)


def _operations(circuit: QuantumCircuit) -> set[str]:
    return set(_walk(circuit))


def _walk(circuit: QuantumCircuit) -> Iterator[str]:
    for instruction in circuit.data:
        yield instruction.operation.name
        for block in getattr(instruction.operation, "blocks", ()):
            yield from _walk(block)


@cache
def _aer(method: str) -> BackendV2:
    load_qiskit()
    from qiskit_aer import AerSimulator

    # One thread: these circuits are far smaller than what a second one costs to start.
    return AerSimulator(method=method, max_parallel_threads=1)

"""Circuits that estimate the phase of U = CP(phi) on its eigenstate |11>: with one ancilla, and as QUMA Fig. 13 has it.

The ancilla controls U^(2^k). A program that knows phi multiplies the angle; whoever has only a U must apply it 2^k
times (docs/quantum/audit.md).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from qcot.quantum.audit.theory import MAX_OUTCOME_BITS, Phase, require_bits
from qcot.quantum.backends import load_qiskit

if TYPE_CHECKING:
    from qiskit import QuantumCircuit


def iterative_circuit(phase: Phase, bits: int) -> QuantumCircuit:
    """One ancilla (qubit 0) finds the estimate's bits one by one, the last one first, into classical bits 0 and up.

    Each round takes the bits that are known off the phase by ``if_test``, measures the next one and resets.
    """
    require_bits(bits)
    load_qiskit()
    from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister

    ancilla, link, estimate = QuantumRegister(1, "ancilla"), QuantumRegister(2, "link"), ClassicalRegister(bits, "t")
    circuit = QuantumCircuit(ancilla, link, estimate)
    circuit.x(link)
    for found in range(bits):
        if found:
            circuit.reset(ancilla)
        circuit.h(ancilla)
        circuit.mcp(phase.times(bits - 1 - found).radians, [ancilla[0], link[0]], link[1])
        for earlier in range(found):
            known = QuantumCircuit(list(ancilla), [estimate[earlier]])  # `with` takes twice as long, 861 times
            known.p(-math.pi / (1 << (found - earlier)), ancilla)
            circuit.if_test((estimate[earlier], 1), known, known.qubits, known.clbits)
        circuit.h(ancilla)
        circuit.measure(ancilla, estimate[found])
    return circuit


def textbook_circuit(phase: Phase, bits: int) -> QuantumCircuit:
    """QUMA Fig. 13: an ancilla a bit, controlled powers of U, the inverse Fourier transform, and all are measured."""
    require_bits(bits, MAX_OUTCOME_BITS)
    load_qiskit()
    from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister

    ancillas, link = QuantumRegister(bits, "ancilla"), QuantumRegister(2, "link")
    circuit = QuantumCircuit(ancillas, link, ClassicalRegister(bits, "t"))
    circuit.x(link)
    circuit.h(ancillas)
    for power, ancilla in enumerate(ancillas):
        circuit.mcp(phase.times(power).radians, [ancilla, link[0]], link[1])
    for low in range(bits // 2):
        circuit.swap(ancillas[low], ancillas[bits - 1 - low])
    for target in range(bits):
        for control in range(target):
            circuit.cp(-math.pi / (1 << (target - control)), ancillas[control], ancillas[target])
        circuit.h(ancillas[target])
    circuit.measure(ancillas, range(bits))
    return circuit

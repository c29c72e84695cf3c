"""Circuits that prepare basis states and superpositions of a few of them.

The first bit of a record is on the highest qubit, so that a measured bit string reads as the record does.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from qcot.quantum.backends import load_qiskit
from qcot.quantum.embedding.dataset import DataSet, bits_of

if TYPE_CHECKING:
    from qiskit import QuantumCircuit


def record_circuit(record: str | bytes) -> QuantumCircuit:
    """Prepare |record> from |0...0>: an X on the qubit of each 1."""
    load_qiskit()
    from qiskit import QuantumCircuit

    bits = bits_of(record)
    circuit = QuantumCircuit(len(bits))
    for qubit, bit in enumerate(reversed(bits)):
        if bit == "1":
            circuit.x(qubit)
    return circuit


def dataset_circuit(data: DataSet) -> QuantumCircuit:
    """Prepare the data set's superposition from |0...0>, with gates in proportion to bits times records.

    Built backwards, as N. Gleinig and T. Hoefler (DAC 2021) do: while two records are left, CNOTs make a chosen pair
    differ in one qubit only, and a rotation of that qubit, controlled on the few that tell the pair from all others,
    turns both into one. What remains is one basis state. A general state preparation would take 2^bits gates.
    """
    load_qiskit()
    from qiskit import QuantumCircuit

    undo = QuantumCircuit(data.width)
    left = {int(record, 2): amplitude for record, amplitude in data.amplitudes.items()}
    while len(left) > 1:
        left = _merge(undo, left)
    (last,) = left
    for qubit in _ones(last):
        undo.x(qubit)
    return undo.inverse()


def measured(circuit: QuantumCircuit) -> QuantumCircuit:
    """The same, every qubit measured into the classical bit of its number."""
    whole = circuit.copy()
    whole.measure_all()
    return whole


def _merge(circuit: QuantumCircuit, left: dict[int, float]) -> dict[int, float]:
    """Append gates that turn two of the basis states in ``left`` into one; gives the state that is left after them."""
    width = circuit.num_qubits
    one, tells = _singled_out(list(left), {}, width)
    *_, target = tells
    others = {qubit: bit for qubit, bit in tells.items() if qubit != target}
    alike = [x for x in left if x != one and all(x >> qubit & 1 == bit for qubit, bit in others.items())]
    two, tells_two = _singled_out(alike, others, width)
    controls = [qubit for qubit in tells_two if qubit != target]

    flips = 0
    if not one >> target & 1:
        circuit.x(target)
        flips = 1 << target
    differ = (one ^ two) & ~(1 << target)
    for qubit in _ones(differ):
        circuit.cx(target, qubit)
    for qubit in controls:
        if not two >> qubit & 1:
            circuit.x(qubit)
            flips |= 1 << qubit

    def moved(x: int) -> int:
        """Where the gates so far take basis state x; flips of controls come after the CNOTs, and commute with them."""
        x ^= flips
        return x ^ differ if x >> target & 1 else x

    left = {moved(x): amplitude for x, amplitude in left.items()}
    one, two = moved(one), moved(two)
    # Now `one` is `two` with the target set, and no other state has all controls set.
    angle = -2 * math.atan2(left[one], left[two])
    if controls:
        circuit.mcry(angle, controls, target)
    else:
        circuit.ry(angle, target)
    left[two] = math.hypot(left.pop(one), left[two])
    return left


def _singled_out(states: list[int], tells: dict[int, int], width: int) -> tuple[int, dict[int, int]]:
    """One of ``states`` and the qubits, with their bits, that tell it from the others; the last one decided.

    Each qubit is the one that splits what is left most unevenly, and the smaller part is kept: about log2 many do.
    """
    tells = dict(tells)
    while len(states) > 1:
        splits = []
        for qubit in range(width):
            ones = [x for x in states if x >> qubit & 1]
            if 0 < len(ones) < len(states):
                splits.append((min(len(ones), len(states) - len(ones)), qubit, ones))
        _, qubit, ones = min(splits, key=lambda split: split[0])
        bit = int(2 * len(ones) <= len(states))
        states = ones if bit else [x for x in states if not x >> qubit & 1]
        tells[qubit] = bit
    return states[0], tells


def _ones(number: int) -> list[int]:
    return [qubit for qubit in range(number.bit_length()) if number >> qubit & 1]

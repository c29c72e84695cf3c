"""One photon of BB84, one pair of E91, as circuits: what photons.py draws by the million.

The eavesdropper measures and sends on what she found: a measurement in mid-circuit. Two environment qubits that nobody
reads depolarize, so that the channel is exact on any backend. Loss and dark counts are no gates.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from qcot.quantum.backends import load_qiskit
from qcot.quantum.qkd.link import LinkParameters
from qcot.quantum.qkd.protocols import BB84, E91, EVE_ANGLES, Protocol

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.circuit import Qubit


def photon(
    bit: int, sender: int, receiver: int, link: LinkParameters | None = None, eve: int | None = None
) -> QuantumCircuit:
    """BB84: ``bit`` sent in the sender's basis (0: Z, 1: X), measured in the receiver's into classical bit 0.

    ``link``: with its noise; None for an ideal one. ``eve``: which of EVE_ANGLES she measures at, None where she does
    not. The sender's bit is read nowhere: it is an argument.
    """
    circuit = _empty(BB84, link, eve)
    (travels,) = _named(circuit, "photon")
    if bit:
        circuit.x(travels)
    if sender:
        circuit.h(travels)
    _travel(circuit, travels, link, eve)
    if receiver:
        circuit.h(travels)
    circuit.measure(travels, circuit.cregs[0][0])
    return circuit


def pair(sender: int, receiver: int, link: LinkParameters | None = None, eve: int | None = None) -> QuantumCircuit:
    """E91: half of a pair Phi+ measured at each end, at its setting's angle; classical bit 0 is the sender's."""
    circuit = _empty(E91, link, eve)
    stays, travels = _named(circuit, "pair")
    circuit.h(stays)
    circuit.cx(stays, travels)
    _travel(circuit, travels, link, eve)
    for place, (qubit, angle) in enumerate(((stays, E91.sender[sender]), (travels, E91.receiver[receiver]))):
        circuit.ry(-math.radians(angle), qubit)
        circuit.measure(qubit, circuit.cregs[0][place])
    return circuit


def _empty(protocol: Protocol, link: LinkParameters | None, eve: int | None) -> QuantumCircuit:
    load_qiskit()
    from qiskit import AncillaRegister, ClassicalRegister, QuantumCircuit, QuantumRegister

    registers = [QuantumRegister(protocol.ends, "photon" if protocol is BB84 else "pair")]
    if link is not None and link.depolarizing:
        registers.append(AncillaRegister(2, "environment"))
    bits = [ClassicalRegister(protocol.ends, "read")]
    if eve is not None:
        bits.append(ClassicalRegister(1, "eve"))
    return QuantumCircuit(*registers, *bits)


def _named(circuit: QuantumCircuit, name: str) -> list[Qubit]:
    return [qubit for register in circuit.qregs if register.name == name for qubit in register]


def _travel(circuit: QuantumCircuit, qubit: Qubit, link: LinkParameters | None, eve: int | None) -> None:
    """Past Eve, through the noise, to axes that are turned."""
    circuit.barrier()
    if eve is not None:
        angle = math.radians(EVE_ANGLES[eve])
        circuit.ry(-angle, qubit)
        circuit.measure(qubit, circuit.cregs[1][0])
        circuit.ry(angle, qubit)
    if link is not None and link.depolarizing:
        _depolarize(circuit, qubit, link.depolarizing)
    if link is not None and link.misalignment:
        circuit.ry(link.turned, qubit)
    circuit.barrier()


def _depolarize(circuit: QuantumCircuit, qubit: Qubit, probability: float) -> None:
    """X, Y, Z with a quarter of ``probability`` each: two environment qubits, one for X and one for Z.

    The first is 1 with p/2; the second with p/4 / (1 - p/2) where the first is 0, and with 1/2 where it is 1.
    """
    flips, phases = circuit.ancillas
    first = 2 * math.asin(math.sqrt(probability / 2))
    second = 2 * math.asin(math.sqrt(probability / 4 / (1 - probability / 2)))
    circuit.ry(first, flips)
    circuit.ry(second, phases)
    circuit.cry(math.pi / 2 - second, flips, phases)
    circuit.cx(flips, qubit)
    circuit.cz(phases, qubit)

"""The walk as quantum circuits: two walkers for the hash, and the papers' one walker on a ring of four."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from qcot.errors import QcotError
from qcot.quantum.backends import load_qiskit
from qcot.quantum.walk.definition import COINS, SIDE, Bits, coin_choices
from qcot.quantum.walk.problems import BAD_STEPS, EVEN_RING

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.circuit.library import UnitaryGate

MAX_SIDE = 15
"""Four qubits a walker: wider rings help nobody."""
RING_OF_FOUR = 4
"""QUMA Fig. 10's."""


def driven_by(bits: Bits, steps: int | None = None) -> Bits:
    """Coin index of each of the first ``steps`` steps (None: all); refuses more than the walk has."""
    choices = coin_choices([bits])[:, 0]
    if steps is None:
        return choices
    if type(steps) is not int or not 1 <= steps <= len(choices):
        raise QcotError(BAD_STEPS, f"steps are {steps!r} of {len(choices)}")
    return choices[:steps]


def walk_circuit(choices: Bits, side: int = SIDE) -> QuantumCircuit:
    """The measured walk whose steps toss the coins ``choices``, on a torus of ``side`` by ``side`` cells.

    Qubits: walker b, walker a (least significant first), then coins c2, c1; measured are b, then a. Refuses even rings.
    """
    circuit = _unmeasured(choices, side)
    width = _width(side)
    circuit.measure(range(2 * width), range(2 * width))
    return circuit


def step_circuit(choice: int, side: int = SIDE) -> QuantumCircuit:
    """One step by itself, for people: the coins' toss, then each walker's move."""
    load_qiskit()
    circuit = _registers(side)
    _step(circuit, _tosses()[choice], _move(side))
    return circuit


def cycle_circuit(steps: int) -> QuantumCircuit:
    """One walker on a ring of four, from node 0 with coin 0: toss H, go up by one on 0, down by one on 1; measured."""
    load_qiskit()
    from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister

    node, coin = QuantumRegister(2, "node"), QuantumRegister(1, "coin")
    circuit = QuantumCircuit(node, coin, ClassicalRegister(2, "at"))
    for _ in range(steps):
        circuit.h(coin)
        circuit.cx(node[0], node[1])  # the upper bit turns over where the lower one carries,
        circuit.cx(coin[0], node[1])  # or, on the way down, borrows;
        circuit.x(node[0])  # the lower one always
    circuit.measure(node, range(2))
    return circuit


def _unmeasured(choices: Bits, side: int) -> QuantumCircuit:
    load_qiskit()
    circuit = _registers(side)
    low, high = circuit.num_qubits - 2, circuit.num_qubits - 1
    for coin in (low, high):
        circuit.h(coin)
    circuit.s(low)
    circuit.cp(np.pi / 2, low, high)  # 00, 01, 10, 11 of c1 c2 have 1, i, 1, -1
    tosses, move = _tosses(), _move(side)
    for choice in choices:
        _step(circuit, tosses[choice], move)
    return circuit


def _registers(side: int) -> QuantumCircuit:
    from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister

    width = _width(side)
    return QuantumCircuit(
        QuantumRegister(width, "b"),
        QuantumRegister(width, "a"),
        QuantumRegister(1, "c2"),
        QuantumRegister(1, "c1"),
        ClassicalRegister(2 * width, "cell"),
    )


def _step(circuit: QuantumCircuit, toss: UnitaryGate, move: UnitaryGate) -> None:
    width = (circuit.num_qubits - 2) // 2
    low, high = 2 * width, 2 * width + 1
    circuit.append(toss, [low, high])
    circuit.append(move, [*range(width), low])
    circuit.append(move, [*range(width, 2 * width), high])


def _tosses() -> list[UnitaryGate]:
    from qiskit.circuit.library import UnitaryGate

    return [UnitaryGate(np.array(coin) / 2, label=f"W{index}") for index, coin in enumerate(COINS)]


def _move(side: int) -> UnitaryGate:
    """Position (least significant qubit first) by +1 mod ``side`` on coin 0, by -1 on coin 1; other positions stay."""
    from qiskit.circuit.library import UnitaryGate

    positions = 1 << _width(side)
    matrix = np.zeros((2 * positions, 2 * positions))
    for coin, by in ((0, 1), (1, -1)):
        for position in range(positions):
            to = (position + by) % side if position < side else position
            matrix[positions * coin + to, positions * coin + position] = 1
    return UnitaryGate(matrix, label=f"  +-1 mod {side}")  # pictures put the number of a wire before it


def _width(side: int) -> int:
    """Qubits of a walker's position."""
    if type(side) is not int or not 3 <= side <= MAX_SIDE or side % 2 == 0:
        raise QcotError(EVEN_RING, f"the torus has {side!r} cells a side")
    return side.bit_length()

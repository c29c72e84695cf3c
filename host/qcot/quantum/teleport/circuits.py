"""Teleportation over swapped links as a circuit that any backend can run.

A link's noise is made by two environment qubits that nobody looks at, so the channel is exact and needs no noise model.
The links are swapped one after the other, and measured qubits are reset and used for the next link: seven qubits do for
any number of hops.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qcot.quantum.backends import Backend, Runtime, Sized, load_qiskit
from qcot.quantum.teleport.chain import Prediction

if TYPE_CHECKING:
    from qiskit import ClassicalRegister, QuantumCircuit
    from qiskit.circuit import Qubit


@dataclass(frozen=True)
class Input:
    """A state to teleport and the gates that make it from |0>."""

    name: str
    axis: str
    gates: tuple[str, ...]


INPUTS = (
    Input("0", "Z", ()),
    Input("1", "Z", ("x",)),
    Input("+", "X", ("h",)),
    Input("-", "X", ("x", "h")),
    Input("+i", "Y", ("h", "s")),
    Input("-i", "Y", ("x", "h", "s")),
)
"""The six poles of the Bloch sphere. Their mean fidelity is the mean over all states (they form a 2-design)."""
BITS = INPUTS[:2]


@dataclass(frozen=True)
class LinkNoise:
    """Angles of the two environment qubits that bring about a link's X and Z errors."""

    flip: float
    phase: float
    """Of the Z error where there is no X error; where there is one, both values are as likely."""

    @classmethod
    def of(cls, prediction: Prediction) -> LinkNoise:
        """Of one link: a Werner pair, and its equal share of the chain's dephasing."""
        w = prediction.chain.werner
        kept = prediction.coherence ** (1 / prediction.chain.hops)
        flip = (1 - w) / 2
        phase = (1 + w - 2 * w * kept) / (2 * (1 + w))
        return cls(*(2 * math.asin(math.sqrt(min(max(each, 0.0), 1.0))) for each in (flip, phase)))


def supports_feed_forward(backend: Backend | None) -> bool:
    """Whether ``backend`` can act on what it has just measured."""
    if backend is None or isinstance(backend, Sized):
        return True
    device = backend.device if isinstance(backend, Runtime) else backend
    return "if_else" in device.target.operation_names


def teleport_circuit(prediction: Prediction, state: Input, *, undo: bool, feed_forward: bool = True) -> QuantumCircuit:
    """Teleport ``state`` over the chain; classical bit 0 is what the receiver measures.

    ``undo``: the receiver first undoes the preparation, so that he measures 0 with the probability of the fidelity.
    ``feed_forward``: correct by measured bits; otherwise by controlled gates from the qubits that they come from.
    """
    load_qiskit()
    from qiskit import AncillaRegister, ClassicalRegister, QuantumCircuit, QuantumRegister

    hops = prediction.chain.hops
    memories = QuantumRegister(2 if hops == 1 else 4, "memory")
    circuit = QuantumCircuit(
        QuantumRegister(1, "message"),
        memories,
        AncillaRegister(2, "environment"),
        ClassicalRegister(1, "read"),
        *([ClassicalRegister(2, "bell")] if feed_forward else []),
    )
    bell = circuit.cregs[1] if feed_forward else None
    noise = LinkNoise.of(prediction)
    message, sender, receiver, *spare = circuit.qubits[: 1 + len(memories)]
    environment = circuit.ancillas
    for gate in state.gates:
        getattr(circuit, gate)(message)
    _link(circuit, sender, receiver, environment, noise, used=[])
    for hop in range(1, hops):
        near, far = spare
        _link(circuit, near, far, environment, noise, used=environment if hop == 1 else [near, far, *environment])
        _move(circuit, receiver, near, far, bell)
        spare = [receiver, near]
        receiver = far
    _move(circuit, message, sender, receiver, bell)
    if undo:
        for gate in reversed(state.gates):
            getattr(circuit, {"s": "sdg"}.get(gate, gate))(receiver)
    circuit.measure(receiver, 0)
    return circuit


def _link(
    circuit: QuantumCircuit,
    near: Qubit,
    far: Qubit,
    environment: Sequence[Qubit],
    noise: LinkNoise,
    *,
    used: Sequence[Qubit],
) -> None:
    """A fresh pair Phi+ and what noise makes of it; ``used`` qubits are made |0> first."""
    if used:
        circuit.reset(used)
    circuit.h(near)
    circuit.cx(near, far)
    if noise.flip == noise.phase == 0:
        return
    flips, phases = environment
    circuit.ry(noise.flip, flips)
    circuit.ry(noise.phase, phases)
    circuit.cry(math.pi / 2 - noise.phase, flips, phases)
    circuit.cx(flips, far)
    circuit.cz(phases, far)


def _move(circuit: QuantumCircuit, state: Qubit, half: Qubit, target: Qubit, bell: ClassicalRegister | None) -> None:
    """Bell measurement of ``state`` and ``half`` of a pair: ``target``, the other half, takes the state over.

    Where ``state`` is half of a pair itself, this is entanglement swapping.
    """
    circuit.cx(state, half)
    circuit.h(state)
    if bell is None:
        circuit.cx(half, target)
        circuit.cz(state, target)
        return
    circuit.measure([state, half], bell)
    with circuit.if_test((bell[1], 1)):
        circuit.x(target)
    with circuit.if_test((bell[0], 1)):
        circuit.z(target)

"""Bring circuits into a backend's own gates and couplings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from qcot.errors import QcotError
from qcot.quantum.backends.loading import load_qiskit
from qcot.quantum.backends.problems import BACKEND_TOO_SMALL
from qcot.quantum.backends.simulators import runs_as_is

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.providers import BackendV2


def fitted(circuits: Sequence[QuantumCircuit], device: BackendV2, *, ours: bool) -> list[QuantumCircuit]:
    """The circuits as ``device`` runs them; raises `quantum-backend-too-small`.

    ``ours``: the device is an ideal simulator of ours, which takes circuits as they are unless one has a gate, say a
    StatePreparation, that is made of others.
    """
    if ours and all(runs_as_is(circuit, device) for circuit in circuits):
        return list(circuits)
    load_qiskit()
    from qiskit.transpiler import generate_preset_pass_manager

    manager = generate_preset_pass_manager(
        optimization_level=0 if ours else 1, seed_transpiler=0, **_target(circuits, device)
    )
    return list(manager.run(list(circuits)))


def _target(circuits: Sequence[QuantumCircuit], device: BackendV2) -> dict[str, Any]:
    from qiskit.circuit import get_control_flow_name_mapping
    from qiskit.circuit.library import get_standard_gate_name_mapping
    from qiskit_aer import AerSimulator

    widest = max(circuit.num_qubits for circuit in circuits)
    if device.num_qubits is None or widest <= device.num_qubits:
        # A manager asks a backend for its target a hundred times, and Aer builds it anew each time.
        return {"target": device.target} if isinstance(device, AerSimulator) else {"backend": device}
    if isinstance(device, AerSimulator) and device.coupling_map is None:
        # Its target says 30 qubits or so, which is what memory bounds a state vector to and nothing else.
        known = get_standard_gate_name_mapping() | get_control_flow_name_mapping()
        return {"basis_gates": [name for name in device.operation_names if name in known]}
    raise QcotError(BACKEND_TOO_SMALL, f"{device.name} has {device.num_qubits} qubits, a circuit needs {widest}")

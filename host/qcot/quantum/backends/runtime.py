"""IBM's machines through qiskit-ibm-runtime, an optional extra: the primitive SamplerV2, and who may use it."""

from __future__ import annotations

import os
import warnings
from collections import Counter
from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from qcot.errors import QcotError
from qcot.quantum.backends.kinds import Runtime, Seen
from qcot.quantum.backends.loading import load_qiskit
from qcot.quantum.backends.problems import IBM_MISSING, IBM_NO_TOKEN, IBM_REFUSED
from qcot.quantum.problems import RUN_FAILED

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.providers import BackendV2

TOKEN, CHANNEL, INSTANCE = "QISKIT_IBM_TOKEN", "QISKIT_IBM_CHANNEL", "QISKIT_IBM_INSTANCE"
LOCAL = "local"
"""The channel of the runtime's local testing mode: fake machines, no account, no network."""


def ibm_backend(name: str) -> Runtime:
    """The machine ``name`` of the account that QISKIT_IBM_TOKEN or a saved account opens.

    QISKIT_IBM_CHANNEL and QISKIT_IBM_INSTANCE are passed on where set. Raises `quantum-ibm-missing` without the extra,
    `quantum-ibm-no-token` before anything is sent, and `quantum-ibm-refused`.
    """
    if find_spec("qiskit_ibm_runtime") is None:
        raise QcotError(IBM_MISSING, "qiskit-ibm-runtime is not installed")
    load_qiskit()
    from qiskit_ibm_runtime import QiskitRuntimeService

    named = {"token": TOKEN, "channel": CHANNEL, "instance": INSTANCE}
    account = {key: os.environ[variable] for key, variable in named.items() if os.environ.get(variable)}
    try:
        known = "token" in account or account.get("channel") == LOCAL or QiskitRuntimeService.saved_accounts()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # local mode loads every stand-in, and some warn of themselves
            backend = QiskitRuntimeService(**account).backend(name) if known else None
    except Exception as error:  # the network, the account, the name: the library has its own class for each
        raise QcotError(IBM_REFUSED, f"ibm:{name}: {error}") from error
    if backend is None:
        raise QcotError(IBM_NO_TOKEN, f"{TOKEN} is not set and no account is saved")
    return Runtime(backend)


def sample(device: BackendV2, circuits: Sequence[QuantumCircuit], shots: int, seed: int, *, memory: bool) -> list[Seen]:
    """One job of SamplerV2. It transpiles nothing: ``circuits`` are in the device's own gates already."""
    load_qiskit()
    for circuit in circuits:
        if len(circuit.clbits) != sum(register.size for register in circuit.cregs):
            raise QcotError(RUN_FAILED, f"{device.name}: the sampler reads registers, a circuit has bits outside them")
    sampler = _sampler_class()(mode=device)
    sampler.options.simulator.seed_simulator = seed  # local testing mode; a machine has no seed
    result = sampler.run(list(circuits), shots=shots).result()
    taken = [_shots(circuit, part.data) for circuit, part in zip(circuits, result, strict=True)]
    return [Seen(dict(Counter(each)), each if memory else ()) for each in taken]


def _sampler_class() -> Any:
    """SamplerV2; qiskit-ibm-runtime 0.50 announced its end, and what takes its place has the same interface."""
    try:
        from qiskit_ibm_runtime import SamplerV2
    except ImportError:
        from qiskit_ibm_runtime.executor_sampler import Sampler

        return Sampler
    return SamplerV2


def _shots(circuit: QuantumCircuit, data: Any) -> tuple[str, ...]:
    """Every shot over all classical registers, the last one leftmost as everywhere in Qiskit."""
    registers = [data[register.name].get_bitstrings() for register in reversed(circuit.cregs)]
    return tuple("".join(shot) for shot in zip(*registers, strict=True))

"""Noisy simulators: Qiskit's generic machine, or the noise that a file describes."""

from __future__ import annotations

import json
import math
import reprlib
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qcot.errors import QcotError
from qcot.quantum.backends.kinds import Sized
from qcot.quantum.backends.loading import load_qiskit
from qcot.quantum.backends.problems import NOISE_FILE
from qcot.quantum.backends.simulators import STATEVECTOR_WIDTH

if TYPE_CHECKING:
    from qiskit.providers import BackendV2

GENERIC_SEED = 1
"""Of the generic machine's error rates: everybody's `noisy` is the same machine."""
MAX_FILE = 1 << 16
ONE_QUBIT = ("id", "sx", "x")
TWO_QUBIT = ("cx",)
NOISELESS = ("rz",)  # a change of frame on hardware: takes no time and makes no error


@dataclass(frozen=True)
class Member:
    """A member of the noise file: from 0 to ``high``, both included; 0 where it is left out."""

    name: str
    high: float
    says: str


MEMBERS = (
    Member("depolarizing_1q", 1.0, "probability that a gate on one qubit leaves the maximally mixed state"),
    Member("depolarizing_2q", 1.0, "the same of a gate on two qubits"),
    Member("readout_1_given_0", 1.0, "probability of reading 1 where the state is 0"),
    Member("readout_0_given_1", 1.0, "probability of reading 0 where the state is 1"),
    Member("t1_us", 1e9, "energy relaxation time in microseconds; 0 is none"),
    Member("t2_us", 2e9, "dephasing time in microseconds, at most 2 t1_us; given if and only if t1_us is"),
    Member("gate_1q_ns", 1e9, "duration of a gate on one qubit in nanoseconds"),
    Member("gate_2q_ns", 1e9, "duration of a gate on two qubits in nanoseconds"),
)


@dataclass(frozen=True)
class Noise:
    """What a noise file says; see MEMBERS."""

    depolarizing_1q: float = 0.0
    depolarizing_2q: float = 0.0
    readout_1_given_0: float = 0.0
    readout_0_given_1: float = 0.0
    t1_us: float = 0.0
    t2_us: float = 0.0
    gate_1q_ns: float = 0.0
    gate_2q_ns: float = 0.0


def parse_noise(data: bytes, where: str = "noise") -> Noise:
    """Read a noise file's bytes; raises `quantum-noise-file`, naming the member that is wrong."""
    try:
        members = json.loads(data, object_pairs_hook=_no_twice, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise QcotError(NOISE_FILE, f"{where} is not JSON: {error}") from error
    if not isinstance(members, dict):
        raise QcotError(NOISE_FILE, f"{where} is not a JSON object")
    wrong = [f"{reprlib.repr(name)} is no member" for name in members if name not in {each.name for each in MEMBERS}]
    for member in MEMBERS:
        value = members.get(member.name, 0)
        if type(value) not in (int, float) or not 0 <= value <= member.high:
            wrong.append(f"{member.name} is {reprlib.repr(value)}, not a number from 0 to {member.high:g}")
    if wrong:
        raise QcotError(NOISE_FILE, f"{where}: " + "; ".join(wrong))
    noise = Noise(**{name: float(value) for name, value in members.items()})
    if (noise.t1_us > 0) != (noise.t2_us > 0) or noise.t2_us > 2 * noise.t1_us:
        raise QcotError(NOISE_FILE, f"{where}: t2_us {noise.t2_us:g} does not go with t1_us {noise.t1_us:g}")
    return noise


def noisy_backend() -> Sized:
    """Qiskit's generic machine, a line of as many qubits as needed, with errors of the size that hardware has."""
    return Sized("noisy", _generic)


def noisy_backend_from(file: str) -> Sized:
    """The simulator with the noise that ``file`` describes, every qubit coupled to every other."""
    path = Path(file)
    try:
        with path.open("rb") as opened:
            data = opened.read(MAX_FILE + 1)
    except (OSError, ValueError) as error:
        raise QcotError(NOISE_FILE, f"{file} cannot be read: {getattr(error, 'strerror', error)}") from error
    if len(data) > MAX_FILE:
        raise QcotError(NOISE_FILE, f"{file} has more than {MAX_FILE} bytes")
    name = f"noisy:{path.name}"
    return Sized(name, partial(_modelled, parse_noise(data, file), name))


def noise_model(noise: Noise) -> Any:
    """The NoiseModel of Aer: relaxation during a gate, then depolarizing, on every qubit; an error of each reading."""
    load_qiskit()
    from qiskit_aer.noise import NoiseModel, ReadoutError, depolarizing_error, thermal_relaxation_error

    t1, t2 = (1e3 * each if each else math.inf for each in (noise.t1_us, noise.t2_us))
    relax_1q = thermal_relaxation_error(t1, t2, noise.gate_1q_ns)
    relax_2q = thermal_relaxation_error(t1, t2, noise.gate_2q_ns)
    model = NoiseModel(basis_gates=[*ONE_QUBIT, *TWO_QUBIT, *NOISELESS])
    one = relax_1q.compose(depolarizing_error(noise.depolarizing_1q, 1))
    two = relax_2q.tensor(relax_2q).compose(depolarizing_error(noise.depolarizing_2q, 2))
    model.add_all_qubit_quantum_error(one, list(ONE_QUBIT))
    model.add_all_qubit_quantum_error(two, list(TWO_QUBIT))
    p10, p01 = noise.readout_1_given_0, noise.readout_0_given_1
    if p10 or p01:
        model.add_all_qubit_readout_error(ReadoutError([[1 - p10, p10], [p01, 1 - p01]]))
    return model


@cache
def _generic(width: int) -> BackendV2:
    load_qiskit()
    from qiskit.providers.fake_provider import GenericBackendV2
    from qiskit.transpiler import CouplingMap
    from qiskit_aer import AerSimulator

    line = CouplingMap.from_line(max(width, 2))
    machine = GenericBackendV2(max(width, 2), coupling_map=line, control_flow=True, seed=GENERIC_SEED)
    return AerSimulator.from_backend(machine, method=_method(width), max_parallel_threads=1)


@cache
def _modelled(noise: Noise, name: str, width: int) -> BackendV2:
    load_qiskit()
    from qiskit_aer import AerSimulator

    simulator = AerSimulator(noise_model=noise_model(noise), method=_method(width), max_parallel_threads=1)
    simulator.name = name
    return simulator


def _method(width: int) -> str:
    """Up to the width that fits any method Aer may choose: for noise it weighs density matrix against shots."""
    return "automatic" if width <= STATEVECTOR_WIDTH else "matrix_product_state"


def _no_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a member stands there twice")
    return found


def _no_constant(text: str) -> float:
    raise ValueError(f"{text} is no number")

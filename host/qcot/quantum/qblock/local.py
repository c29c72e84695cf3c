"""The local check of a patch of up to three Qblocks: its circuits, and many patches in one job."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from qcot.errors import QcotError
from qcot.quantum.backends import MAX_SEED, load_qiskit, run_circuits
from qcot.quantum.backends.running import SEED_STEP
from qcot.quantum.problems import BAD_PATCH, BAD_SETTING
from qcot.quantum.qblock.phases import PATCH_BLOCKS, Patch, patch_qasm3, require_patch

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

    from qcot.quantum.backends import Backend

Setting: TypeAlias = Literal["newest", "middle"]
SETTINGS: dict[Setting, int] = {"newest": 1, "middle": 2}
"""The block that a setting measures, counted from the patch's end; also the fewest blocks it needs."""


@dataclass(frozen=True)
class LocalCheck:
    """What one local check ran and counted: zeros of ``shots`` for each setting, 'middle' None for a single block."""

    backend: str
    shots: int
    seed: int
    zeros_newest: int
    zeros_middle: int | None
    qasm3: str


def local_patch_circuit(prepared: Patch, expected: Patch, setting: Setting) -> QuantumCircuit:
    """Prepare ``prepared``, then check one block against ``expected`` from its neighbours alone.

    The block that ``setting`` measures gets P(-theta), CP(-phi) on each of its links and H, into classical bit 0, which
    is 0 with certainty when both patches are equal; its neighbours are measured in Z, into bits 1 and up.
    """
    require_patch(prepared, expected)
    at, neighbours = checked(len(prepared), setting)
    load_qiskit()
    from qiskit import QuantumCircuit

    circuit = QuantumCircuit(len(prepared), 1 + len(neighbours))
    circuit.h(range(len(prepared)))
    for i, block in enumerate(prepared):
        circuit.p(block.theta, i)
    for i, block in enumerate(prepared[:-1]):
        circuit.cp(block.phi, i, i + 1)
    circuit.barrier()  # or a transpiler cancels what is prepared against what is checked
    circuit.p(-expected[at].theta, at)
    for i in neighbours:
        circuit.cp(-expected[min(i, at)].phi, i, at)
    circuit.h(at)
    circuit.measure([at, *neighbours], range(1 + len(neighbours)))
    return circuit


def run_local_check(
    prepared: Patch, expected: Patch, shots: int, seed: int, backend: Backend | None = None
) -> LocalCheck:
    """Run the local check of the newest of one to three blocks, oldest first, in every setting they allow.

    An honest run passes the same blocks twice. Raises QcotError for a bad patch, shots or seed, and when the backend
    fails.
    """
    return run_local_checks([(prepared, expected)], shots, seed, backend)[0]


def run_local_checks(
    patches: Sequence[tuple[Patch, Patch]], shots: int, seed: int, backend: Backend | None = None
) -> list[LocalCheck]:
    """Run the local checks of many patches, each (prepared, expected), in one job, which saves a job's start for each.

    A check's seed is that with which :func:`run_local_check` counts the same alone. Raises as that does.
    """
    if not patches:
        raise QcotError(BAD_PATCH, "no patch was given")
    for prepared, expected in patches:
        require_patch(prepared, expected)
    circuits = [
        local_patch_circuit(prepared, expected, setting)
        for prepared, expected in patches
        for setting in settings_of(prepared)
    ]
    run = run_circuits(circuits, shots, seed, backend)
    counted = (sum(n for bits, n in seen.items() if bits.endswith("0")) for seen in run.counts)
    return list(_told(patches, counted, run.backend, shots, seed))


def _told(
    patches: Sequence[tuple[Patch, Patch]], zeros: Iterator[int], backend: str, shots: int, seed: int
) -> Iterator[LocalCheck]:
    """The check of each patch, with the seed that its first circuit drew from."""
    for prepared, _ in patches:
        newest, *middle = (next(zeros) for _ in settings_of(prepared))
        yield LocalCheck(backend, shots, seed, newest, middle[0] if middle else None, patch_qasm3(prepared))
        seed = (seed + SEED_STEP * (1 + len(middle))) & MAX_SEED


def settings_of(patch: Patch) -> list[Setting]:
    """The settings that a patch of this many blocks allows."""
    return [setting for setting, needed in SETTINGS.items() if len(patch) >= needed]


def checked(blocks: int, setting: Setting) -> tuple[int, list[int]]:
    """Qubit that a setting checks, and its neighbours in the patch."""
    if blocks < SETTINGS.get(setting, PATCH_BLOCKS + 1):
        raise QcotError(BAD_SETTING, f"setting {setting!r} on {blocks} Qblocks")
    at = blocks - SETTINGS[setting]
    return at, [i for i in (at - 1, at + 1) if 0 <= i < blocks]

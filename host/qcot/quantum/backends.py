"""The one place that runs circuits: ideal Aer by default, any Qiskit BackendV2 on request.

Qiskit is imported on first use, because it takes about a second and most commands never need it, and always by way of
:func:`load_qiskit`.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeAlias

from qcot.errors import QcotError
from qcot.quantum.problems import BAD_SEED, BAD_SHOTS, RUN_FAILED

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.providers import BackendV2

    Backend: TypeAlias = BackendV2

MAX_SHOTS = 1_000_000
MAX_SEED = (1 << 63) - 1
STATEVECTOR_WIDTH = 20
"""Widest circuit run as a state vector (16 MiB); wider ones run as matrix product states.

Aer's automatic method runs out of memory on wide circuits without saying so.
"""


@dataclass(frozen=True)
class RunResult:
    """Counts of circuits that ran: one mapping a circuit, from bit string (bit 0 rightmost) to times seen.

    ``seed`` is the one given; a backend that takes none, as hardware, ignores it.
    """

    backend: str
    shots: int
    seed: int
    counts: tuple[Mapping[str, int], ...]


@cache
def load_qiskit() -> None:
    """Import Qiskit and Aer, so that every thread may use them from here on.

    Qiskit 2.6 crashes the process when it is used after the thread that first imported it has ended. So the main thread
    imports it (which a fork keeps), or one that never ends.
    """
    if threading.current_thread() is threading.main_thread():
        import_module("qiskit_aer")
        return
    loaded: Future[None] = Future()

    def load_and_stay() -> None:
        try:
            import_module("qiskit_aer")
        except BaseException as error:
            loaded.set_exception(error)
            return
        loaded.set_result(None)
        threading.Event().wait()

    threading.Thread(target=load_and_stay, name="qiskit", daemon=True).start()
    loaded.result()


def ideal_backend(width: int = 1) -> Backend:
    """The noise-free Aer simulator that fits circuits of ``width`` qubits, made once."""
    return _aer("statevector" if width <= STATEVECTOR_WIDTH else "matrix_product_state")


def run_circuits(
    circuits: Sequence[QuantumCircuit], shots: int, seed: int, backend: Backend | None = None
) -> RunResult:
    """Run measured ``circuits`` in one job, each ``shots`` times.

    Raises QcotError on bad shots or seed, and when the job fails in any way or returns fewer counts than shots: a run
    that failed is never an empty count.
    """
    require_shots(shots)
    if type(seed) is not int or not 0 <= seed <= MAX_SEED:
        raise QcotError(BAD_SEED, f"seed is {seed!r}")
    if not circuits:
        raise QcotError(RUN_FAILED, "no circuit was given")
    chosen = backend or ideal_backend(max(circuit.num_qubits for circuit in circuits))
    name = str(chosen.name)
    try:
        result = chosen.run(_fitted(circuits, backend), **_options(chosen, shots, seed)).result()
        counts = tuple(dict(result.get_counts(index)) for index in range(len(circuits))) if result.success else ()
    except Exception as error:  # a backend may raise anything; all of it means that nothing was counted
        raise QcotError(RUN_FAILED, f"{name}: {error}") from error
    if not result.success:
        raise QcotError(RUN_FAILED, f"{name}: {_why(result)}")
    for index, seen in enumerate(counts):
        if sum(seen.values()) != shots:
            raise QcotError(RUN_FAILED, f"{name}: circuit {index} has {sum(seen.values())} counts of {shots} shots")
    return RunResult(name, shots, seed, counts)


def require_shots(shots: int) -> None:
    """Refuse what is not a whole number of shots from 1 to MAX_SHOTS."""
    if type(shots) is not int or not 1 <= shots <= MAX_SHOTS:
        raise QcotError(BAD_SHOTS, f"shots are {shots!r}")


@cache
def _aer(method: str) -> Backend:
    load_qiskit()
    from qiskit_aer import AerSimulator

    # One thread: these circuits are far smaller than what a second one costs to start.
    return AerSimulator(method=method, max_parallel_threads=1)


def _fitted(circuits: Sequence[QuantumCircuit], backend: Backend | None) -> list[QuantumCircuit]:
    """The circuits in the backend's own gates and couplings. Our Aer runs every gate that we use as it is."""
    if backend is None:
        return list(circuits)
    load_qiskit()
    from qiskit.transpiler import generate_preset_pass_manager

    manager = generate_preset_pass_manager(optimization_level=1, backend=backend, seed_transpiler=0)
    return list(manager.run(list(circuits)))


def _options(backend: Backend, shots: int, seed: int) -> dict[str, Any]:
    seeded = "seed_simulator" in getattr(backend, "options", ())
    return {"shots": shots, "seed_simulator": seed} if seeded else {"shots": shots}


def _why(result: Any) -> str:
    """The first status that explains a failed result."""
    statuses = [str(result.status), *(str(part.status) for part in result.results or () if not part.success)]
    return "; ".join(status for status in statuses if status) or "the job failed and gave no reason"

"""Run circuits: fit them to the backend, send them in as few jobs as it takes, and count or say what failed."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from qcot.errors import QcotError
from qcot.quantum.backends.fitting import fitted
from qcot.quantum.backends.kinds import Backend, Counts, Runtime, Seen, Sized
from qcot.quantum.backends.problems import BACKEND_GONE
from qcot.quantum.backends.runtime import sample
from qcot.quantum.backends.simulators import ideal_for
from qcot.quantum.problems import BAD_SEED, BAD_SHOTS, RUN_FAILED

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.providers import BackendV2

MAX_SHOTS = 1_000_000
MAX_SEED = (1 << 63) - 1
SEED_STEP = 2113
"""From one circuit's seed to the next within a job of Aer's: so a run in several jobs counts what one job would."""


@dataclass(frozen=True)
class RunResult:
    """Counts of circuits that ran: one mapping a circuit, from bit string (bit 0 rightmost) to times seen.

    ``seed`` is the one given; a backend that takes none, as hardware, ignores it. ``seconds`` is the time from the
    first job's start to the last one's result, and no part of what makes two results equal. ``memory`` is every shot of
    every circuit in the order in which they were taken, empty unless it was asked for.
    """

    backend: str
    shots: int
    seed: int
    counts: tuple[Counts, ...]
    seconds: float = field(compare=False)
    memory: tuple[tuple[str, ...], ...] = field(default=(), repr=False)


def run_circuits(
    circuits: Sequence[QuantumCircuit],
    shots: int,
    seed: int,
    backend: Backend | None = None,
    *,
    memory: bool = False,
) -> RunResult:
    """Run measured ``circuits``, each ``shots`` times; in one job, or as many as the backend's limit takes.

    ``memory``: also give every shot in order, which counts forget.

    Raises QcotError on bad shots or seed, on a backend that is too small, and when a job fails in any way or returns
    fewer counts than shots: a run that failed is never an empty count.
    """
    require_shots(shots)
    require_seed(seed)
    if not circuits:
        raise QcotError(RUN_FAILED, "no circuit was given")
    device, count = _device(circuits, backend)
    name = str(device.name)
    found: list[Seen] = []
    try:
        ready = fitted(circuits, device, ours=backend is None)
        began = time.perf_counter()
        limit = device.max_circuits or len(ready)
        for start in range(0, len(ready), limit):
            part = ready[start : start + limit]
            found += count(device, part, shots, (seed + SEED_STEP * start) & MAX_SEED, memory=memory)
        seconds = time.perf_counter() - began
    except QcotError:
        raise
    except OSError as error:  # ConnectionError, TimeoutError, and what HTTP clients raise
        raise QcotError(BACKEND_GONE, f"{name}: {error}, after {len(found)} of {len(circuits)} circuits") from error
    except Exception as error:  # a backend may raise anything; all of it means that nothing was counted
        raise QcotError(RUN_FAILED, f"{name}: {error}") from error
    for index, seen in enumerate(found):
        if sum(seen.counts.values()) != shots:
            got = sum(seen.counts.values())
            raise QcotError(RUN_FAILED, f"{name}: circuit {index} has {got} counts of {shots} shots")
    kept = tuple(seen.memory for seen in found) if memory else ()
    return RunResult(name, shots, seed, tuple(seen.counts for seen in found), seconds, kept)


def require_shots(shots: int) -> None:
    """Refuse what is not a whole number of shots from 1 to MAX_SHOTS."""
    if type(shots) is not int or not 1 <= shots <= MAX_SHOTS:
        raise QcotError(BAD_SHOTS, f"shots are {shots!r}")


def require_seed(seed: int) -> None:
    """Refuse what is not a whole number from 0 to MAX_SEED."""
    if type(seed) is not int or not 0 <= seed <= MAX_SEED:
        raise QcotError(BAD_SEED, f"seed is {seed!r}")


class _Count(Protocol):
    """One job."""

    def __call__(
        self, device: BackendV2, circuits: Sequence[QuantumCircuit], shots: int, seed: int, *, memory: bool
    ) -> list[Seen]: ...


def _device(circuits: Sequence[QuantumCircuit], backend: Backend | None) -> tuple[BackendV2, _Count]:
    """What runs the circuits, and how it is asked to."""
    if backend is None:
        return ideal_for(circuits), _run
    if isinstance(backend, Runtime):
        return backend.device, sample
    if isinstance(backend, Sized):
        return backend.fit(max(circuit.num_qubits for circuit in circuits)), _run
    return backend, _run


def _run(device: BackendV2, circuits: Sequence[QuantumCircuit], shots: int, seed: int, *, memory: bool) -> list[Seen]:
    """One job of BackendV2.run."""
    options: dict[str, Any] = {"memory": True} if memory else {}
    if "seed_simulator" in getattr(device, "options", ()):
        options["seed_simulator"] = seed
    result = device.run(list(circuits), shots=shots, **options).result()
    if not result.success:
        raise QcotError(RUN_FAILED, f"{device.name}: {_why(result)}")
    if memory:
        shots_of = [tuple(bits.replace(" ", "") for bits in result.get_memory(index)) for index in range(len(circuits))]
        return [Seen(dict(Counter(each)), each) for each in shots_of]
    found = [result.get_counts(index) for index in range(len(circuits))]
    return [Seen({bits.replace(" ", ""): times for bits, times in seen.items()}) for seen in found]


def _why(result: Any) -> str:
    """The first status that explains a failed result."""
    statuses = [str(result.status), *(str(part.status) for part in result.results or () if not part.success)]
    return "; ".join(status for status in statuses if status) or "the job failed and gave no reason"

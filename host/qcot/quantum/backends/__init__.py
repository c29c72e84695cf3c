"""The one place that runs circuits: ideal or noisy Aer, any Qiskit BackendV2, IBM's quantum computers.

Qiskit is imported on first use, because it takes about a second and most commands never need it, and always by way of
:func:`load_qiskit`. docs/quantum/backends.md says what each backend is.
"""

from qcot.quantum.backends.kinds import Backend, Counts, Runtime, Sized, simulates
from qcot.quantum.backends.loading import load_qiskit
from qcot.quantum.backends.named import named_backend
from qcot.quantum.backends.running import MAX_SEED, MAX_SHOTS, RunResult, require_seed, require_shots, run_circuits
from qcot.quantum.backends.simulators import STATEVECTOR_WIDTH, ideal_backend

__all__ = [
    "MAX_SEED",
    "MAX_SHOTS",
    "STATEVECTOR_WIDTH",
    "Backend",
    "Counts",
    "RunResult",
    "Runtime",
    "Sized",
    "ideal_backend",
    "load_qiskit",
    "named_backend",
    "require_seed",
    "require_shots",
    "run_circuits",
    "simulates",
]

"""What a backend may be: a Qiskit BackendV2, a simulator still to be sized, or a machine behind IBM's sampler."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from qiskit.providers import BackendV2

Counts: TypeAlias = Mapping[str, int]
"""Bit string, classical bit 0 rightmost, no spaces between registers, to times seen."""


@dataclass(frozen=True)
class Seen:
    """What one circuit gave: counts, and, where that was asked for, every shot in the order in which it was taken."""

    counts: Counts
    memory: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sized:
    """A simulator that is made as wide as the circuits that it is to run."""

    name: str
    fit: Callable[[int], BackendV2]


@dataclass(frozen=True)
class Runtime:
    """A machine (or its local stand-in) that is reached through qiskit-ibm-runtime's SamplerV2."""

    device: BackendV2

    @property
    def name(self) -> str:
        """The machine's own name."""
        return str(self.device.name)


Backend: TypeAlias = "BackendV2 | Sized | Runtime"

SIMULATORS = ("qiskit_aer", "qiskit.providers", "qiskit_ibm_runtime.fake_provider")
"""Packages whose backends simulate, all of them."""
MACHINES = "qiskit_ibm_runtime.ibm_backend"


def simulates(backend: Backend | None) -> bool | None:
    """Whether ``backend`` (None: the ideal simulator) is a simulation; None where its kind does not tell."""
    if backend is None or isinstance(backend, Sized):
        return True
    device: Any = backend.device if isinstance(backend, Runtime) else backend
    module = type(device).__module__
    if module == MACHINES:
        return bool(device.configuration().simulator)
    return True if any(module == each or module.startswith(f"{each}.") for each in SIMULATORS) else None

"""What a backend may be: a Qiskit BackendV2, a simulator still to be sized, or a machine behind IBM's sampler."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

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

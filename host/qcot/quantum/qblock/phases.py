"""Phases of a Qblock, and the recipe that prepares a patch of them (docs/quantum/qblocks.md).

Times are in ms since Qblock 0, phases and angles in radians.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from qcot.errors import QcotError
from qcot.quantum.problems import BAD_PATCH, BAD_PHASE, BAD_QHASH

H_BITS = 53
T_BITS = 42
PATCH_BLOCKS = 3
QHASH_BYTES = 32


@dataclass(frozen=True)
class QblockPhases:
    """The two integers that a Qblock's phases are made of: 53 bits of its walk hash, and its time in ms."""

    h: int
    t_ms: int

    def __post_init__(self) -> None:
        """Refuse what no Qblock can have."""
        for name, value, bits in (("h", self.h, H_BITS), ("t", self.t_ms, T_BITS)):
            if type(value) is not int or not 0 <= value < 1 << bits:
                raise QcotError(BAD_PHASE, f"{name} is {value!r}, of at most {bits} bits")

    @property
    def link(self) -> int:
        """2^41 + t: the link's phase in units of pi / 2^42."""
        return (1 << (T_BITS - 1)) + self.t_ms

    @property
    def theta(self) -> float:
        """The block's own phase, 0 <= theta < 2 pi, rounded once."""
        return self.h * math.tau / (1 << H_BITS)

    @property
    def phi(self) -> float:
        """Phase of the link to the next block, pi/2 <= phi < 3 pi/2, so that it always entangles; rounded once."""
        return self.link * math.pi / (1 << T_BITS)


Patch: TypeAlias = Sequence[QblockPhases]


def phases_from(qhash: bytes, t_ms: int) -> QblockPhases:
    """Phases of a block with walk hash ``qhash`` (32 bytes), ``t_ms`` milliseconds after Qblock 0."""
    if len(qhash) != QHASH_BYTES:
        raise QcotError(BAD_QHASH, f"it has {len(qhash)} bytes")
    return QblockPhases(int.from_bytes(qhash[:8], "big") >> (64 - H_BITS), t_ms)


def patch_qasm3(patch: Patch) -> str:
    """OpenQASM 3 that prepares the patch, oldest block first on qubit 0.

    Angles are written as products of integers with tau and pi, so the same blocks give the same bytes everywhere.
    """
    require_patch(patch, patch)
    lines = ["OPENQASM 3.0;", 'include "stdgates.inc";', f"qubit[{len(patch)}] q;"]
    lines += [f"h q[{i}];" for i in range(len(patch))]
    lines += [f"p({block.h} * tau / {1 << H_BITS}) q[{i}];" for i, block in enumerate(patch)]
    lines += [f"cp({block.link} * pi / {1 << T_BITS}) q[{i}], q[{i + 1}];" for i, block in enumerate(patch[:-1])]
    return "\n".join(lines) + "\n"


def theta_error(was: QblockPhases, wanted: QblockPhases) -> float:
    """Error of theta, -pi to pi, from the integers: a difference of floats would lose the small ones."""
    half = 1 << (H_BITS - 1)
    return ((was.h - wanted.h + half) % (2 * half) - half) * math.tau / (1 << H_BITS)


def phi_error(was: QblockPhases, wanted: QblockPhases) -> float:
    """Error of the link to the next block, between -pi and pi."""
    return (was.t_ms - wanted.t_ms) * math.pi / (1 << T_BITS)


def require_equal_length(prepared: Patch, expected: Patch) -> None:
    """Refuse nothing, or two patches of different lengths."""
    if not prepared or len(prepared) != len(expected):
        raise QcotError(BAD_PATCH, f"{len(prepared)} Qblocks are prepared and {len(expected)} expected")


def require_patch(prepared: Patch, expected: Patch) -> None:
    """Refuse what is not one patch prepared and one expected, of one to three blocks each."""
    require_equal_length(prepared, expected)
    if len(prepared) > PATCH_BLOCKS:
        raise QcotError(BAD_PATCH, f"{len(prepared)} Qblocks are too many for a patch")

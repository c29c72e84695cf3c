"""A chain of Qblocks as two arrays of integers: a million of them take 16 MB and are compared exactly."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self, TypeAlias

import numpy as np
import numpy.typing as npt

from qcot.errors import QcotError
from qcot.quantum.backends import require_seed
from qcot.quantum.problems import BAD_PHASE
from qcot.quantum.qblock.phases import H_BITS, T_BITS, QblockPhases
from qcot.quantum.qblock.problems import BAD_CHAIN

MAX_BLOCKS = 10_000_000
MS_APART = 10_000
"""Between blocks of a random chain: about as often as a gateway closes one."""

Int64: TypeAlias = npt.NDArray[np.int64]
Float64: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Chain:
    """``h`` and ``t_ms`` of each Qblock, oldest first: int64, shape (n,), read-only. Raises QcotError on bad ones."""

    h: Int64
    t_ms: Int64

    def __post_init__(self) -> None:
        """Refuse what no chain can have; take a copy that nobody changes."""
        lengths = np.shape(self.h), np.shape(self.t_ms)
        if lengths[0] != lengths[1] or len(lengths[0]) != 1 or not 1 <= lengths[0][0] <= MAX_BLOCKS:
            raise QcotError(BAD_CHAIN, f"h has shape {lengths[0]}, t {lengths[1]}")
        for name, values, bits in (("h", self.h, H_BITS), ("t_ms", self.t_ms, T_BITS)):
            given = np.asarray(values)
            if given.dtype.kind not in "iu":
                raise QcotError(BAD_CHAIN, f"{name} holds {given.dtype}, not whole numbers")
            wrong = np.flatnonzero((given < 0) | (given >= 1 << bits))
            if len(wrong):
                raise QcotError(BAD_PHASE, f"{name} of block {wrong[0]} is {given[wrong[0]]}, of at most {bits} bits")
            taken = given.astype(np.int64)
            taken.flags.writeable = False
            object.__setattr__(self, name, taken)

    def __len__(self) -> int:
        """Number of Qblocks."""
        return len(self.h)

    def __eq__(self, other: object) -> bool:
        """Whether every integer is the same."""
        return isinstance(other, Chain) and np.array_equal(self.h, other.h) and np.array_equal(self.t_ms, other.t_ms)

    __hash__ = None  # type: ignore[assignment]

    @classmethod
    def of(cls, blocks: Iterable[QblockPhases]) -> Self:
        """The chain of these blocks, oldest first, say those that the headers of a ledger record."""
        given = [(block.h, block.t_ms) for block in blocks]
        return cls(*np.array(given, np.int64).reshape(len(given), 2).T)

    @classmethod
    def random(cls, blocks: int, seed: int) -> Self:
        """A chain with random h, its blocks MS_APART apart: what a gateway makes, as far as phases go."""
        require_seed(seed)
        if type(blocks) is not int or not 1 <= blocks <= MAX_BLOCKS:
            raise QcotError(BAD_CHAIN, f"{blocks!r} Qblocks are wanted")
        h = np.random.default_rng(seed).integers(0, 1 << H_BITS, blocks)
        return cls(h, MS_APART * np.arange(blocks))

    def block(self, at: int) -> QblockPhases:
        """One block's phases."""
        return QblockPhases(int(self.h[at]), int(self.t_ms[at]))

    def blocks(self) -> list[QblockPhases]:
        """All blocks' phases."""
        return [QblockPhases(h, t) for h, t in zip(self.h.tolist(), self.t_ms.tolist(), strict=True)]

    @property
    def theta(self) -> Float64:
        """Phase of each block, shape (n,), the same doubles as QblockPhases.theta."""
        return self.h * math.tau / (1 << H_BITS)

    @property
    def phi(self) -> Float64:
        """Phase of each link, shape (n - 1,), the same doubles as QblockPhases.phi of all blocks but the newest."""
        return (self.t_ms[:-1] + (1 << (T_BITS - 1))) * math.pi / (1 << T_BITS)


def require_same_length(prepared: Chain, expected: Chain) -> None:
    """Refuse two chains of different lengths."""
    if len(prepared) != len(expected):
        raise QcotError(BAD_CHAIN, f"{len(prepared)} Qblocks are prepared and {len(expected)} expected")


def theta_errors(prepared: Chain, expected: Chain) -> Float64:
    """Errors of theta, -pi to pi, from the integers, shape (n,): the same doubles as `phases.theta_error`."""
    half = 1 << (H_BITS - 1)
    return ((prepared.h - expected.h + half) % (2 * half) - half) * math.tau / (1 << H_BITS)


def link_errors(prepared: Chain, expected: Chain) -> Float64:
    """Errors of the links, shape (n - 1,): the same doubles as `phases.phi_error` of all blocks but the newest."""
    return (prepared.t_ms[:-1] - expected.t_ms[:-1]) * math.pi / (1 << T_BITS)

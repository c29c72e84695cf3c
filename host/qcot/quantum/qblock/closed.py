"""Closed-form check of a chain of any errors, in linear time: a million Qblocks in a second or two.

Sums over all bit strings are products of 2 by 2 matrices, multiplied as a tree. Each is P + W with P = [[1, 1], [1, 1]]
/ 2, the matrix of a block without error, and only W is carried: so a detection of 1e-31 comes out as such, and not as
the rounding of 1 - 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from qcot.quantum.backends import require_shots
from qcot.quantum.qblock.chain import Chain, Float64, link_errors, require_same_length, theta_errors
from qcot.quantum.qblock.theory import either, shots_to_detect

COLOURS = ("even", "odd")
"""Which blocks a circuit of the two-colour check checks, while their neighbours are measured in Z."""
_CHUNK = 1 << 14  # matrices multiplied at a time: they stay in a second-level cache
_BELOW_ONE = math.nextafter(1.0, 0.0)

Matrices: TypeAlias = npt.NDArray[Any]
"""Deviations W from P, shape (2, 2, n), of floats or complex numbers."""


@dataclass(frozen=True, eq=False)
class ClosedForm:
    """Probabilities that one shot of each check gives.

    ``fidelity`` and ``detection`` = 1 - fidelity: the check by inversion. ``local``: that a block's check gives 1,
    shape (n,). ``colours``: that any block of a colour does, even and odd (one colour where there is one block).
    ``first_wrong``: the lowest block whose theta, or link to the next, is wrong; None if and only if nothing is.
    """

    fidelity: float
    detection: float
    local: Float64
    colours: tuple[float, ...]
    first_wrong: int | None

    def passes(self, shots: int = 1) -> float:
        """Probability to pass ``shots`` shots by inversion; exactly 1.0 if and only if nothing is wrong."""
        return self._passes(self.detection, shots)

    def passes_local(self, shots: int = 1) -> float:
        """Probability to pass ``shots`` shots of each colour; exactly 1.0 if and only if nothing is wrong."""
        return self._passes(either(*self.colours), shots)

    def shots_for(self, miss: float) -> int:
        """Fewest shots by inversion that miss what is wrong with probability at most ``miss``."""
        return shots_to_detect(miss, self.detection)

    def local_shots_for(self, miss: float) -> int:
        """Fewest shots of each colour that miss what is wrong with probability at most ``miss``."""
        return shots_to_detect(miss, either(*self.colours))

    def _passes(self, detection: float, shots: int) -> float:
        require_shots(shots)
        if self.first_wrong is None:
            return 1.0
        passes = math.exp(shots * math.log1p(-detection)) if detection < 1 else 0.0
        return min(passes, _BELOW_ONE)


def check_chain(prepared: Chain, expected: Chain) -> ClosedForm:
    """What the checks of ``expected`` show of a state with the phases of ``prepared``, for any mix of errors.

    The newest block's t is no part of the state: its link comes with the next block.
    """
    require_same_length(prepared, expected)
    own, links = theta_errors(prepared, expected), link_errors(prepared, expected)
    before, after = np.concatenate([[0.0], links]), np.concatenate([links, [0.0]])
    wrong = np.flatnonzero((own != 0) | (after != 0))
    detection, fidelity = _inversion(own, after)
    return ClosedForm(
        fidelity=fidelity,
        detection=detection,
        local=np.mean([_sin2((own + b + a) / 2) for b in (0.0, before) for a in (0.0, after)], axis=0),
        colours=tuple(_colour(own[c::2], before[c::2], after[c::2]) for c in range(min(len(own), len(COLOURS)))),
        first_wrong=int(wrong[0]) if len(wrong) else None,
    )


def _inversion(own: Float64, after: Float64) -> tuple[float, float]:
    """1 - F and F of the overlap 2^-n sum_x exp i[sum own_j x_j + sum after_j x_j x_(j+1)]."""

    def deviations(part: slice) -> Matrices:
        found = np.zeros((2, 2, len(own[part])), complex)
        found[1, 0] = _turn_less_one(own[part]) / 2
        found[1, 1] = _turn_less_one(own[part] + after[part]) / 2
        return found

    kept = _kept((own != 0) | (after != 0))
    own, after = own[kept], after[kept]
    off = _total(deviations, len(own))
    detection = min(max(0.0 - float(2 * off.real + abs(off) ** 2), 0.0), 1.0)
    if detection < 1 / 2:
        return detection, 1 - detection
    fidelity = min(float(abs(_total(deviations, len(own), direct=True)) ** 2), 1.0)
    return 1 - fidelity, fidelity


def _colour(own: Float64, before: Float64, after: Float64) -> float:
    """Probability that any checked block gives 1, over the 2^-n sum of what Z finds of their neighbours."""

    def deviations(part: slice) -> Matrices:
        found = np.empty((2, 2, len(own[part])))
        for x in (0, 1):
            for y in (0, 1):
                found[x, y] = -_sin2((own[part] + x * before[part] + y * after[part]) / 2) / 2
        return found

    kept = _kept((own != 0) | (before != 0) | (after != 0))
    own, before, after = own[kept], before[kept], after[kept]
    return min(max(0.0 - float(_total(deviations, len(own))), 0.0), 1.0)


def _kept(wrong: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Wrong blocks and one right one after each run of them: more change nothing, as P P = P and (1, 1) P = (1, 1)."""
    after: npt.NDArray[np.bool_] = np.concatenate([[False], wrong[:-1]])
    return wrong | after


def _total(deviations: Callable[[slice], Matrices], count: int, *, direct: bool = False) -> Any:
    """(1, 1) M_1 ... M_n (1, 1) / 2 of the matrices P + W, less 1 unless ``direct``."""
    if not count:
        return 1.0 if direct else 0.0
    combine = _times if direct else _combine
    parts = (deviations(slice(start, start + _CHUNK)) + (0.5 if direct else 0) for start in range(0, count, _CHUNK))
    return _product(np.stack([_product(part, combine, direct) for part in parts], axis=2), combine, direct).sum() / 2


def _product(matrices: Matrices, combine: Callable[[Matrices, Matrices], Matrices], direct: bool) -> Matrices:
    """Product of all, in order. A P put at the end changes nothing: it meets (1, 1), which is P (1, 1)."""
    while matrices.shape[2] > 1:
        if matrices.shape[2] % 2:
            matrices = np.concatenate([matrices, np.full((2, 2, 1), 0.5 if direct else 0.0)], axis=2)
        matrices = combine(matrices[..., ::2], matrices[..., 1::2])
    first: Matrices = matrices[..., 0]
    return first


def _combine(left: Matrices, right: Matrices) -> Matrices:
    """(P + L)(P + R) - P = P R + L P + L R."""
    found: Matrices = _times(left, right) + right.mean(axis=0, keepdims=True) + left.mean(axis=1, keepdims=True)
    return found


def _times(left: Matrices, right: Matrices) -> Matrices:
    """L R of each pair; written out, which over long arrays is far faster than a matmul of each."""
    found: Matrices = left[:, :1] * right[:1] + left[:, 1:] * right[1:]
    return found


def _turn_less_one(angles: Float64) -> npt.NDArray[np.complex128]:
    """e^(i a) - 1 without loss for small a."""
    return -2 * _sin2(angles / 2) + 1j * np.sin(angles)


def _sin2(angles: Float64) -> Float64:
    found: Float64 = np.sin(angles) ** 2
    return found

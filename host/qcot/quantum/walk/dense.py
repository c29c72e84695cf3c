"""The walk by one matrix a step and message: fastest for a few messages, and the plainest reading of the definition."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from qcot.quantum.walk.definition import CELLS, COIN_STEPS, COINS, PARTS, SIDE, Bits, Int64, start_amplitudes

_STEPS = 512  # steps whose matrices are looked up at once
_ONE = np.array(1)  # a shift by a Python number would convert it each time


def _coin_matrices() -> Int64:
    """2 W_k on real and imaginary parts, shape (4, 8, 8)."""
    coins = np.array(COINS)
    real, imaginary = coins.real.astype(np.int64), coins.imag.astype(np.int64)
    return np.block([[real, -imaginary], [imaginary, real]])


def _sources() -> npt.NDArray[np.intp]:
    """Which slot of a flat (8, 49) state moves into each slot when the walkers step."""
    row, column = np.divmod(np.arange(CELLS), SIDE)
    cells = [(row - a) % SIDE * SIDE + (column - b) % SIDE for a, b in COIN_STEPS]
    return np.stack([part * CELLS + cells[part % len(cells)] for part in range(PARTS)]).ravel()


_MATRICES = _coin_matrices()
_SOURCES = _sources()


def walk(choices: Bits) -> Int64:
    """Negated state after the walk that ``choices`` (steps, messages) drive: shape (messages, 8, 49), at scale 2^60.

    Kept negated because floor(-v / 2) = -floor((v + 1) / 2): a bare shift then rounds as defined.
    """
    count = choices.shape[1]
    state = np.zeros((count, PARTS, CELLS), np.int64)
    state[:, :, 0] = -start_amplitudes()
    moved = np.empty_like(state)
    flat_state, flat_moved = state.reshape(count, -1), moved.reshape(count, -1)
    for first in range(0, len(choices), _STEPS):
        for matrices in _MATRICES[choices[first : first + _STEPS]]:
            np.matmul(matrices, state, out=moved)
            np.right_shift(moved, _ONE, out=moved)
            np.take(flat_moved, _SOURCES, axis=1, out=flat_state, mode="clip")
    return state

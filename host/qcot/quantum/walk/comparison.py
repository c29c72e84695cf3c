"""The walk run as a circuit, beside the exact walk. A cross-check: the digest itself needs no quantum computer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from qcot.errors import QcotError
from qcot.quantum.backends import Backend, require_shots, run_circuits
from qcot.quantum.statistics import Estimate, mean
from qcot.quantum.walk.circuits import driven_by, walk_circuit
from qcot.quantum.walk.definition import CELLS, SCALE_BITS, SIDE, Bits
from qcot.quantum.walk.hashing import walk
from qcot.quantum.walk.problems import BAD_STEPS, TOO_FEW_SHOTS

MOST_STEPS = 4096
"""Of a circuit: a simulator takes a second for so many."""
FEWEST_SHOTS = 100
_WIDTH = SIDE.bit_length()
_OUTCOMES = 1 << 2 * _WIDTH


@dataclass(frozen=True)
class Comparison:
    """Cells that a backend counted beside their exact probabilities, both of shape (7, 7).

    ``off_ring`` counts outcomes that no walker can reach (a position 7): a sound machine has none.
    """

    steps: int
    exact: npt.NDArray[np.float64]
    counts: npt.NDArray[np.int64]
    off_ring: int
    fidelity: Estimate
    """By linear cross-entropy: 1 for the exact walk, 0 for a machine that returns uniform noise."""
    distance: float
    """Total variation distance of the shares counted from the exact probabilities."""
    expected_distance: float
    """What the exact walk itself would show at so many shots, about."""
    backend: str
    shots: int
    seed: int
    seconds: float


def probabilities(choices: Bits) -> npt.NDArray[np.float64]:
    """Probability of each cell (a, b) after the steps that ``choices`` drive, from the integers: shape (7, 7)."""
    state = walk(choices[:, None])[0].astype(np.float64) / 2.0**SCALE_BITS
    cells: npt.NDArray[np.float64] = (state**2).sum(axis=0).reshape(SIDE, SIDE)
    return cells


def compare(bits: Bits, shots: int, seed: int, backend: Backend | None = None, steps: int | None = None) -> Comparison:
    """Run the first ``steps`` steps (None: all) of the message's walk on ``backend`` and hold them to the exact walk.

    Raises QcotError on steps that the walk has not or a circuit should not, on few shots, and what `run_circuits` does.
    """
    choices = driven_by(bits, steps)
    if len(choices) > MOST_STEPS:
        raise QcotError(BAD_STEPS, f"the circuit would have {len(choices):,} steps")
    require_shots(shots)
    if shots < FEWEST_SHOTS:
        raise QcotError(TOO_FEW_SHOTS, f"shots are {shots}")
    ran = run_circuits([walk_circuit(choices)], shots, seed, backend)
    every = np.zeros(_OUTCOMES, np.int64)
    for outcome, times in ran.counts[0].items():
        every[int(outcome, 2)] += times
    grid = every.reshape(1 << _WIDTH, 1 << _WIDTH)
    counts = grid[:SIDE, :SIDE]
    exact = probabilities(choices)
    return Comparison(
        steps=len(choices),
        exact=exact,
        counts=counts,
        off_ring=int(shots - counts.sum()),
        fidelity=_cross_entropy(exact, grid),
        distance=(float(abs(counts / shots - exact).sum()) + float(shots - counts.sum()) / shots) / 2,
        expected_distance=float(np.sqrt(exact * (1 - exact) / (2 * np.pi * shots)).sum()),
        backend=ran.backend,
        shots=shots,
        seed=seed,
        seconds=ran.seconds,
    )


def _cross_entropy(exact: npt.NDArray[np.float64], grid: npt.NDArray[np.int64]) -> Estimate:
    """Linear cross-entropy: the mean exact probability of what was seen, scaled to 1 (exact) and 0 (uniform noise)."""
    padded = np.zeros(grid.shape)
    padded[:SIDE, :SIDE] = exact
    scores = (padded - 1 / _OUTCOMES) / ((padded**2).sum() - 1 / _OUTCOMES)
    samples = np.repeat(scores.ravel(), grid.ravel())
    return mean(f"fidelity over {CELLS} cells", samples.tolist(), 1.0)

"""QUMA Fig. 10 and 11 as data, with theory beside what is measured."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy

from qcot.errors import QcotError
from qcot.quantum.backends import Backend, require_seed, run_circuits
from qcot.quantum.statistics import Estimate, proportion
from qcot.quantum.walk.circuits import RING_OF_FOUR, cycle_circuit
from qcot.quantum.walk.definition import COIN_STEPS, SIDE, Bits
from qcot.quantum.walk.hashing import hash_bits
from qcot.quantum.walk.problems import TOO_FEW_BITS
from qcot.quantum.walk.samples import Altered, changed_bits, flip

FEWEST_BITS = 1001
"""So that the 1,000th bit is not the last."""
CLAIMED_PERCENT = 35.0
"""QUMA 7.1: 'a hash variance of at least 35 %'."""
_LONGEST_PERIOD = 64


@dataclass(frozen=True, eq=False)
class FourCycle:
    """QUMA Fig. 10: one walker on a ring of four, coin H, from node 0 with coin 0."""

    nodes: tuple[Estimate, ...]
    """Share of the shots that found the walker at nodes 0 to 3 after one step."""
    by_step: npt.NDArray[np.float64]
    """Exact probability of each node after 0, 1, ..., ``period`` steps: shape (period + 1, 4)."""
    period: int
    """After so many steps every state, not only this start, is what it was: the walk forgets what drove it."""
    reached: tuple[tuple[int, float], ...]
    """Side of the two-walker torus, and the largest share of its cells that can be occupied at one time."""
    backend: str
    shots: int
    seed: int
    seconds: float


def four_cycle(shots: int = 4096, seed: int = 1, backend: Backend | None = None) -> FourCycle:
    """Measure one step on the ring of four, and tell exactly what comes of more steps."""
    ran = run_circuits([cycle_circuit(1)], shots, seed, backend)
    step = _cycle_step()
    period = _period(step)
    state = np.zeros(len(step))
    state[0] = 1
    by_step = []
    for _ in range(period + 1):
        by_step.append((state.reshape(2, RING_OF_FOUR) ** 2).sum(axis=0).round(12))
        state = step @ state
    counts = ran.counts[0]
    nodes = tuple(
        proportion(f"node {node}", counts.get(f"{node:02b}", 0), shots, float(by_step[1][node]))
        for node in range(RING_OF_FOUR)
    )
    reached = tuple((side, _reached(side)) for side in (RING_OF_FOUR, SIDE))
    return FourCycle(nodes, np.array(by_step), period, reached, ran.backend, shots, seed, ran.seconds)


@dataclass(frozen=True)
class AlteredMessage:
    """QUMA Fig. 11: digests of a message and of the same with one bit flipped, at five places."""

    bits: int
    digests: tuple[Altered, ...]
    """M first, then M_rand, M_first, M_last, M_100, M_1000."""
    chance_below_claim: float
    """How often two unrelated digests differ in less than 35 % of their bits."""
    seed: int

    @property
    def least_percent(self) -> float:
        """The least share of changed bits, in percent."""
        return min(each.changed for each in self.digests[1:]) / 2.56


def altered_message(bits: int = 1024, seed: int = 1) -> AlteredMessage:
    """Hash a random message of ``bits`` bits, and flip its random, first, last, 100th and 1,000th bit in turn."""
    if type(bits) is not int or bits < FEWEST_BITS:
        raise QcotError(TOO_FEW_BITS, f"the message has {bits!r} bits")
    require_seed(seed)
    random = np.random.default_rng(seed)
    message: Bits = random.integers(2, size=bits, dtype=np.uint8)
    places = {
        "M_rand": int(random.integers(bits)),
        "M_first": 0,
        "M_last": bits - 1,
        "M_100": 99,
        "M_1000": 999,
    }
    digests = hash_bits([message, *(flip(message, place) for place in places.values())])
    rows = [np.frombuffer(digest, np.uint8) for digest in digests]
    altered = [
        Altered(name, f"bit {place + 1} flipped", digest, int(changed_bits(rows[0], row)))
        for (name, place), digest, row in zip(places.items(), digests[1:], rows[1:], strict=True)
    ]
    below = float(scipy.stats.binom.cdf(np.ceil(2.56 * CLAIMED_PERCENT) - 1, 256, 0.5))
    return AlteredMessage(bits, (Altered("M", "as it is", digests[0], 0), *altered), below, seed)


def _cycle_step() -> npt.NDArray[np.float64]:
    """The step of `circuits.cycle_circuit` as a matrix on (coin, node), shape (8, 8)."""
    toss = np.kron(np.array([[1, 1], [1, -1]]) / np.sqrt(2), np.eye(RING_OF_FOUR))
    up = np.roll(np.eye(RING_OF_FOUR), 1, axis=0)
    move = np.block([[up, np.zeros_like(up)], [np.zeros_like(up), up.T]])
    step: npt.NDArray[np.float64] = move @ toss
    return step


def _period(step: npt.NDArray[np.float64]) -> int:
    """After how many steps everything is as it was."""
    power = np.eye(len(step))
    for steps in range(1, _LONGEST_PERIOD + 1):
        power = step @ power
        if np.allclose(power, np.eye(len(step)), atol=1e-12):
            return steps
    raise AssertionError("the walk on a ring of four has period 8")


def _reached(side: int) -> float:
    """The largest share of a torus that two walkers from one cell can occupy at one time."""
    cells = np.zeros((side, side), bool)
    cells[0, 0] = True
    for _ in range(2 * side):
        cells = np.logical_or.reduce([np.roll(cells, step, axis=(0, 1)) for step in COIN_STEPS])
    return float(cells.mean())

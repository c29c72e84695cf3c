"""How often an attack shows, counted on a backend beside theory: per pair, and over many pairs (QUMA Fig. 12)."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from qcot.errors import QcotError
from qcot.quantum.attacks.problems import BAD_TESTS
from qcot.quantum.attacks.records import ATTACKS, Attack
from qcot.quantum.backends import MAX_SEED, MAX_SHOTS, require_seed, run_circuits
from qcot.quantum.identity.circuits import bell_circuit, check_circuit, measure_bell, measure_checks, pair_counts
from qcot.quantum.identity.messages import BASES

if TYPE_CHECKING:
    from qcot.quantum.backends import Backend
    from qcot.quantum.statistics import Estimate

SYMBOLS = range(4)
DIFFERENT = (0b01, 0b10)
"""What a check of Phi+ never gives by itself."""
MAX_TESTS = 1_000
FIGURE_12_PAIRS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32)
FIGURE_12_ATTACKS = ("intercept-x", "entangle", "substitution", "outsider")


@dataclass(frozen=True)
class Detection:
    """Detection per pair: ``z`` and ``x`` of ``shots`` pairs, ``check`` of both together, ``bell`` of 4 ``shots``."""

    attack: Attack
    z: Estimate
    x: Estimate
    check: Estimate
    bell: Estimate
    backend: str
    shots: int
    seed: int
    seconds: float


@dataclass(frozen=True)
class CurvePoint:
    """Probability that at least one of ``pairs`` tested pairs shows the attack, in either step."""

    pairs: int
    check: Estimate
    bell: Estimate


@dataclass(frozen=True)
class Curve:
    """Detection against the number of pairs, and what was run for it: ``trials`` times as many pairs at each point."""

    attack: Attack
    points: tuple[CurvePoint, ...]
    backend: str
    trials: int
    seed: int
    seconds: float


def detected_within(per_pair: float, tests: int) -> float:
    """1 - (1 - p)^n: probability that at least one of ``tests`` pairs shows what each shows with ``per_pair``."""
    if per_pair >= 1:
        return 1.0 if tests else 0.0
    return -math.expm1(tests * math.log1p(-per_pair))


def measure(attack: Attack, shots: int, seed: int, backend: Backend | None = None) -> Detection:
    """Count wrong outcomes of ``shots`` attacked pairs for each basis and each symbol, in one job.

    Theory is that of a noiseless backend. Raises QcotError on bad shots or seed and when the backend fails.
    """
    from qcot.quantum.statistics import proportion

    started = time.perf_counter()
    circuits = [check_circuit(basis, attack) for basis in BASES] + [bell_circuit(symbol, attack) for symbol in SYMBOLS]
    run = run_circuits(circuits, shots, seed, backend)
    found = [pair_counts(counts) for counts in run.counts]
    z, x = (sum(pairs[value] for value in DIFFERENT) for pairs in found[: len(BASES)])
    bell = sum(shots - pairs[symbol] for symbol, pairs in zip(SYMBOLS, found[len(BASES) :], strict=True))
    return Detection(
        attack,
        proportion(f"{attack.name}, Z check", z, shots, attack.detection_z),
        proportion(f"{attack.name}, X check", x, shots, attack.detection_x),
        proportion(f"{attack.name}, Z or X check", z + x, 2 * shots, attack.detection_check),
        proportion(f"{attack.name}, Bell", bell, 4 * shots, attack.detection_bell),
        run.backend,
        shots,
        seed,
        time.perf_counter() - started,
    )


def curve(
    attack: Attack,
    pairs: Sequence[int] = FIGURE_12_PAIRS,
    trials: int = 500,
    seed: int = 0,
    backend: Backend | None = None,
) -> Curve:
    """Detection over each number of ``pairs``, ``trials`` times; bases and symbols are drawn anew for each pair.

    The same pairs serve all points, so one curve's points err together.
    """
    from qcot.quantum.statistics import proportion

    started = time.perf_counter()
    longest = max(pairs, default=0)
    if not pairs or any(type(n) is not int or not 1 <= n <= MAX_TESTS for n in pairs):
        raise QcotError(BAD_TESTS, f"pairs are {list(pairs)!r}")
    if type(trials) is not int or not 1 <= trials <= MAX_SHOTS // longest:
        raise QcotError(BAD_TESTS, f"{trials!r} trials of {longest} pairs; together at most {MAX_SHOTS:,}")
    require_seed(seed)
    random = np.random.default_rng(seed)
    seeds = [int(each) for each in random.integers(MAX_SEED, size=2)]
    bases = [BASES[i] for i in random.integers(2, size=trials * longest).tolist()]
    symbols = random.integers(4, size=trials * longest).tolist()
    checks = measure_checks(bases, seeds[0], attack, backend)
    bells = measure_bell(symbols, seeds[1], attack, backend)
    wrong = {
        "check": np.array([value in DIFFERENT for value in checks.values]),
        "bell": np.array(bells.values) != np.array(symbols),
    }

    def point(step: str, tests: int, per_pair: float) -> Estimate:
        shown = wrong[step][: trials * tests].reshape(trials, tests).any(axis=1)
        return proportion(
            f"{attack.name}, {step}, {tests} pairs", int(shown.sum()), trials, detected_within(per_pair, tests)
        )

    points = tuple(
        CurvePoint(n, point("check", n, attack.detection_check), point("bell", n, attack.detection_bell)) for n in pairs
    )
    return Curve(attack, points, checks.backend, trials, seed, time.perf_counter() - started)


def figure_12(trials: int = 500, seed: int = 0, backend: Backend | None = None) -> tuple[Curve, ...]:
    """QUMA Fig. 12 as data: the paper says 'immediately exposed', which takes a few pairs."""
    return tuple(
        curve(ATTACKS[name], trials=trials, seed=seed + number, backend=backend)
        for number, name in enumerate(FIGURE_12_ATTACKS)
    )

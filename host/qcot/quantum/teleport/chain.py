"""Closed forms of teleportation over a chain of repeaters: how good, how long to wait, how often.

The model (docs/quantum/teleportation.md): k equal links make Werner pairs by repeated attempts, all at once; a link
that is ready waits in two memories that dephase with T2; when all are, every repeater swaps, and the receiver's memory
waits for the news. Gates are perfect here; a noisy backend adds its own.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from qcot.errors import Problem, QcotError
from qcot.quantum.teleport.problems import BAD_DISTANCE, BAD_FIDELITY, BAD_HOPS, BAD_LINK, BAD_SWEEP, BAD_T2

CLASSICAL_LIMIT = 2 / 3
"""Best mean fidelity with which an unknown qubit can be measured and made anew, without any entanglement."""
LIGHT_KM_MS = 200.0
"""Speed of light in fibre."""
MAX_HOPS = 32
MAX_DISTANCE = 20_000.0
MAX_LINK = 1_000.0
"""Kilometres of fibre after which, at 0.2 dB/km, one photon of 10^20 is left."""


@dataclass(frozen=True)
class Chain:
    """Two ends, ``hops`` links and hops - 1 repeaters between them. Refuses what cannot be, by name."""

    hops: int = 2
    distance_km: float = 100.0
    """Length of the whole fibre."""
    fidelity: float = 0.98
    """Of a link's fresh pair to Phi+."""
    t2_ms: float = 100.0
    """Dephasing time of every memory; math.inf for a perfect one."""
    loss_db_km: float = 0.2
    efficiency: float = 0.5
    """Probability that an attempt succeeds where the fibre loses nothing: sources, detectors, heralding."""

    def __post_init__(self) -> None:
        for problem, good, reason in (
            (BAD_HOPS, type(self.hops) is int and 1 <= self.hops <= MAX_HOPS, f"hops are {self.hops!r}"),
            (BAD_FIDELITY, 0.25 <= self.fidelity <= 1, f"the fidelity of a pair is {self.fidelity!r}"),
            (BAD_DISTANCE, 0 <= self.distance_km <= MAX_DISTANCE, f"the distance is {self.distance_km!r} km"),
            (BAD_T2, self.t2_ms > 0, f"T2 is {self.t2_ms!r} ms"),
            (BAD_LINK, 0 <= self.loss_db_km <= 10, f"the loss is {self.loss_db_km!r} dB/km"),
            (BAD_LINK, 0 < self.efficiency <= 1, f"the efficiency is {self.efficiency!r}"),
        ):
            _require(problem, good, reason)
        _require(BAD_DISTANCE, self.link_km < MAX_LINK, f"a hop is {self.link_km:g} km long")
        _require(BAD_DISTANCE, self.success > 1e-100, f"a hop of {self.link_km:g} km lets no photon through")

    @property
    def werner(self) -> float:
        """The parameter w of a fresh pair w |Phi+><Phi+| + (1 - w) I/4."""
        return (4 * self.fidelity - 1) / 3

    @property
    def link_km(self) -> float:
        """Length of one hop."""
        return self.distance_km / self.hops

    @property
    def attempt_ms(self) -> float:
        """Time of one attempt: light to the middle of the link, and the news of it back."""
        return self.link_km / LIGHT_KM_MS

    @property
    def success(self) -> float:
        """Probability that one attempt makes a pair."""
        return float(self.efficiency * 10 ** (-self.loss_db_km * self.link_km / 10))


@dataclass(frozen=True)
class Prediction:
    """What theory says of a chain: means over the random waiting times."""

    chain: Chain
    attempts: float
    """Until the last link is ready."""
    wait_ms: float
    """The same in time."""
    coherence: float
    """Lambda: what dephasing leaves of the pair's XX and YY correlations; 1 with perfect memories."""
    pair_fidelity: float
    """Of the end-to-end pair to Phi+."""
    fidelity: float
    """Mean over all states of a qubit that is teleported."""
    bit_error: float
    """Probability that a classical bit, teleported as |0> or |1>, comes out wrong."""

    @property
    def pairs_per_second(self) -> float:
        """End-to-end pairs made one after the other; infinite at no distance."""
        return 1e3 / self.wait_ms if self.wait_ms else math.inf

    @property
    def beats_classical(self) -> bool:
        """Whether measuring the qubit and making it anew would do worse."""
        return self.fidelity > CLASSICAL_LIMIT


def predict(chain: Chain) -> Prediction:
    """Theory for ``chain``.

    The end-to-end pair has correlations ZZ = w^k and XX = -YY = w^k Lambda, so its fidelity to Phi+ is
    F = (1 + w^k (1 + 2 Lambda))/4, and a teleported qubit's is (2F + 1)/3.
    """
    attempts, waiting = _last_link(chain)
    # Each of a link's two memories also holds its qubit while its own attempt is heralded.
    heralding = math.exp(-2 * chain.hops * chain.attempt_ms / chain.t2_ms)
    news = math.exp(-chain.distance_km / LIGHT_KM_MS / chain.t2_ms)
    coherence = min(1.0, heralding * waiting * news)  # the last of many sums may be rounded up
    correlation = chain.werner**chain.hops
    pair = (1 + correlation * (1 + 2 * coherence)) / 4
    return Prediction(
        chain, attempts, attempts * chain.attempt_ms, coherence, pair, (2 * pair + 1) / 3, (1 - correlation) / 2
    )


def _last_link(chain: Chain) -> tuple[float, float]:
    """Mean attempts until all links are ready, and the mean of exp(-2 W / T2), W the sum of the links' waiting times.

    Attempts are independent of the past, so the number j of links still missing is a Markov chain: one attempt turns i
    of them ready with binomial probability, while k - j ready ones wait. Solved from j = 0 up; exact.
    """
    good, k = chain.success, chain.hops
    log_bad = math.log1p(-good) if good < 1 else -math.inf
    log_wait = -2 * chain.attempt_ms / chain.t2_ms
    attempts, kept = [0.0], [1.0]
    for j in range(1, k + 1):
        ready = [math.comb(j, i) * good**i * (math.exp((j - i) * log_bad) if i < j else 1.0) for i in range(1, j + 1)]
        leaves = -math.expm1(j * log_bad)
        attempts.append((1 + sum(share * attempts[j - i] for i, share in enumerate(ready, 1))) / leaves)
        waits = (k - j) * log_wait
        gained = sum(share * kept[j - i] for i, share in enumerate(ready, 1))
        kept.append(math.exp(waits) * gained / -math.expm1(waits + j * log_bad))
    return attempts[k], kept[k]


SWEPT = tuple(field.name for field in dataclasses.fields(Chain))


def sweep(chain: Chain, name: str, values: Sequence[float]) -> tuple[Prediction, ...]:
    """Theory for ``chain`` with its field ``name`` at each of ``values``. Raises `teleport-sweep`."""
    _require(BAD_SWEEP, name in SWEPT, f"a chain has no {name!r}")
    changes: list[dict[str, Any]] = [{name: value} for value in values]
    return tuple(predict(dataclasses.replace(chain, **change)) for change in changes)


def _require(problem: Problem, good: bool, reason: str) -> None:
    if not good:
        raise QcotError(problem, reason)

"""How many pairs a validation takes and how many errors it accepts, and the odds that follow (binomial, exact)."""

from __future__ import annotations

from dataclasses import dataclass

from qcot.errors import QcotError
from qcot.quantum.identity.problems import BAD_CHECKS, BAD_MISMATCHES, BAD_PAIRS, BAD_RATE, BAD_TAU

MAX_PAIRS = 128
"""Two bits a pair of the 256 that HMAC-SHA-256 gives."""
MAX_CHECKS = 4096
_SIXTEENTHS_TAU = 1.5
"""Sixteenths of the checks that may be wrong: 12 of 128. See `false_reject` and `miss` for what that buys."""
_SIXTEENTHS_MISMATCHES = 3
"""Sixteenths of the pairs that may mismatch: 24 of 128. Twice the share, for they travel there and back."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """Sizes, and bounds: up to ``tau`` check errors and up to ``mismatches`` in the Bell step are accepted."""

    pairs: int = 128
    checks: int = 128
    tau: int = 12
    mismatches: int = 24

    def __post_init__(self) -> None:
        for value, low, high, problem in (
            (self.pairs, 1, MAX_PAIRS, BAD_PAIRS),
            (self.checks, 1, MAX_CHECKS, BAD_CHECKS),
            (self.tau, 0, self.checks, BAD_TAU),
            (self.mismatches, 0, self.pairs, BAD_MISMATCHES),
        ):
            top = high if problem in (BAD_PAIRS, BAD_CHECKS) else high - 1
            if type(value) is not int or not low <= value <= top:
                raise QcotError(problem, f"{value!r} is not a whole number from {low} to {top}")

    @classmethod
    def scaled(cls, pairs: int, checks: int, tau: int | None = None) -> Parameters:
        """Bounds of the same shares as DEFAULT's for other sizes, rounded down."""
        for value, high, problem in ((pairs, MAX_PAIRS, BAD_PAIRS), (checks, MAX_CHECKS, BAD_CHECKS)):
            if type(value) is not int or not 1 <= value <= high:
                raise QcotError(problem, f"{value!r} is not a whole number from 1 to {high}")
        bound = int(checks * _SIXTEENTHS_TAU) // 16 if tau is None else tau
        return cls(pairs, checks, bound, pairs * _SIXTEENTHS_MISMATCHES // 16)


DEFAULT = Parameters()
PAPER = Parameters(pairs=12, checks=8, tau=0, mismatches=0)
"""QUMA 5.1's example: 20 Bell states, eight of them measured. It leaves the bound open; on a noiseless link it is 0."""


@dataclass(frozen=True, slots=True)
class Odds:
    """A probability for the check step and one for the Bell step, given that it is reached."""

    check: float
    bell: float

    @property
    def both(self) -> float:
        """Both happen."""
        return self.check * self.bell

    @property
    def either(self) -> float:
        """At least one happens."""
        return self.check + self.bell - self.both


def bell_error(noise: float) -> float:
    """Mismatch probability of a pair on a depolarising link with error rate ``noise`` in Z and in X checks.

    A half that meets a Pauli error with probability p, each of X, Y, Z alike, errs in a check with 2p/3; it travels
    twice, so two such errors add: 2p - 4p^2/3.
    """
    _require_rates(noise)
    once = 1.5 * noise
    return min(2 * once - 4 * once**2 / 3, 1.0)


def false_reject(parameters: Parameters = DEFAULT, noise: float = 0.02) -> Odds:
    """How often an honest peer is refused on a depolarising link of error rate ``noise``, step by step."""
    from scipy.stats import binom

    mismatch = bell_error(noise)
    return Odds(
        float(binom.sf(parameters.tau, parameters.checks, noise)),
        float(binom.sf(parameters.mismatches, parameters.pairs, mismatch)),
    )


def miss(parameters: Parameters = DEFAULT, check_detection: float = 0.25, bell_detection: float = 0.5) -> Odds:
    """How often an attack on every pair passes each step; its detections per pair are those of `Attack`."""
    from scipy.stats import binom

    _require_rates(check_detection, bell_detection)
    return Odds(
        float(binom.cdf(parameters.tau, parameters.checks, check_detection)),
        float(binom.cdf(parameters.mismatches, parameters.pairs, bell_detection)),
    )


def _require_rates(*rates: float) -> None:
    for rate in rates:
        if not 0 <= rate <= 1:
            raise QcotError(BAD_RATE, f"{rate!r} is no error rate")

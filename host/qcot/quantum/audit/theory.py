"""What phase estimation gives, in closed form, computed from integers so that 2^-64 of a turn is not lost.

With m bits of estimate, M = 2^m, and the phase phi in turns, outcome y has probability

    sin^2(pi M d) / (M^2 sin^2(pi d)),   d = phi - y / M

(R. Cleve et al., Proc. R. Soc. A 454 (1998) 339). The iterative circuit with one ancilla has the same distribution.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from qcot.errors import QcotError
from qcot.quantum.audit.problems import BAD_BITS, BAD_ERROR, BAD_PHASE

MAX_BITS = 64
MAX_OUTCOME_BITS = 12
NEAREST_BOUND = 4 / math.pi**2
"""The nearest outcome has at least this probability, 0.405; the two nearest together TWO_NEAREST_BOUND, 0.811."""
TWO_NEAREST_BOUND = 8 / math.pi**2


@dataclass(frozen=True)
class Phase:
    """``numerator`` / 2^``bits`` of a turn: exact, as Qblocks hold theirs."""

    numerator: int
    bits: int

    def __post_init__(self) -> None:
        """Refuse what is no such fraction."""
        if type(self.bits) is not int or not 1 <= self.bits <= MAX_BITS:
            raise QcotError(BAD_PHASE, f"bits are {self.bits!r}")
        if type(self.numerator) is not int or not 0 <= self.numerator < 1 << self.bits:
            raise QcotError(BAD_PHASE, f"{self.numerator!r} does not fit {self.bits} bits")

    @property
    def radians(self) -> float:
        """The angle, rounded once."""
        return self.numerator * math.tau / (1 << self.bits)

    def times(self, power: int) -> Phase:
        """The phase of U^(2^power): whole turns fall away."""
        return Phase((self.numerator << power) % (1 << self.bits), self.bits)


def third_of_a_turn() -> Phase:
    """A third of a turn in 64 bits: off by a third of a step, whatever the number of bits."""
    return Phase((1 << MAX_BITS) // 3, MAX_BITS)


def worst_phase(bits: int) -> Phase:
    """Half a step of an estimate of ``bits`` bits: its nearest outcome is as unlikely as it gets, 4/pi^2."""
    return Phase(1, bits + 1)


def require_bits(bits: int, most: int = MAX_BITS) -> None:
    """Refuse what is not a whole number of bits from 1 to ``most``."""
    if type(bits) is not int or not 1 <= bits <= most:
        raise QcotError(BAD_BITS, f"bits are {bits!r}, of 1 to {most}")


def nearest(phase: Phase, bits: int) -> tuple[int, int]:
    """The outcome nearest to the phase, and the second nearest (one above where the nearest is exact)."""
    require_bits(bits)
    below, rest = divmod(phase.numerator << bits, 1 << phase.bits)
    pair = (below, below + 1) if 2 * rest <= 1 << phase.bits else (below + 1, below)
    return pair[0] % (1 << bits), pair[1] % (1 << bits)


def probability(phase: Phase, bits: int, outcome: int) -> float:
    """Probability of ``outcome``, 0 to 2^bits - 1, when ``phase`` is estimated with ``bits`` bits."""
    require_bits(bits)
    scale = phase.bits + bits
    off = ((phase.numerator << bits) - (outcome << phase.bits)) % (1 << scale)  # d in units of 2^-scale of a turn
    if off == 0:
        return 1.0
    wide, narrow = _sine_of_half_turns((off << bits) % (1 << scale), scale), _sine_of_half_turns(off, scale)
    return (wide / narrow / (1 << bits)) ** 2


def distribution(phase: Phase, bits: int) -> tuple[float, ...]:
    """Probability of each outcome, in order, for up to MAX_OUTCOME_BITS bits."""
    require_bits(bits, MAX_OUTCOME_BITS)
    return tuple(probability(phase, bits, outcome) for outcome in range(1 << bits))


def nearest_probability(phase: Phase, bits: int) -> float:
    """Probability of the nearest outcome: 1 where the phase has no more than ``bits`` bits, else above 4/pi^2."""
    return probability(phase, bits, nearest(phase, bits)[0])


def two_nearest_probability(phase: Phase, bits: int) -> float:
    """Probability that the estimate is less than one step off: at least 8/pi^2 (one bit has no third outcome)."""
    one, two = nearest(phase, bits)
    return probability(phase, bits, one) + probability(phase, bits, two)


def bits_for(wanted: int, error: float) -> int:
    """Bits that estimate any phase to ``wanted`` bits with probability 1 - ``error`` (Nielsen and Chuang, 5.35)."""
    require_bits(wanted)
    if not 0 < error < 1:
        raise QcotError(BAD_ERROR, f"the error is {error!r}")
    return wanted + math.ceil(math.log2(2 + 1 / (2 * error)))


def _sine_of_half_turns(off: int, scale: int) -> float:
    """abs(sin(pi off / 2^scale)), ``off`` folded into a quarter turn first: near a whole turn a float would see 0."""
    return math.sin(math.pi * (min(off, (1 << scale) - off) / (1 << scale)))

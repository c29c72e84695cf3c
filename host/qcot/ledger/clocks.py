"""What a board's clock shows, in UTC: the line that a bridge fitted, and an error that it promises (evidence.md)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

MAX_ZERO = (1 << 63) - 1
MAX_RATE = 20_000_000
"""Parts per billion: 2 %, four times what a resonator may be off."""
MAX_ERROR = 3_600_000_000
"""Microseconds: who knows a board's time to no better than an hour says nothing of it."""
_WRAP = 1 << 32  # of a board's milliseconds


@dataclass(frozen=True, slots=True)
class Clock:
    """Of a frame: its readings were sampled at ``zero + t * 1000 * (1 + rate / 10^9)``, off by ``error`` at most.

    ``zero`` and ``error`` are in microseconds, ``zero`` since 1970: when the board's time was 0, in that turn of its 32
    bits to which the frame's first reading belongs. ``rate`` is in parts per billion, > 0 where the board is slow.
    """

    zero: int
    rate: int
    error: int

    def at(self, board_ms: int, first_ms: int) -> int:
        """When a reading was sampled, in microseconds since 1970, in a frame whose first reading is at ``first_ms``."""
        ms = first_ms + (board_ms - first_ms + _WRAP // 2) % _WRAP - _WRAP // 2
        return self.zero + ms * 1000 + ms * self.rate // 1_000_000

    def is_past(self, board_ms: int, first_ms: int, received_ms: int) -> bool:
        """Whether that reading can have been sampled before ``received_ms``, when the bridge had it."""
        return self.at(board_ms, first_ms) - self.error <= received_ms * 1000 + 999


def is_clock(value: Any) -> bool:
    """Whether an entry may hold ``value`` for a clock."""
    match value:
        case [zero, rate, error] if type(zero) is type(rate) is type(error) is int:
            return 0 <= zero <= MAX_ZERO and abs(rate) <= MAX_RATE and 0 <= error <= MAX_ERROR
    return value is None


def fits(zero: int, rate: int, error: int) -> bool:
    """Whether these are within the bounds of a :class:`Clock`."""
    return is_clock([zero, rate, error])


def to_cbor(clock: Clock | None) -> list[int] | None:
    """As a frame's entry holds it."""
    return None if clock is None else [clock.zero, clock.rate, clock.error]


def from_cbor(value: Iterable[int] | None) -> Clock | None:
    """The inverse, of what :func:`is_clock` has let pass."""
    return None if value is None else Clock(*value)

"""A token bucket: so much a second on average, so much at once."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Rate:
    """``per_s`` a second on average, ``burst`` at once: what an outage of that many has to catch up."""

    per_s: float
    burst: float


class Bucket:
    """A token bucket that starts full. Time comes from the caller, in seconds of any clock that never goes back."""

    __slots__ = ("_at", "_rate", "_tokens")

    def __init__(self, rate: Rate, now: float) -> None:
        self._rate = rate
        self._tokens = rate.burst
        self._at = now

    def has(self, tokens: float, now: float) -> bool:
        """Whether ``tokens`` could be taken now. More than the burst pass when it is full, or they never would."""
        self._tokens = min(self._rate.burst, self._tokens + max(0.0, now - self._at) * self._rate.per_s)
        self._at = max(self._at, now)
        return self._tokens >= min(tokens, self._rate.burst)

    def take(self, tokens: float) -> None:
        """Take what :meth:`has` allowed."""
        self._tokens -= tokens

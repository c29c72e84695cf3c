"""Limits on what is accepted: availability against a bridge or board that sends without end (QCoT table 2.1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from qcot.rates import Bucket, Rate

__all__ = ["MAX_DEVICES", "Bucket", "Limiter", "Limits", "Rate"]

MAX_DEVICES = 65_536
"""A bridge may name devices without end; buckets of more than these are forgotten, the longest unused first."""


@dataclass(frozen=True)
class Limits:
    """Transactions of one bridge, readings of one device, and answers to what nobody known has signed."""

    bridge: Rate = field(default=Rate(2_000, 50_000))
    device: Rate = field(default=Rate(2_000, 1_000_000))
    unsigned_answers: Rate = field(default=Rate(50, 200))


class Limiter:
    """All buckets of a gateway; of devices that are named only the last used are kept."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._bridges: dict[str, Bucket] = {}
        self._devices: dict[bytes, Bucket] = {}
        self._unsigned: Bucket | None = None

    def excess(self, bridge: str, readings: Mapping[bytes, int], now: float) -> str | None:
        """Take one transaction and its ``readings`` by device, or take nothing and say which limit is met."""
        wanted = [(f"bridge {bridge}", self._bridges.setdefault(bridge, Bucket(self._limits.bridge, now)), 1)]
        wanted += [(f"device {device.hex()}", self._of(device, now), count) for device, count in readings.items()]
        for name, bucket, count in wanted:
            if not bucket.has(count, now):
                return name
        for _, bucket, count in wanted:
            bucket.take(count)
        return None

    def may_answer_unsigned(self, now: float) -> bool:
        """Whether one more answer may be signed for a message that nobody known has signed."""
        self._unsigned = self._unsigned or Bucket(self._limits.unsigned_answers, now)
        if not self._unsigned.has(1, now):
            return False
        self._unsigned.take(1)
        return True

    def _of(self, device: bytes, now: float) -> Bucket:
        bucket = self._devices.pop(device, None) or Bucket(self._limits.device, now)
        self._devices[device] = bucket  # at the end: the first is the one that was not used for longest
        if len(self._devices) > MAX_DEVICES:
            del self._devices[next(iter(self._devices))]
        return bucket

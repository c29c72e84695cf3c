"""A simulated quantum link: what it loses, what its detectors make up, what it turns, and who listens.

Everything is simulated. Keys that come over it are as secret as this machine's memory and not more.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from qcot.errors import QcotError
from qcot.quantum.qkd.problems import BAD_LINK

LABEL = "simulated link: secrecy rests on this machine, not on physics"
_BOUNDS = {
    "distance_km": (0.0, 1000.0),
    "attenuation_db_per_km": (0.0, 100.0),
    "efficiency": (0.0, 1.0),
    "dark_count": (0.0, 0.5),
    "misalignment": (0.0, 0.5),
    "depolarizing": (0.0, 1.0),
    "eavesdropper": (0.0, 1.0),
}
"""Lowest and highest value of each member, both allowed."""


@dataclass(frozen=True, slots=True)
class LinkParameters:
    """A fibre with single photons in it and two threshold detectors at each end that measures.

    ``efficiency``: of a detector, with all loss that no fibre makes. ``dark_count``: probability that a detector clicks
    by itself in one gate. ``misalignment``: probability that a measurement in the right basis errs because the
    receiver's axes are turned. ``depolarizing``: probability that a photon arrives fully mixed. ``eavesdropper``: share
    of photons that an eavesdropper measures in a random one of the two BB84 bases and sends on as she found them.
    Raises `qkd-link`.
    """

    distance_km: float = 1.0
    attenuation_db_per_km: float = 0.2
    efficiency: float = 0.8
    dark_count: float = 1e-6
    misalignment: float = 0.005
    depolarizing: float = 0.01
    eavesdropper: float = 0.0

    def __post_init__(self) -> None:
        for name, (low, high) in _BOUNDS.items():
            value = getattr(self, name)
            if not low <= value <= high:  # also not-a-number
                raise QcotError(BAD_LINK, f"{name} is {value!r}, not from {low:g} to {high:g}")
        if not self.click(1):
            raise QcotError(BAD_LINK, "no detector can ever click")

    def arrives(self, ends: int) -> float:
        """Probability that a photon is seen at an end, where ``ends`` ends share the fibre's length (1 or 2)."""
        return self.efficiency * math.pow(10, -self.attenuation_db_per_km * self.distance_km / ends / 10)

    def click(self, ends: int) -> float:
        """Probability that an end sees a click in a gate: the photon or a dark count."""
        return 1 - (1 - self.arrives(ends)) * (1 - self.dark_count) ** 2

    def clean(self, ends: int) -> float:
        """Probability of a click by the photon alone. All other clicks give a random bit.

        That is so for a dark count alone; where both detectors click, the end tosses a coin, as it must (Luetkenhaus
        1999).
        """
        return self.arrives(ends) * (1 - self.dark_count)

    @property
    def turned(self) -> float:
        """By how much the receiver's axes are turned: an angle on the Bloch sphere, in radians."""
        return 2 * math.asin(math.sqrt(self.misalignment))

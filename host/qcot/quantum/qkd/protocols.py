"""BB84 and E91 as records: at which angles the ends measure, and what each pair of settings is for.

Angles are of the Bloch sphere's Z-X plane: 0 is Z, 90 degrees is X. BB84's sender is described like E91's: that he
sends bit b in basis a is the same as that he measured half of a pair Phi+ along a and found b (Bennett, Brassard,
Mermin 1992).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qcot.errors import QcotError
from qcot.quantum.qkd.link import LinkParameters
from qcot.quantum.qkd.problems import BAD_PROTOCOL

EVE_ANGLES = (0.0, 90.0)
"""Bases of intercept and resend, one drawn for each photon."""
TSIRELSON = 2 * math.sqrt(2)
CLASSICAL = 2.0
"""Largest |S| of anything that has its outcomes ready beforehand (Clauser, Horne, Shimony, Holt 1969)."""


@dataclass(frozen=True, slots=True)
class Protocol:
    """``key``: pairs of settings whose outcomes make the key. ``chsh``: pairs for S, with the sign of each."""

    name: str
    ends: int
    sender: tuple[float, ...]
    receiver: tuple[float, ...]
    key: tuple[tuple[int, int], ...]
    chsh: tuple[tuple[int, int, int], ...] = ()

    @property
    def key_share(self) -> float:
        """Which share of what both ends see becomes sifted key."""
        return len(self.key) / (len(self.sender) * len(self.receiver))

    def differ(self, link: LinkParameters) -> NDArray[np.float64]:
        """Probability that the two outcomes differ, by sender's setting, by who touched the photon (nobody, Eve at each
        of EVE_ANGLES, a dark count), by receiver's setting.

        Malus: correlations are cos of the difference of angles; through Eve, the product of both her differences.
        """
        sent, received = np.radians(self.sender), np.radians(self.receiver) - link.turned
        correlation = np.zeros((len(sent), 2 + len(EVE_ANGLES), len(received)))
        correlation[:, 0] = np.cos(sent[:, None] - received)
        for place, eve in enumerate(np.radians(EVE_ANGLES), 1):
            correlation[:, place] = np.cos(sent - eve)[:, None] * np.cos(eve - received)
        return (1 - (1 - link.depolarizing) * correlation) / 2

    def coincidence(self, link: LinkParameters) -> float:
        """Probability that all ends that measure see a click."""
        return link.click(self.ends) ** self.ends

    def clean(self, link: LinkParameters) -> float:
        """Share of the clicks that no dark count had a part in, at any end."""
        return (link.clean(self.ends) / link.click(self.ends)) ** self.ends

    def error_rate(self, link: LinkParameters) -> float:
        """Share of sifted bits in which the two ends differ."""
        aligned = (1 - link.depolarizing) * math.cos(link.turned) * (1 - link.eavesdropper / 2)
        return (1 - self.clean(link) * aligned) / 2

    def bell(self, link: LinkParameters) -> float:
        """S = 2 sqrt2 (1 - 2 Q): loss of contrast of any kind here lowers S as it raises Q."""
        return TSIRELSON * (1 - 2 * self.error_rate(link))


BB84 = Protocol("bb84", 1, (0.0, 90.0), (0.0, 90.0), ((0, 0), (1, 1)))
E91 = Protocol(
    "e91",
    2,
    (0.0, 45.0, 90.0),
    (45.0, 90.0, 135.0),
    ((1, 0), (2, 1)),
    ((0, 0, 1), (0, 2, -1), (2, 0, 1), (2, 2, 1)),
)
"""Ekert 1991; his spin angles are these."""
PROTOCOLS = {each.name: each for each in (BB84, E91)}


def named_protocol(name: str) -> Protocol:
    """The protocol of this name; raises `qkd-protocol`."""
    if name not in PROTOCOLS:
        raise QcotError(BAD_PROTOCOL, f"{name!r} is none")
    return PROTOCOLS[name]

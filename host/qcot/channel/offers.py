"""A gateway's offers: an ML-KEM key each, in memory alone, renewed at an interval and forgotten after a grace.

What was sent under a forgotten key nobody can open any more, whoever takes the gateway then: forward secrecy. Python
cannot wipe memory, so a forgotten key is gone when its pages are used again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from qcot.channel.handshake import build_offer, parse_offer
from qcot.channel.level import Level
from qcot.crypto.kem import KemKey
from qcot.crypto.signing import SigningKey
from qcot.rates import Bucket, Rate

MAX_HELD = 4
MAX_TAKEN = 4096
"""Most openings of one offer, all bridges together; each is remembered, so that it opens once."""
REPEAT_S = 60.0
"""How often an offer is given out, for a bridge that did not hear it and a broker that did not keep it."""
ASKED_RATE = Rate(per_s=0.5, burst=3)
"""How often one is given out because an opening named another: anybody can send such a thing."""


@dataclass
class Held:
    """An offer that openings may answer: its bytes, their hash, its key, and which openings it has served."""

    raw: bytes
    hash: bytes
    key: KemKey = field(repr=False)
    until: float
    taken: set[bytes] = field(default_factory=set)


class Offers:
    """The offers of one gateway. Times are seconds of a clock that never goes back; ``wall`` gives ms since 1970."""

    def __init__(
        self,
        names: tuple[str, str],
        level: Level,
        key: SigningKey,
        *,
        renew_s: float,
        grace_s: float,
        wall: Callable[[], int],
        now: float,
    ) -> None:
        self._names, self._level, self._key = names, level, key
        self._renew_s, self._grace_s, self._wall = renew_s, grace_s, wall
        self._held: list[Held] = []
        self._renew_at = self._repeat_at = now
        self._asked = Bucket(ASKED_RATE, now)

    def due(self, now: float) -> bytes | None:
        """The offer to be given out now, newly made if its time has come; None where it is out already."""
        self._held = [each for each in self._held if now < each.until][-MAX_HELD:]
        if now >= self._renew_at or len(self._held[-1].taken) >= MAX_TAKEN:
            self._renew(now)
        if now < self._repeat_at:
            return None
        self._repeat_at = now + REPEAT_S
        return self._held[-1].raw

    def wait_s(self, now: float) -> float:
        """How long nothing is due."""
        return max(0.0, min(self._renew_at, self._repeat_at) - now)

    def repeat(self, now: float) -> None:
        """Have the newest offer given out once more."""
        self._repeat_at = now

    def asked(self, now: float) -> None:
        """Somebody answered an offer that is not held: have the newest given out, but not at everybody's pace."""
        if self._asked.has(1, now):
            self._asked.take(1)
            self.repeat(now)

    def held(self, digest: bytes, now: float) -> Held | None:
        """The offer with this hash, while it takes openings."""
        found = next((each for each in self._held if each.hash == digest and now < each.until), None)
        return found if found and len(found.taken) < MAX_TAKEN else None

    def _renew(self, now: float) -> None:
        key, issued = KemKey.generate(self._level.kem), self._wall()
        valid_s = self._renew_s + self._grace_s
        raw = build_offer(
            self._key, names=self._names, level=self._level, public_key=key.public_key.raw,
            valid=range(issued, issued + round(1000 * valid_s)),
        )  # fmt: skip
        self._held.append(Held(raw, parse_offer(raw).hash, key, now + valid_s))
        self._renew_at, self._repeat_at = now + self._renew_s, now

"""What a board's raw values stand for: a calibration through points that somebody measured, kept by the board.

A physical value is ``(raw + offset) * num / den``; a board keeps ``num`` and ``den`` in 16 bits, ``offset`` in 32.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from qcot.boards.enroll import ENROLLED_ELSEWHERE, NO_CHANNEL, Dialogue
from qcot.boards.registry import BoardRegistry, ChannelInfo, EnrolledBoard
from qcot.errors import Problem, QcotError
from qcot.link.events import SawResult, SessionOpened
from qcot.link.messages import Code
from qcot.link.transport import SerialPort

BAD_POINT = Problem("bad-point", "Write RAW=VALUE, as in --point 512=2.47: a whole raw value, and what it stood for.")
BAD_POINTS = Problem("bad-points", "Give one point (for an offset) or two with different raw values and amounts.")
BAD_GAIN = Problem("bad-gain", "Check the points: no sensor's raw value is worth that much, or that little.")
UNENROLLED = Problem("board-unenrolled", "Run `qcot enroll PORT`.")
REFUSED = Problem("calibration-refused", "Flash this version's firmware onto the board (`qcot flash`), then try again.")

MOST = (1 << 15) - 1
MOST_OFFSET = (1 << 31) - 1
_POINT = re.compile(r"(-?\d{1,10})=(-?\d{1,12}(?:\.\d{1,12})?)")

Point = tuple[int, Fraction]


@dataclass(frozen=True, slots=True)
class Calibration:
    """A physical value is ``(raw + offset) * num / den``; ``den`` is above 0."""

    num: int
    den: int
    offset: int

    def amount(self, raw: int) -> Fraction:
        """What ``raw`` stands for."""
        return Fraction((raw + self.offset) * self.num, self.den)

    def error(self, points: Sequence[Point]) -> Fraction:
        """How far it is off at the worst of ``points``, since its numbers are small."""
        return max(abs(self.amount(raw) - value) for raw, value in points)


def parse_point(text: str) -> Point:
    """Read ``RAW=VALUE``; raises `bad-point`."""
    found = _POINT.fullmatch(text)
    if not found:
        raise QcotError(BAD_POINT, f"{text!r}")
    return int(found[1]), Fraction(found[2])


def through(points: Sequence[Point], known: ChannelInfo) -> Calibration:
    """The calibration through one point, whose gain stays that of ``known``, or through two.

    Raises `bad-points` and `bad-gain`.
    """
    if len(points) == 1:
        gain = Fraction(known.num, known.den)
    elif len(points) == 2:
        (raw_a, value_a), (raw_b, value_b) = points
        if raw_a == raw_b or value_a == value_b:
            raise QcotError(BAD_POINTS, "both points have the same raw value, or stand for the same amount")
        gain = (value_b - value_a) / (raw_b - raw_a)
    else:
        raise QcotError(BAD_POINTS, f"there are {len(points)}")
    small = _small(gain)
    offset = round(sum((value / small - raw for raw, value in points), Fraction()) / len(points))
    if abs(offset) > MOST_OFFSET:
        raise QcotError(BAD_GAIN, f"a raw value would be worth {float(gain):.3g}, and the offset be {offset}")
    return Calibration(small.numerator, small.denominator, offset)


def _small(gain: Fraction) -> Fraction:
    """The fraction nearest to ``gain`` of which a board keeps both parts (the best of its continued fraction)."""
    if not Fraction(1, MOST) <= abs(gain) <= MOST:
        raise QcotError(BAD_GAIN, f"a raw value would be worth {float(gain):.3g}")
    return 1 / (1 / gain).limit_denominator(MOST) if abs(gain) > 1 else gain.limit_denominator(MOST)


def calibrate(
    port: str | Path,
    registry: BoardRegistry,
    channel: str,
    wanted: Callable[[ChannelInfo], Calibration | None],
    *,
    window: float = 30.0,
    progress: Callable[[str], None] = lambda _: None,
) -> EnrolledBoard:
    """Have the board on ``port`` keep what ``wanted`` makes of its channel's description; None: as it was made.

    The record of the board is written anew from what the board then says of itself.

    Raises QcotError: `board-silent`, `board-unenrolled`, `enrolled-elsewhere`, `enrolment-unproven`, `no-channel`,
    `calibration-refused`, `port-...`, `key-file-...`, and what ``wanted`` raises.
    """
    link = SerialPort(str(port))
    try:
        return _calibrate(Dialogue(link, registry, time.monotonic() + window, progress), registry, channel, wanted)
    finally:
        link.close()


def _calibrate(
    dialogue: Dialogue, registry: BoardRegistry, channel: str, wanted: Callable[[ChannelInfo], Calibration | None]
) -> EnrolledBoard:
    hello = dialogue.hello()
    if not hello.enrolled:
        raise QcotError(UNENROLLED, "the board has no identity")
    if not registry.has_key(hello.device):
        raise QcotError(ENROLLED_ELSEWHERE, f"board {hello.device.hex()} has an identity and its key is not here")
    before = dialogue.describe(hello)
    names = [each.name for each in before.channels]
    if channel not in names:
        raise QcotError(NO_CHANNEL, f"{before.model} has {', '.join(names)} and no {channel}")
    number, chosen = names.index(channel), wanted(before.channels[names.index(channel)])
    for event in dialogue.in_session(hello):
        match event:
            case SessionOpened():
                numbers = (chosen.num, chosen.den, chosen.offset) if chosen else (0, 0, 0)
                dialogue.session.calibrate(number, *numbers)
            case SawResult(code=code, channel=int(answered), authenticated=True) if answered == number:
                if code is not Code.OK:
                    raise QcotError(REFUSED, f"the board answers {code.label}")
                break
            case _:
                pass
    after = dialogue.describe(hello)
    registry.record(after)
    return after

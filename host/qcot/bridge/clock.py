"""What a board's clock shows, in UTC, with an error that is promised (docs/link-protocol.md, Time).

A board says its milliseconds, the host notes when they came. On the way delays only add, so that true time is below all
of these points: below their lower hull, and not far below it. What is promised rests on three assumptions, which the
constants state: how long the quickest frames are under way, that the others differ from them without order, and how
fast a resonator's rate changes.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import pairwise

from qcot.bridge.problems import BOARD_CLOCK_JUMPED, HOST_CLOCK_STEPPED
from qcot.errors import Problem
from qcot.ledger.clocks import MAX_RATE, Clock, fits
from qcot.link import chain
from qcot.link.messages import MAX_READINGS

LEAST_US = 9_000
"""Of the quickest frames, from the board's look at its clock to the host's: MAC, line, USB."""
TICK_US = 2_000
"""A board's time is cut to a millisecond, and an AVR's millis() may be another one behind."""
DRIFT = 5e-7
"""Per second: by how much a resonator's rate changes at most (30 ppm a minute, a room's temperature in a draught)."""
RATE_SPREAD = 5e-3
"""By how much its rate at one time may differ from that at any other."""
WINDOW_US = 120_000_000
STEP_US = 1_000
"""By how much the host's two clocks may part from one look to the next."""
LEAST_OVER_MQTT_US = 50_000
"""Over Wi-Fi and a broker, where nothing bounds it but experience."""
HOLD_US = 2_000_000
"""For so long a clock is said again as it is, which costs the ledger nothing."""
GATHER_MS = 100
"""How old the first reading of a frame is that goes out before it is full (docs/link-protocol.md)."""
_CELL_US = 1_000_000
_LEAST_CELLS = 4  # in each half of the window
_ODDS = 1e5  # one in so many that what was quickest was still slower than is promised
_LATE_US = 250_000
_TURN = 1 << 32  # of a board's milliseconds
_TURN_US = _TURN * 1000
_LOOKS, _MOMENT_NS = 4, 50_000

Point = tuple[int, int]
"""Board and host time in microseconds."""


@dataclass(frozen=True, slots=True)
class _Line:
    """The line below all points: ``host`` at ``board``, ``rate`` the excess of its slope over 1.

    ``halves`` are centre and slack of each half of the points: by how much the line may be above the quickest way.
    """

    board: int
    host: float
    rate: float
    start: int
    end: int
    halves: tuple[tuple[float, float], tuple[float, float]]

    def at(self, board: int) -> float:
        """Host time at a board's."""
        return self.host + (board - self.board) * (1 + self.rate)

    def bounds(self, board: int) -> tuple[float, float]:
        """By how much the quickest way may be below the line there, and above it."""
        (first, slack_first), (second, slack_second) = self.halves
        share = (board - first) / (second - first)
        below = max(1 - share, 0) * slack_first + max(share, 0) * slack_second
        above = max(share - 1, 0) * slack_first + max(-share, 0) * slack_second
        return below, above

    def bend(self, board: int) -> float:
        """By how much a rate that changes may have led away from a line."""
        span, out = self.end - self.start, max(self.start - board, board - self.end, 0)
        return DRIFT * 1e-6 * span**2 / 8 + min(DRIFT * 1e-6 / 2 * out * (out + span), RATE_SPREAD * out)


@dataclass(frozen=True, slots=True)
class _Said:
    """A clock that was given, and from when to when by the board's time its error holds."""

    clock: Clock
    turn: int
    start: int
    end: int


class ClockFit:
    """The clock of one board in one boot. ``least_us`` is how long the quickest frames are under way at most."""

    def __init__(self, least_us: int = LEAST_US) -> None:
        self._least = least_us
        self._newest: int | None = None
        self._begin()

    def _begin(self) -> None:
        self._cells: dict[int, Point] = {}
        self._line: _Line | None = None
        self._is_stale = False
        self._said: _Said | None = None
        self._offset: int | None = None

    def observe(self, board_ms: int, host_us: int, steady_us: int | None = None) -> Problem | None:
        """The board's time ``board_ms`` was heard at ``host_us``; gives why all before is forgotten, if it is.

        ``steady_us`` is the same look at a clock of the host that nobody sets: without it a host's clock that was put
        back is noticed and one that was put forward is taken for late frames, until all before it is out of the window.
        """
        board = self._unwrap(board_ms)
        offset = None if steady_us is None else host_us - steady_us
        problem = self._broken(board, host_us, offset)
        if problem is not None:
            self._begin()
        if self._offset is None:
            self._offset = offset
        self._newest = board if self._newest is None else max(self._newest, board)
        if board > self._newest - WINDOW_US and not self._is_late(board, host_us):
            self._keep(board, host_us)
        return problem

    def clock(self, first_ms: int, last_ms: int) -> Clock | None:
        """What a frame says whose readings are from ``first_ms`` to ``last_ms``; None while it cannot be told."""
        first, last = self._unwrap(first_ms), self._unwrap(last_ms)
        said, turn = self._said, first // _TURN_US
        if said is None or said.turn != turn or not (said.start <= first and last <= said.end):
            if self._is_stale:
                self._line, self._is_stale = self._fitted(), False
            said = self._said = self._promise(self._line, first, last, turn) if self._line else None
        return said.clock if said else None

    def _unwrap(self, board_ms: int) -> int:
        """Microseconds that go on where milliseconds of 32 bits begin anew."""
        if self._newest is None:
            return board_ms * 1000
        newest = self._newest // 1000
        return (newest + (board_ms - newest + _TURN // 2) % _TURN - _TURN // 2) * 1000

    def _broken(self, board: int, host: int, offset: int | None) -> Problem | None:
        """Why what was fitted is of no use any more: a clock that was set, or a frame earlier than any can be."""
        if offset is not None and self._offset is not None and abs(offset - self._offset) > STEP_US:
            return HOST_CLOCK_STEPPED
        line = self._line
        if line is None:
            return None
        soonest = line.at(board) - self._least - line.bounds(board)[0] - line.bend(board) - TICK_US - STEP_US
        if host >= soonest:
            return None
        return HOST_CLOCK_STEPPED if offset is None else BOARD_CLOCK_JUMPED

    def _is_late(self, board: int, host: int) -> bool:
        """Such as a reading that a board kept while nobody listened: it says nothing, and would spoil the spread."""
        return self._line is not None and host - self._line.at(board) > _LATE_US

    def _keep(self, board: int, host: int) -> None:
        """Of each cell the quickest, which is all that counts."""
        rate = self._line.rate if self._line else 0.0
        cell = board // _CELL_US
        known = self._cells.get(cell)
        if known is None or host - known[1] < (board - known[0]) * (1 + rate):
            self._cells[cell] = board, host
            self._is_stale = True

    def _fitted(self) -> _Line | None:
        """The line below all points that is nearest to them: the edge of their lower hull over the middle."""
        assert self._newest is not None
        oldest = (self._newest - WINDOW_US) // _CELL_US
        self._cells = {cell: self._cells[cell] for cell in sorted(self._cells) if cell > oldest}
        parts = _halves(_plausible(list(self._cells.values())))
        points = [*parts[0], *parts[1]]
        if min(map(len, parts)) < _LEAST_CELLS:
            return None
        hull = _lower_hull(points)
        (left, low), (right, high) = next((a, b) for a, b in pairwise(hull) if b[0] >= parts[1][0][0])
        rate = (high - low) / (right - left) - 1
        if abs(rate) * 1e9 > MAX_RATE:
            return None

        def half(part: list[Point]) -> tuple[float, float]:
            above = sorted(host - low - (board - left) * (1 + rate) for board, host in part)
            # How dense they lie above the line, wherever that is densest: frames are of several kinds. Without order
            # among them, a gap is longer than c times the sum of n others with a chance of (1 + c)^-n.
            wide = ((n, max(each, 0.0)) for n, each in enumerate(above) if n >= _LEAST_CELLS - 1)
            slack = min(each * (_ODDS ** (1 / n) - 1) for n, each in wide)
            return sum(board for board, _ in part) / len(part), slack

        return _Line(left, low, rate, points[0][0], points[-1][0], (half(parts[0]), half(parts[1])))

    def _promise(self, line: _Line, first: int, last: int, turn: int) -> _Said | None:
        """The line put in the middle of what is possible, where now is, and how far off it is where it is worst."""
        is_old = first < line.start
        start, end = (first if is_old else line.start), max(last, first + HOLD_US if is_old else line.end + HOLD_US)
        below, above = line.bounds(line.end)
        shift = (TICK_US + above - self._least - below) / 2
        worst = 0.0
        for board in (start, end):
            below, above = line.bounds(board)
            worst = max(
                worst, shift + self._least + below + line.bend(board), TICK_US + above + line.bend(board) - shift
            )
        rate = round(line.rate * 1e9)
        since = line.end - turn * _TURN_US
        zero = round(line.at(line.end) + shift) - since - since * rate // 1_000_000_000
        error = _rounded_up(worst)
        return _Said(Clock(zero, rate, error), turn, start, end) if fits(zero, rate, error) else None


class Clocks:
    """The clocks of all boards that a bridge serves, each in its newest boot."""

    def __init__(self) -> None:
        self._fits: dict[bytes, tuple[int, ClockFit]] = {}

    def observe(
        self, device: bytes, epoch: int, board_ms: int, at: tuple[int, int], least_us: int = LEAST_US
    ) -> Problem | None:
        """``board_ms`` was heard ``at`` (:func:`look`) of a board in boot ``epoch``; as :meth:`ClockFit.observe`."""
        known, fit = self._fits.get(device, (None, None))
        if fit is None or known != epoch:
            fit = ClockFit(least_us)
            self._fits[device] = epoch, fit
        return fit.observe(board_ms, *at)

    def of_frame(self, device: bytes, epoch: int, records: bytes, received_ms: int) -> Clock | None:
        """What the frame that holds ``records`` says."""
        known, fit = self._fits.get(device, (None, None))
        if fit is None or known != epoch:
            return None
        first, last = chain.span(records)
        clock = fit.clock(first, last)
        # What the ledger would refuse: the host's clock may have been put back since it was fitted.
        return clock if clock is not None and clock.is_past(last, first, received_ms) else None


def sent_ms(records: bytes) -> int:
    """The board's time before which a frame of ``records`` cannot have gone out: it holds as many as fit, or waited."""
    first, last = chain.span(records)
    is_full = len(records) == MAX_READINGS * chain.RECORD_SIZE
    return last if is_full or (last - first) % _TURN >= GATHER_MS else (first + GATHER_MS) % _TURN


def look() -> tuple[int, int]:
    """The host's time in microseconds since 1970, and in the same moment that of a clock that nobody sets."""
    best = (1 << 62, 0, 0)
    for _ in range(_LOOKS):
        before, wall, after = time.monotonic_ns(), time.time_ns(), time.monotonic_ns()
        best = min(best, (after - before, wall // 1000, before // 1000))
        if best[0] < _MOMENT_NS:
            break
    return best[1], best[2]


def _plausible(points: list[Point]) -> list[Point]:
    """Those that no board's rate could have made late: not what a board kept until somebody listened."""
    if not points:
        return points
    board, host = min(points, key=lambda each: each[1] - each[0])
    return [
        each for each in points
        if each[1] - host - (each[0] - board) <= abs(each[0] - board) * MAX_RATE / 1e9 + _LATE_US
    ]  # fmt: skip


def _halves(points: list[Point]) -> tuple[list[Point], list[Point]]:
    """As many points each; or what is on either side of a gap in which nothing was heard, without what is too few."""
    middle = len(points) // 2
    gap, after = max(((b[0] - a[0], at) for at, (a, b) in enumerate(pairwise(points), 1)), default=(0, 0))
    if points and gap * 4 > points[-1][0] - points[0][0]:
        if after < _LEAST_CELLS:
            return _halves(points[after:])
        if len(points) - after < _LEAST_CELLS:
            return _halves(points[:after])
        middle = after
    return points[:middle], points[middle:]


def _lower_hull(points: list[Point]) -> list[Point]:
    """Andrew's monotone chain; ``points`` have increasing board times."""
    hull: list[Point] = []
    for point in points:
        while len(hull) > 1 and _turns_down(hull[-2], hull[-1], point):
            hull.pop()
        hull.append(point)
    return hull


def _turns_down(a: Point, b: Point, c: Point) -> bool:
    return (b[0] - a[0]) * (c[1] - a[1]) <= (b[1] - a[1]) * (c[0] - a[0])


def _rounded_up(error: float) -> int:
    """To two digits, so that a clock that hardly changes is said again as it is."""
    whole = int(error) + 1
    unit: int = 10 ** max(len(str(whole)) - 2, 0)
    return -(-whole // unit) * unit

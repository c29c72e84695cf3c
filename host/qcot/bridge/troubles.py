"""What goes wrong in a bridge, once for each place and name, for the log and for whoever looks."""

from __future__ import annotations

import logging
from collections.abc import Callable

from qcot.bridge.snapshot import TroubleView
from qcot.errors import Problem

MAX_TROUBLES = 200
LOG_AGAIN = 30_000
LOG_LINES, LOG_SPAN = 100, 10_000
"""Lines in so many ms: places and reasons are what anybody on a line or a broker makes them."""

_log = logging.getLogger(__name__)


class Troubles:
    """``wall`` gives ms since 1970; the same trouble is logged again after a while, or for another reason."""

    def __init__(self, wall: Callable[[], int]) -> None:
        self._wall = wall
        self._found: dict[tuple[str, str], TroubleView] = {}
        self._span = self._lines = 0

    @property
    def views(self) -> tuple[TroubleView, ...]:
        """The last of each, in the order in which they were met."""
        return tuple(self._found.values())

    def tell(self, where: str, problem: Problem, reason: str) -> None:
        """Note a trouble at a place."""
        now = self._wall()
        before = self._found.pop((where, problem.name), None)
        times = before.times + 1 if before else 1
        is_news = before is None or before.reason != reason or now - before.time > LOG_AGAIN
        if is_news and self._may_log(now):
            _log.warning("%s: %s: %s (%s)", where, problem.name, reason, problem.remedy)
        self._found[where, problem.name] = TroubleView(where, problem.name, reason, problem.remedy, now, times)
        if len(self._found) > MAX_TROUBLES:
            del self._found[next(iter(self._found))]

    def _may_log(self, now: int) -> bool:
        if not 0 <= now - self._span < LOG_SPAN:
            if self._lines > LOG_LINES:
                _log.warning("%d more troubles were not logged", self._lines - LOG_LINES)
            self._span, self._lines = now, 0
        self._lines += 1
        return self._lines <= LOG_LINES

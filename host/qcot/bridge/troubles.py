"""What goes wrong in a bridge, once for each place and name, for the log and for whoever looks."""

from __future__ import annotations

import logging
from collections.abc import Callable

from qcot.bridge.snapshot import TroubleView
from qcot.errors import Problem

MAX_TROUBLES = 200
LOG_AGAIN = 30_000

_log = logging.getLogger(__name__)


class Troubles:
    """``wall`` gives ms since 1970; the same trouble is logged again after a while, or for another reason."""

    def __init__(self, wall: Callable[[], int]) -> None:
        self._wall = wall
        self._found: dict[tuple[str, str], TroubleView] = {}

    @property
    def views(self) -> tuple[TroubleView, ...]:
        """The last of each, in the order in which they were met."""
        return tuple(self._found.values())

    def tell(self, where: str, problem: Problem, reason: str) -> None:
        """Note a trouble at a place."""
        now = self._wall()
        before = self._found.pop((where, problem.name), None)
        times = before.times + 1 if before else 1
        if before is None or before.reason != reason or now - before.time > LOG_AGAIN:
            _log.warning("%s: %s: %s (%s)", where, problem.name, reason, problem.remedy)
        self._found[where, problem.name] = TroubleView(where, problem.name, reason, problem.remedy, now, times)
        if len(self._found) > MAX_TROUBLES:
            del self._found[next(iter(self._found))]

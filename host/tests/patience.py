"""How tests wait for what must come."""

import time
from collections.abc import Callable
from typing import TypeVar

PATIENCE_S = 300.0
"""Only a failure takes that long: how fast the machine is, or how busy, is no test's business."""

T = TypeVar("T")


def until(condition: Callable[[], T], what: str = "condition") -> T:
    """What ``condition`` gives once that is true; looked at often at first, then less, for others to get on."""
    end, pause = time.monotonic() + PATIENCE_S, 0.002
    while not (result := condition()):
        assert time.monotonic() < end, f"waited {PATIENCE_S:.0f} s in vain for {what}"
        time.sleep(pause)
        pause = min(1.2 * pause, 0.1)
    return result

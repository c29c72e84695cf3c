"""What an event loop is asked for besides its own: something again and again, and calls from other threads."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Any

_log = logging.getLogger(__name__)


async def every(seconds: float, call: Callable[[], None]) -> None:
    """Do ``call`` again and again, with so long a pause."""
    while True:
        try:
            call()
        except Exception:
            # One round that failed must not be the last: ports come and go, and boards wait.
            _log.exception("the bridge goes on after")
        await asyncio.sleep(seconds)


def hand_over(loop: asyncio.AbstractEventLoop, call: Callable[..., None], *arguments: Any) -> None:
    """Have the loop's thread do it."""
    with contextlib.suppress(RuntimeError):  # the loop has ended; what it did not see is sent again
        loop.call_soon_threadsafe(call, *arguments)

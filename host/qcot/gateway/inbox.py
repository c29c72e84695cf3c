"""What waits between the network and the ledger, bounded in number and bytes."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass

from qcot.mqtt import Ack


@dataclass(frozen=True, slots=True)
class Message:
    """A payload from a bridge's topic, and what to call once it has been dealt with."""

    bridge: str
    payload: bytes
    ack: Ack


class Inbox:
    """A queue from one thread to another that refuses what it has no room for and never blocks who puts."""

    def __init__(self, max_messages: int = 4096, max_bytes: int = 128 << 20) -> None:
        self._limits = (max_messages, max_bytes)
        self._messages: deque[Message] = deque()
        self._bytes = 0
        self._woken = False
        self._changed = threading.Condition()

    def __len__(self) -> int:
        """How many messages wait."""
        return len(self._messages)

    def put(self, message: Message) -> bool:
        """Whether there was room for ``message``."""
        with self._changed:
            if len(self._messages) >= self._limits[0] or self._bytes + len(message.payload) > self._limits[1]:
                return False
            self._messages.append(message)
            self._bytes += len(message.payload)
            self._changed.notify()
            return True

    def wake(self) -> None:
        """Let :meth:`take` return, now or the next time, even with nothing."""
        with self._changed:
            self._woken = True
            self._changed.notify()

    def take(self, most: int, timeout_s: float) -> list[Message]:
        """Up to ``most`` messages, as soon as there is one; nothing when woken, or after ``timeout_s``."""
        with self._changed:
            self._changed.wait_for(lambda: self._woken or (most > 0 and self._messages), max(0.0, timeout_s))
            self._woken = False
            taken = [self._messages.popleft() for _ in range(min(most, len(self._messages)))]
            self._bytes -= sum(len(message.payload) for message in taken)
            return taken

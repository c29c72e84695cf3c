"""What happened, when and where: the simulation's event log, and its random streams. Nothing here knows real time."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from qcot.errors import QcotError
from qcot.quantum.network.problems import LOG_UNWRITABLE

MESSAGES = frozenset({"sent", "arrived", "lost", "qubits"})
"""Events of the channels; all others are steps of the protocol."""
PURPOSES = ("records", "keys", "photons", "validation", "noise", "entropy", "nonce", "check")
"""Each draws from a stream of its own, so that one more draw for a purpose changes no other. Append only."""


@dataclass(frozen=True)
class Event:
    """At ``at_ns`` of simulated time, ``what`` happened at ``node``."""

    at_ns: int
    node: str
    what: str
    detail: Mapping[str, Any]

    @property
    def line(self) -> str:
        """One line of JSON without its end."""
        plain = {"t_ns": self.at_ns, "node": self.node, "event": self.what, **self.detail}
        return json.dumps(plain, separators=(",", ":"), ensure_ascii=True)


class Journal:
    """Takes events in the order in which they happen."""

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self.events: list[Event] = []

    def note(self, node: str, what: str, **detail: Any) -> None:
        """Log that ``what`` happened at ``node`` now."""
        self.events.append(Event(self._now(), node, what, detail))


class Streams:
    """Independent random streams by purpose from one seed (NumPy's SeedSequence.spawn)."""

    def __init__(self, seed: int) -> None:
        children = np.random.SeedSequence(seed).spawn(len(PURPOSES))
        self._sequences = dict(zip(PURPOSES, children, strict=True))

    def random(self, purpose: str) -> np.random.Generator:
        """A new generator of this purpose's."""
        return np.random.Generator(np.random.PCG64(self._sequences[purpose].spawn(1)[0]))

    def seed(self, purpose: str) -> int:
        """A new seed of this purpose's, 0 to 2^63 - 1."""
        return int(self._sequences[purpose].spawn(1)[0].generate_state(1, np.uint64)[0] >> np.uint64(1))


def write_log(log: str, path: Path) -> None:
    """Write a log; raises network-log-unwritable."""
    try:
        path.write_text(log, encoding="ascii", newline="\n")
    except OSError as error:
        raise QcotError(LOG_UNWRITABLE, f"{path}: {error.strerror}") from error

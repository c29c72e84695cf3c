"""Channels at work: messages and qubits take their time, get lost, go round what is closed, and are counted."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Generator, Iterable
from dataclasses import dataclass
from itertools import permutations
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from qcot.quantum.network.journal import Journal
from qcot.quantum.network.topology import Kind, Path, Routes, Topology

if TYPE_CHECKING:
    import simpy

Body: TypeAlias = dict[str, Any]
Steps: TypeAlias = "Generator[simpy.Event, Any, Any]"
"""What SimPy runs: yields what it waits for."""

QUBIT_NS = 1000
"""From one qubit to the next: a million a second."""
MAX_QUBITS = 10_000_000
"""Sent for one message at most; a channel that needs more is as good as cut."""
MILLISECOND = 1_000_000
SECOND = 1_000_000_000


@dataclass(frozen=True)
class Traffic:
    """What the channels carried. ``bytes`` are of messages as JSON; photons for keys are not among the qubits."""

    messages: int
    bytes: int
    lost: int
    qubits_sent: int
    qubits_arrived: int


class Wire:
    """All channels of a topology, and a mailbox for each node and topic."""

    def __init__(
        self, env: simpy.Environment, topology: Topology, journal: Journal, photons: np.random.Generator
    ) -> None:
        self.env = env
        self.topology = topology
        self.journal = journal
        self._photons = photons
        self._boxes: defaultdict[tuple[str, str], dict[str, Body]] = defaultdict(dict)
        self._bells: dict[tuple[str, str], simpy.Event] = {}
        self._messages = self._bytes = self._lost = self._sent = self._arrived = 0
        self.close()
        paths = [self.path("classical", *ends) for ends in permutations(topology.members, 2)]
        slowest = max(path.delay_ns for path in paths if path)
        self.window_ns = 2 * MAX_QUBITS * QUBIT_NS + SECOND + 40 * slowest
        """Within this every phase ends: the longest exchange takes two loads of qubits and less than ten messages."""
        self.patience_ns = self.window_ns // 8

    def close(self, down: Collection[str] = (), cut: Collection[frozenset[str]] = ()) -> None:
        """From now on nothing goes through nodes that are ``down`` and channels that are ``cut``."""
        self._routes: dict[Kind, Routes] = {
            "classical": Routes(self.topology.classical, down, cut),
            "quantum": Routes(self.topology.quantum, down, cut),
        }

    def path(self, kind: Kind, source: str, target: str) -> Path | None:
        """The way that a message takes now."""
        return self._routes[kind].path(source, target)

    @property
    def traffic(self) -> Traffic:
        """What was carried so far."""
        return Traffic(self._messages, self._bytes, self._lost, self._sent, self._arrived)

    def post(self, source: str, target: str, topic: str, body: Body) -> None:
        """Send a message into the target's mailbox, and go on."""
        self.env.process(self._post(source, target, topic, body))

    def collect(self, owner: str, topic: str, senders: Iterable[str], until_ns: int) -> Steps:
        """Wait until all ``senders`` have written, at most ``until_ns``; gives what came, by sender's name."""
        wanted = set(senders)
        box = self._boxes[owner, topic]
        deadline = self.env.timeout(max(0, until_ns - self.env.now))
        while wanted - set(box) and not deadline.processed:
            bell = self._bells.setdefault((owner, topic), self.env.event())
            yield bell | deadline
        return {name: box[name] for name in sorted(box)}

    def carry(self, source: str, target: str, topic: str, body: Body) -> Steps:
        """Send a message and wait for it to arrive; gives whether it did. Who gets no answer waits his patience."""
        size = len(json.dumps(body, separators=(",", ":")))
        self._messages += 1
        self._bytes += size
        path = self.path("classical", source, target)
        if path is None:
            self._lost += 1
            self.journal.note(source, "lost", to=target, topic=topic, bytes=size, why="no path")
            yield self.env.timeout(self.patience_ns)
            return False
        self.journal.note(source, "sent", to=target, topic=topic, bytes=size, via=list(path.nodes[1:-1]))
        yield self.env.timeout(path.delay_ns)
        self.journal.note(target, "arrived", **{"from": source}, topic=topic)
        return True

    def send_qubits(self, source: str, target: str, wanted: int, topic: str) -> Steps:
        """Send qubits until ``wanted`` have arrived, and wait for them; gives whether they did.

        Both ends drop what was lost: the receiver says which slots clicked. So the number sent is negative binomial.
        """
        path = self.path("quantum", source, target)
        sent = self._needed(wanted, path) if path else MAX_QUBITS
        if path is None or sent >= MAX_QUBITS:
            why = "no path" if path is None else "too much loss"
            self.journal.note(source, "lost", to=target, topic=topic, qubits=wanted, why=why)
            yield self.env.timeout(self.patience_ns)
            return False
        self._sent += sent
        self._arrived += wanted
        self.journal.note(
            source, "qubits", to=target, topic=topic, sent=sent, arrive=wanted, via=list(path.nodes[1:-1])
        )
        yield self.env.timeout(sent * QUBIT_NS + path.delay_ns)
        return True

    def passages(self, count: int, source: str, target: str) -> int:
        """How many qubits to send over a channel so that ``count`` arrive (drawn, not counted as traffic)."""
        path = self.path("quantum", source, target)
        return self._needed(count, path) if path else count

    def _needed(self, count: int, path: Path) -> int:
        """A drawn number to send so that ``count`` arrive; MAX_QUBITS where it would be that or more."""
        if count >= MAX_QUBITS * path.transmittance:
            return MAX_QUBITS
        return min(count + int(self._photons.negative_binomial(count, path.transmittance)), MAX_QUBITS)

    def _post(self, source: str, target: str, topic: str, body: Body) -> Steps:
        if (yield from self.carry(source, target, topic, body)):
            self._boxes[target, topic][source] = body
            if bell := self._bells.pop((target, topic), None):
                bell.succeed()

"""A network as data: nodes, and channels that each lead one way; what makes it sound, and paths through it.

Distances are in metres, delays in ns, losses in dB. Light in fibre goes 2e8 m/s, 5 ns a metre, where a file says
nothing else.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import permutations
from typing import Literal, TypeAlias

from qcot.errors import Problem, QcotError
from qcot.quantum.network.problems import (
    DUPLICATE_CHANNEL,
    DUPLICATE_NODE,
    MISSING_NODE,
    ONE_WAY,
    TOO_FEW,
    TOO_LARGE,
    UNCONNECTED,
)

FIBRE_NS_PER_M = 5.0
MAX_NODES = 64
MAX_MEMBERS = 16
MAX_CHANNELS = 4096
MIN_MEMBERS = 2

Role: TypeAlias = Literal["member", "relay"]
Kind: TypeAlias = Literal["classical", "quantum"]
Pair: TypeAlias = tuple[str, str]


@dataclass(frozen=True)
class Node:
    """A ``member`` keeps a replica and takes part in the protocol; a ``relay`` only passes messages and light on."""

    name: str
    role: Role = "member"
    label: str = ""


@dataclass(frozen=True)
class Channel:
    """One way from ``source`` to ``target``; the last two are of quantum channels only.

    ``depolarizing`` is the probability that a qubit arrives as the fully mixed state.
    """

    source: str
    target: str
    distance_m: float
    delay_ns: int
    loss_db: float = 0.0
    depolarizing: float = 0.0


@dataclass(frozen=True)
class Path:
    """The way a message goes: its nodes from end to end, and what it adds up to."""

    nodes: tuple[str, ...]
    distance_m: float
    delay_ns: int
    loss_db: float
    depolarizing: float

    @property
    def transmittance(self) -> float:
        """Probability that a photon arrives."""
        return float(10 ** (-self.loss_db / 10))


@dataclass(frozen=True)
class Topology:
    """A network; sound only as :func:`sound_topology` returns it. ``ignored``: what a file says in vain."""

    name: str
    nodes: tuple[Node, ...]
    classical: tuple[Channel, ...]
    quantum: tuple[Channel, ...]
    shape: str
    ignored: tuple[str, ...] = ()

    @property
    def members(self) -> tuple[str, ...]:
        """Names of the members, in the file's order."""
        return tuple(node.name for node in self.nodes if node.role == "member")

    def channels(self, kind: Kind) -> tuple[Channel, ...]:
        """All channels of a kind."""
        return self.classical if kind == "classical" else self.quantum

    def links(self, kind: Kind) -> tuple[Channel, ...]:
        """One channel of each pair that leads both ways, the one whose source stands first in the list of nodes."""
        order = {node.name: at for at, node in enumerate(self.nodes)}
        return tuple(each for each in self.channels(kind) if order[each.source] < order[each.target])


def sound_topology(topology: Topology) -> Topology:
    """Return ``topology`` after all checks. Raises QcotError for the first thing wrong with it."""
    names = [node.name for node in topology.nodes]
    _require(len(names) <= MAX_NODES, TOO_LARGE, f"it has {len(names)} nodes")
    for name in names:
        _require(names.count(name) == 1, DUPLICATE_NODE, f"there are {names.count(name)} nodes {name!r}")
    _require(len(topology.members) <= MAX_MEMBERS, TOO_LARGE, f"it has {len(topology.members)} members")
    _require(len(topology.members) >= MIN_MEMBERS, TOO_FEW, f"it has {len(topology.members)}")
    for kind in ("classical", "quantum"):
        _require_sound_channels(kind, topology.channels(kind), set(names))
        routes = Routes(topology.channels(kind))
        for ends in permutations(topology.members, 2):
            _require(routes.path(*ends) is not None, UNCONNECTED, f"no {kind} path from {ends[0]} to {ends[1]}")
    return topology


def _require_sound_channels(kind: Kind, channels: tuple[Channel, ...], names: set[str]) -> None:
    _require(len(channels) <= MAX_CHANNELS, TOO_LARGE, f"it has {len(channels)} {kind} channels")
    seen: set[Pair] = set()
    for channel in channels:
        for end in (channel.source, channel.target):
            _require(end in names, MISSING_NODE, f"a {kind} channel ends at {end!r}, which is no node")
        ends = (channel.source, channel.target)
        _require(ends not in seen, DUPLICATE_CHANNEL, f"two {kind} channels lead from {ends[0]} to {ends[1]}")
        _require(ends[0] != ends[1], DUPLICATE_CHANNEL, f"a {kind} channel leads from {ends[0]} to itself")
        seen.add(ends)
    for source, target in sorted(seen):
        _require((target, source) in seen, ONE_WAY, f"a {kind} channel leads from {source} to {target} but not back")


def _require(holds: bool, problem: Problem, reason: str) -> None:
    if not holds:
        raise QcotError(problem, reason)


class Routes:
    """Shortest paths by distance, then by fewest hops, then by name, round what is ``closed``; found once each."""

    def __init__(
        self, channels: Iterable[Channel], down: Collection[str] = (), cut: Collection[frozenset[str]] = ()
    ) -> None:
        self._ways: dict[str, list[Channel]] = {}
        for each in channels:
            if not {each.source, each.target} & set(down) and frozenset((each.source, each.target)) not in cut:
                self._ways.setdefault(each.source, []).append(each)
        self._known: dict[str, Mapping[str, tuple[Channel, ...]]] = {}

    def path(self, source: str, target: str) -> Path | None:
        """The path from ``source`` to ``target``, None where there is none."""
        if source not in self._known:
            self._known[source] = self._from(source)
        ways = self._known[source].get(target)
        if not ways:
            return None
        return Path(
            (source, *(way.target for way in ways)),
            math.fsum(way.distance_m for way in ways),
            sum(way.delay_ns for way in ways),
            math.fsum(way.loss_db for way in ways),
            1.0 - math.prod(1.0 - way.depolarizing for way in ways),
        )

    def _from(self, source: str) -> Mapping[str, tuple[Channel, ...]]:
        """Dijkstra; the names on the way make ties fall the same way everywhere."""
        found: dict[str, tuple[Channel, ...]] = {}
        frontier: list[tuple[float, int, tuple[str, ...], tuple[Channel, ...]]] = [(0.0, 0, (source,), ())]
        while frontier:
            metres, hops, names, ways = heapq.heappop(frontier)
            if names[-1] in found:
                continue
            found[names[-1]] = ways
            for way in self._ways.get(names[-1], ()):
                if way.target not in found:
                    onward = (metres + way.distance_m, hops + 1, (*names, way.target), (*ways, way))
                    heapq.heappush(frontier, onward)
        return found

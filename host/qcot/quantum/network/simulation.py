"""One run of the EQMR protocol over a topology, and what it leaves: replicas, timeline, traffic, keys, detections."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import pairwise, permutations
from typing import TYPE_CHECKING

from qcot.quantum.backends import require_seed
from qcot.quantum.network.chain import NO_BLOCK, Block, Record, digest
from qcot.quantum.network.faults import OUTSIDER, Fault
from qcot.quantum.network.journal import MESSAGES, Event, Journal, Streams
from qcot.quantum.network.keys import KeyRing, PairKeys
from qcot.quantum.network.member import Member
from qcot.quantum.network.topology import FIBRE_NS_PER_M, Channel, Node, Pair, Topology, sound_topology
from qcot.quantum.network.wire import MILLISECOND, SECOND, Steps, Traffic, Wire
from qcot.quantum.network.world import Checkup, Publication, Settings, World, plan_publications

if TYPE_CHECKING:
    import simpy

DETECTIONS = (
    "identity refused", "no keys", "link disturbed", "record refused", "qblock refused", "reveal missing", "silent",
    "detour",
)  # fmt: skip
"""Events that mean that somebody noticed something."""


@dataclass(frozen=True)
class Outcome:
    """A member's replica at the end: it ``agrees`` with the longest, is ``behind`` it, or ``differs`` from it."""

    name: str
    state: str
    blocks: int
    head: str


@dataclass(frozen=True)
class Simulation:
    """A run. Equal arguments give equal runs but for ``seconds``; times are simulated ns since its start."""

    topology: Topology
    settings: Settings
    fault: Fault | None
    quorum: int
    replicas: Mapping[str, tuple[Block, ...]]
    events: tuple[Event, ...]
    checkups: tuple[Checkup, ...]
    keys: tuple[PairKeys, ...]
    keys_left: int
    traffic: Traffic
    simulated_ns: int
    seconds: float = field(compare=False)

    @property
    def log(self) -> str:
        """All events as JSON lines, the same bytes for the same arguments."""
        return "".join(event.line + "\n" for event in self.events)

    @property
    def timeline(self) -> tuple[Event, ...]:
        """The protocol's steps without the messages: what Fig. 6 and Fig. 7 of QUMA draw."""
        return tuple(event for event in self.events if event.what not in MESSAGES)

    @property
    def detections(self) -> tuple[Event, ...]:
        """What members noticed."""
        return tuple(event for event in self.events if event.what in DETECTIONS)

    @property
    def detected(self) -> bool | None:
        """Whether the fault showed as it should; None without one, or where no validation went over a tapped link."""
        if self.fault is None:
            return None
        shown = any(event.what in self.fault.expects for event in self.events)
        if self.fault.taps_validation and not shown:
            halves = (event for event in self.events if event.what == "qubits" and event.detail["topic"] == "halves")
            ways = ((each.node, *each.detail["via"], each.detail["to"]) for each in halves)
            met = any(frozenset(ends) == self.fault.link for way in ways for ends in pairwise(way))
            return False if met else None
        return shown

    @property
    def longest(self) -> tuple[Block, ...]:
        """The replica that most others are held against."""
        return max(self.replicas.values(), key=len)

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        """How each member ended."""
        found = []
        for name, chain in self.replicas.items():
            same = chain == self.longest[: len(chain)]
            state = "differs" if not same else "agrees" if len(chain) == len(self.longest) else "behind"
            found.append(Outcome(name, state, len(chain), chain[-1].hash if chain else NO_BLOCK))
        return tuple(found)

    @property
    def agrees(self) -> bool:
        """Whether a quorum holds the same replica, and nobody one that contradicts it."""
        states = Counter(each.state for each in self.outcomes)
        return states["agrees"] >= self.quorum and not states["differs"]

    @property
    def backend(self) -> str:
        """What ran the circuits."""
        named = self.settings.backend
        return str(named.name) if named is not None else next((b.backend for b in self.longest), "aer_simulator")


def simulate(topology: Topology, settings: Settings | None = None, fault: Fault | None = None) -> Simulation:
    """Run the protocol: keys for every pair, then ``settings.blocks`` rounds. Raises QcotError for bad settings."""
    import simpy

    settings = settings or Settings()
    require_seed(settings.seed)
    started = time.perf_counter()
    env = simpy.Environment()
    streams = Streams(settings.seed)
    journal = Journal(lambda: int(env.now))
    network = _with_outsider(topology) if fault is not None and fault.outsider else topology
    planned = plan_publications(topology.members, settings, streams)
    wire = Wire(env, network, journal, streams.random("photons"))
    keys = KeyRing(_wanted(topology.members, planned, settings))
    world = World(wire, journal, streams, keys, settings, fault, planned)
    members = [Member(world, name) for name in topology.members]
    env.run(env.process(_run(env, world, members)))
    return Simulation(
        topology, settings, fault, world.quorum, {each.name: tuple(each.chain) for each in members},
        tuple(journal.events), tuple(world.checkups), tuple(keys.pairs), keys.left(), wire.traffic, int(env.now),
        time.perf_counter() - started,
    )  # fmt: skip


def _run(env: simpy.Environment, world: World, members: Sequence[Member]) -> Steps:
    fault = world.fault
    if fault is not None and fault.closes and fault.from_block == 0:
        _close(world)
    yield from world.keys.distribute(world.wire, world.journal, world.streams, fault)
    start = (int(env.now) // SECOND + 2) * SECOND
    if fault is not None and fault.closes and fault.from_block > 0:
        env.process(_close_later(world, start + fault.from_block * world.interval_ns - MILLISECOND))
    if fault is not None and fault.outsider:
        env.process(_intrude(world, start - SECOND))
    yield env.all_of([env.process(member.life(start)) for member in members])


def _close_later(world: World, at_ns: int) -> Steps:
    yield world.wire.env.timeout(at_ns - world.wire.env.now)
    _close(world)


def _close(world: World) -> None:
    """Let the fault close its node or link, and note which members' ways change."""
    fault = world.fault
    if fault is None:
        return
    ends = list(permutations(world.members, 2))
    before = {each: world.wire.path("classical", *each) for each in ends}
    world.wire.close([fault.node] if fault.node else [], [fault.link] if fault.link else [])
    for each in ends:
        path = world.wire.path("classical", *each)
        if path != before[each] and fault.node not in each:
            world.journal.note(
                each[0], "detour" if path else "cut off", peer=each[1], via=list(path.nodes) if path else []
            )


def _intrude(world: World, at_ns: int) -> Steps:
    """The outsider tells all members of a record in the first member's name."""
    env = world.wire.env
    yield env.timeout(at_ns - env.now)
    member = world.members[0]
    record = Record("0" * 16, member, int(env.now), digest({"forged": "sha256"}), digest({"forged": "walk hash"}))
    world.journal.note(OUTSIDER, "forged record published", claimed=member, record=record.id[:12])
    for target in world.members:
        world.wire.post(OUTSIDER, target, "publications 0", {"records": [asdict(record)]})


def _with_outsider(topology: Topology) -> Topology:
    """Join the outsider to every member, by ways so long that nobody else's traffic goes through it."""
    away = 1000.0 + sum(each.distance_m for each in (*topology.classical, *topology.quantum))
    delay = round(away * FIBRE_NS_PER_M)
    ends = [pair for name in topology.members for pair in ((OUTSIDER, name), (name, OUTSIDER))]
    return sound_topology(
        replace(
            topology,
            nodes=(*topology.nodes, Node(OUTSIDER, "relay")),
            classical=(*topology.classical, *(Channel(*each, away, delay) for each in ends)),
            quantum=(*topology.quantum, *(Channel(*each, away, delay, 3.0) for each in ends)),
        )
    )


def _wanted(members: Sequence[str], planned: Sequence[Publication], settings: Settings) -> dict[Pair, int]:
    """Most validations of each (verifier, prover): of its records, as bookkeeper once a Qblock, and one to spare."""
    published = Counter(each.record.origin for each in planned)
    return {ends: published[ends[1]] + settings.blocks + 1 for ends in permutations(members, 2)}

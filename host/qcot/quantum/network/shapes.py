"""Topologies from JSON, in three shapes: ours, SeQUeNCe's and QCompute-QNET's. docs/quantum/network.md defines them.

A shape is a function from the file's object to a :class:`Topology`; SHAPES lists them by the name that --format takes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from qcot.errors import QcotError
from qcot.quantum.network.fields import Fields, parse_object, rounded_ns
from qcot.quantum.network.problems import BAD_VALUE, UNKNOWN_SHAPE, UNREADABLE
from qcot.quantum.network.topology import (
    FIBRE_NS_PER_M,
    MAX_CHANNELS,
    MAX_NODES,
    Channel,
    Node,
    Topology,
    sound_topology,
)

FORMAT = "qcot-network"
VERSION = 1
ATTENUATION_DB_PER_KM = 0.2
"""Of single-mode fibre at 1550 nm, where a file names no loss."""
MAX_DISTANCE_M = 2e7
MAX_DELAY_NS = 1e12
MAX_LOSS_DB = 200.0
PS_PER_NS = 1000.0
VACUUM_NS_PER_M = 1 / 0.3
"""QCompute-QNET lets light go 3e8 m/s where a file gives no delay."""


def qcot_topology(top: Fields, name: str) -> Topology:
    """Read our own shape."""
    if top.take("format", FORMAT) != FORMAT or top.take("version", VERSION) != VERSION:
        raise QcotError(UNKNOWN_SHAPE, f"its format is not {FORMAT!r}, version {VERSION}")
    name = top.text("name", name)
    top.text("description", "")
    nodes = []
    for each in top.items("nodes", MAX_NODES):
        role = each.take("role", "member")
        if role not in ("member", "relay"):
            raise each.bad("role", role, "'member' or 'relay'")
        nodes.append(Node(each.name("name"), role, each.text("label", "")))
        each.end()
    classical = [channel for each in top.items("classical", MAX_CHANNELS) for channel in _qcot_channels(each, False)]
    quantum = [channel for each in top.items("quantum", MAX_CHANNELS) for channel in _qcot_channels(each, True)]
    top.end()
    return Topology(name, tuple(nodes), tuple(classical), tuple(quantum), "qcot")


def _qcot_channels(each: Fields, quantum: bool) -> list[Channel]:
    """Both ways for `between`, one way for `from` and `to`."""
    if "between" in each:
        ends = each.take("between")
        if not isinstance(ends, list) or len(ends) != 2:
            raise each.bad("between", ends, "a list of two names")
        source, target = (each.checked_name(end, "between") for end in ends)
        directions = [(source, target), (target, source)]
    else:
        directions = [(each.name("from"), each.name("to"))]
    distance = each.number("distance_m", MAX_DISTANCE_M)
    delay = rounded_ns(each.number("delay_ns", MAX_DELAY_NS, distance * FIBRE_NS_PER_M))
    loss = depolarizing = 0.0
    if quantum:
        attenuation = each.number("attenuation_db_per_km", MAX_LOSS_DB, ATTENUATION_DB_PER_KM)
        loss = each.number("loss_db", MAX_LOSS_DB, min(attenuation * distance / 1000, MAX_LOSS_DB))
        depolarizing = each.number("depolarizing", 1.0, 0.0)
    each.end()
    return [Channel(*ends, distance, delay, loss, depolarizing) for ends in directions]


SEQUENCE_UNUSED: tuple[str, ...] = (
    "templates",
    "stop_time",
    "is_parallel",
    "process_num",
    "ip",
    "port",
    "formalism",
    "truncation",
)
SEQUENCE_NODE_UNUSED = (
    "seed", "template", "memo_size", "data_memo_size", "gate_fidelity", "measurement_fidelity", "group", "ip", "port",
)  # fmt: skip
SEQUENCE_MIDPOINT = "BSMNode"


def sequence_topology(top: Fields, name: str) -> Topology:
    """Read SeQUeNCe's shape: metres, ps, dB/m. A BSM node between two others becomes one quantum channel each way."""
    nodes: list[Node] = []
    ignored: list[str] = []
    for each in top.items("nodes", MAX_NODES):
        nodes.append(Node(each.name("name"), "relay" if each.text("type") == SEQUENCE_MIDPOINT else "member"))
        ignored += each.ignore(SEQUENCE_NODE_UNUSED)
        each.end()
    classical: list[Channel] = []
    quantum: list[Channel] = []
    for key, kind in (("cchannels", classical), ("qchannels", quantum)):
        for each in top.items(key, MAX_CHANNELS, []):
            kind.append(_sequence_channel(each, each.name("source"), each.name("destination"), kind is quantum))
            ignored += each.ignore(("name",))
            each.end()
    for key, kind in (("cconnections", classical), ("qconnections", quantum)):
        for each in top.items(key, MAX_CHANNELS, []):
            one, two = each.name("node1"), each.name("node2")
            if kind is quantum and each.text("type", "meet_in_the_middle") != "meet_in_the_middle":
                raise QcotError(BAD_VALUE, f"{each.where}.type is not 'meet_in_the_middle'")
            there = _sequence_channel(each, one, two, kind is quantum)
            kind += [there, Channel(two, one, there.distance_m, there.delay_ns, there.loss_db)]
            ignored += each.ignore(("seed", "template", "name"))
            each.end()
    ignored += top.ignore(SEQUENCE_UNUSED)
    top.end()
    midpoints = {node.name for node in nodes if node.role == "relay"}
    return Topology(
        name, tuple(nodes), tuple(classical), tuple(_through(midpoints, quantum)), "sequence", tuple(ignored)
    )


def _sequence_channel(each: Fields, source: str, target: str, quantum: bool) -> Channel:
    """A delay of 0 or less means: by distance. An absent distance is what light goes in the delay."""
    if quantum:
        distance = each.number("distance", MAX_DISTANCE_M)
        loss = min(each.number("attenuation", MAX_LOSS_DB) * distance, MAX_LOSS_DB)
        return Channel(source, target, distance, rounded_ns(distance * FIBRE_NS_PER_M), loss)
    delay = each.number("delay", MAX_DELAY_NS * PS_PER_NS, 0.0, least=-1.0) / PS_PER_NS
    distance = each.number("distance", MAX_DISTANCE_M, max(delay, 0.0) / FIBRE_NS_PER_M)
    return Channel(source, target, distance, rounded_ns(delay if delay > 0 else distance * FIBRE_NS_PER_M))


def _through(midpoints: set[str], channels: list[Channel]) -> Iterator[Channel]:
    """Replace the channels of two nodes into a midpoint by one between the two, each way: photons meet half way."""
    into: dict[str, list[Channel]] = {}
    for channel in channels:
        if channel.target in midpoints:
            into.setdefault(channel.target, []).append(channel)
        else:
            yield channel
    for midpoint, legs in into.items():
        if len(legs) != 2:
            raise QcotError(BAD_VALUE, f"{len(legs)} quantum channels lead to the BSM node {midpoint}, not 2")
        for near, far in (legs, reversed(legs)):
            yield Channel(
                near.source, far.source, near.distance_m + far.distance_m, near.delay_ns + far.delay_ns,
                min(near.loss_db + far.loss_db, MAX_LOSS_DB),
            )  # fmt: skip


QNET_RELAYS = ("TrustedRepeaterNode", "RMPRepeaterNode", "BackboneNode")
QNET_NODE_UNUSED = ("latitude", "longitude", "key_pool_volume", "key_length")


def qnet_topology(top: Fields, name: str) -> Topology:
    """Read QCompute-QNET's shape: metres, ps, dB or dB/km; each link is one channel of each kind both ways."""
    nodes: list[Node] = []
    ignored: list[str] = []
    for each in top.items("nodes", MAX_NODES):
        nodes.append(Node(each.name("name"), "relay" if each.text("type") in QNET_RELAYS else "member"))
        ignored += each.ignore(QNET_NODE_UNUSED)
        each.end()
    classical: list[Channel] = []
    quantum: list[Channel] = []
    for each in top.items("links", MAX_CHANNELS):
        ends = (each.name("node1"), each.name("node2"))
        for key, kind in (("cchannel", classical), ("qchannel", quantum)):
            channel = each.nested(key)
            distance = channel.number("distance", MAX_DISTANCE_M)
            delay = channel.number("delay", MAX_DELAY_NS * PS_PER_NS, distance * VACUUM_NS_PER_M * PS_PER_NS)
            attenuation = channel.number("attenuation", MAX_LOSS_DB, ATTENUATION_DB_PER_KM) if kind is quantum else 0.0
            loss = channel.number("loss", MAX_LOSS_DB, min(attenuation * distance / 1000, MAX_LOSS_DB))
            channel.end()
            for source, target in (ends, ends[::-1]):
                lost = loss if kind is quantum else 0.0
                kind.append(Channel(source, target, distance, rounded_ns(delay / PS_PER_NS), lost))
        each.end()
    top.end()
    return Topology(name, tuple(nodes), tuple(classical), tuple(quantum), "qnet", tuple(ignored))


@dataclass(frozen=True)
class Shape:
    """A shape of topology file, and the keys of its outermost object by which it is known."""

    read: Callable[[Fields, str], Topology]
    marks: tuple[str, ...]


SHAPES = {
    "qcot": Shape(qcot_topology, ("format", "classical", "quantum")),
    "sequence": Shape(sequence_topology, ("qconnections", "cconnections", "qchannels", "cchannels")),
    "qnet": Shape(qnet_topology, ("links",)),
}
AUTO = "auto"
EXAMPLES = ("hospital", "campus-sequence", "city-qnet")
"""Topologies that come with the package: the six nodes of QUMA Fig. 7, and one in each of the other two shapes."""


def parse_topology(text: bytes, shape: str = AUTO, name: str = "network") -> Topology:
    """A sound topology from a file's bytes. Raises QcotError that names what is wrong and where."""
    value = parse_object(text)
    if shape == AUTO:
        shape = _shape_of(value)
    if shape not in SHAPES:
        raise QcotError(UNKNOWN_SHAPE, f"{shape!r} is none of {', '.join((AUTO, *SHAPES))}")
    return sound_topology(SHAPES[shape].read(Fields(value, "file"), name))


def load_topology(file: str | Path, shape: str = AUTO) -> Topology:
    """One of EXAMPLES by its name, or the file of that name."""
    if file in EXAMPLES:
        return parse_topology((files(__package__) / "topologies" / f"{file}.json").read_bytes(), shape, str(file))
    try:
        with Path(file).open("rb") as opened:
            text = opened.read((1 << 20) + 1)
    except OSError as error:
        raise QcotError(UNREADABLE, f"{file}: {error.strerror}") from error
    return parse_topology(text, shape, Path(file).stem)


def to_json(topology: Topology) -> bytes:
    """``topology`` in our own shape, every channel by itself; parse_topology gives the same back."""

    def channel(each: Channel, quantum: bool) -> dict[str, Any]:
        plain = {"from": each.source, "to": each.target, "distance_m": each.distance_m, "delay_ns": each.delay_ns}
        return plain | ({"loss_db": each.loss_db, "depolarizing": each.depolarizing} if quantum else {})

    return json.dumps(
        {
            "format": FORMAT,
            "version": VERSION,
            "name": topology.name,
            "nodes": [{"name": node.name, "role": node.role, "label": node.label} for node in topology.nodes],
            "classical": [channel(each, False) for each in topology.classical],
            "quantum": [channel(each, True) for each in topology.quantum],
        },
        indent=1,
    ).encode()


def _shape_of(value: dict[str, Any]) -> str:
    found = [name for name, shape in SHAPES.items() if any(mark in value for mark in shape.marks)]
    if len(found) != 1:
        raise QcotError(UNKNOWN_SHAPE, f"its keys are {', '.join(map(repr, sorted(value)[:8])) or 'none'}")
    return found[0]

"""Networks from JSON: every shape is read exactly, and whatever is wrong is refused by its name."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from characters import CHARACTERS
from hypothesis import given, settings
from hypothesis import strategies as st
from qcot.errors import Problem, QcotError
from qcot.quantum.network import problems
from qcot.quantum.network.shapes import EXAMPLES, load_topology, parse_topology, to_json
from qcot.quantum.network.topology import Channel, Routes

Change = Callable[[dict[str, Any]], object]


def own() -> dict[str, Any]:
    """Three nodes in a line, in our shape."""
    ends = [["A", "B"], ["B", "C"]]
    return {
        "format": "qcot-network",
        "version": 1,
        "name": "line",
        "nodes": [{"name": name, "role": "member", "label": ""} for name in "ABC"],
        "classical": [{"between": pair, "distance_m": 1000} for pair in ends],
        "quantum": [{"between": pair, "distance_m": 1000, "depolarizing": 0.1} for pair in ends],
    }


def sequence() -> dict[str, Any]:
    """Two routers with a midpoint between them, in SeQUeNCe's shape."""
    return {
        "nodes": [
            {"name": "r0", "type": "QuantumRouter"},
            {"name": "r1", "type": "QuantumRouter"},
            {"name": "mid", "type": "BSMNode"},
        ],
        "qchannels": [
            {"source": "r0", "destination": "mid", "distance": 1000, "attenuation": 0.0002},
            {"source": "r1", "destination": "mid", "distance": 3000, "attenuation": 0.0003},
        ],
        "cchannels": [
            {"source": "r0", "destination": "r1", "delay": 5000000},
            {"source": "r1", "destination": "r0", "distance": 600, "delay": 0},
        ],
    }


def qnet() -> dict[str, Any]:
    """Two ends over a trusted repeater, in QCompute-QNET's shape."""
    return {
        "nodes": [
            {"name": "X", "type": "EndNode"},
            {"name": "Y", "type": "EndNode"},
            {"name": "R", "type": "TrustedRepeaterNode", "latitude": 1.5, "longitude": 2},
        ],
        "links": [
            {"node1": "X", "node2": "R", "cchannel": {"distance": 300}, "qchannel": {"distance": 3000}},
            {
                "node1": "R",
                "node2": "Y",
                "cchannel": {"distance": 5, "delay": 7000},
                "qchannel": {"distance": 1000, "loss": 1.5, "delay": 9000},
            },
        ],
    }


def as_bytes(value: object) -> bytes:
    return json.dumps(value).encode()


def refused(text: bytes, shape: str = "auto") -> Problem:
    with pytest.raises(QcotError) as caught:
        parse_topology(text, shape)
    assert caught.value.reason
    return caught.value.problem


OWN_REFUSALS: list[tuple[str, Change, Problem]] = [
    ("a channel to no node", lambda t: t["classical"][0].update(between=["A", "Z"]), problems.MISSING_NODE),
    ("a quantum channel to no node", lambda t: t["quantum"][1].update(between=["Z", "C"]), problems.MISSING_NODE),
    ("two nodes of one name", lambda t: t["nodes"].append({"name": "B"}), problems.DUPLICATE_NODE),
    ("a channel twice", lambda t: t["classical"].append({"between": ["B", "A"], "distance_m": 1}),
     problems.DUPLICATE_CHANNEL),
    ("a channel to itself", lambda t: t["quantum"].append({"between": ["A", "A"], "distance_m": 1}),
     problems.DUPLICATE_CHANNEL),
    ("a one-way channel", lambda t: t["classical"].append({"from": "A", "to": "C", "distance_m": 1}), problems.ONE_WAY),
    ("a one-way quantum channel", lambda t: t["quantum"].append({"from": "C", "to": "A", "distance_m": 1}),
     problems.ONE_WAY),
    ("a node without a path", lambda t: t["nodes"].append({"name": "D"}), problems.UNCONNECTED),
    ("no quantum path", lambda t: t["quantum"].pop(), problems.UNCONNECTED),
    ("one member", lambda t: [node.update(role="relay") for node in t["nodes"][1:]], problems.TOO_FEW),
    ("no nodes", lambda t: t.update(nodes=[]), problems.TOO_FEW),
    ("an unknown key", lambda t: t.update(colour="red"), problems.UNKNOWN_KEY),
    ("an unknown key of a node", lambda t: t["nodes"][0].update(size=3), problems.UNKNOWN_KEY),
    ("an unknown key of a channel", lambda t: t["quantum"][0].update(lenght=3), problems.UNKNOWN_KEY),
    ("noise on a classical channel", lambda t: t["classical"][0].update(depolarizing=0.1), problems.UNKNOWN_KEY),
    ("a channel without a distance", lambda t: t["quantum"][0].pop("distance_m"), problems.MISSING_KEY),
    ("a node without a name", lambda t: t["nodes"][0].pop("name"), problems.MISSING_KEY),
    ("no list of nodes", lambda t: t.pop("nodes"), problems.MISSING_KEY),
    ("a channel without ends", lambda t: t["quantum"][0].pop("between"), problems.MISSING_KEY),
    ("a negative distance", lambda t: t["quantum"][0].update(distance_m=-1), problems.BAD_VALUE),
    ("a distance round the world", lambda t: t["quantum"][0].update(distance_m=4e7), problems.BAD_VALUE),
    ("a distance as text", lambda t: t["classical"][0].update(distance_m="1000"), problems.BAD_VALUE),
    ("a distance as a boolean", lambda t: t["classical"][0].update(distance_m=True), problems.BAD_VALUE),
    ("a negative delay", lambda t: t["classical"][0].update(delay_ns=-5), problems.BAD_VALUE),
    ("a negative loss", lambda t: t["quantum"][0].update(loss_db=-0.1), problems.BAD_VALUE),
    ("noise above 1", lambda t: t["quantum"][0].update(depolarizing=1.1), problems.BAD_VALUE),
    ("three ends", lambda t: t["quantum"][0].update(between=["A", "B", "C"]), problems.BAD_VALUE),
    ("a number as end", lambda t: t["quantum"][0].update(between=["A", 7]), problems.BAD_VALUE),
    ("a list as nodes", lambda t: t.update(nodes={"A": 1}), problems.BAD_VALUE),
    ("a text as node", lambda t: t.update(nodes=["A", "B"]), problems.BAD_VALUE),
    ("an unknown role", lambda t: t["nodes"][0].update(role="king"), problems.BAD_VALUE),
    ("a name that breaks lines", lambda t: t["nodes"][0].update(name="A\nB"), problems.BAD_VALUE),
    ("a name that is too long", lambda t: t["nodes"][0].update(name="A" * 33), problems.BAD_VALUE),
    ("a label of control characters", lambda t: t["nodes"][0].update(label="\x1b[2J"), problems.BAD_VALUE),
    ("too many nodes", lambda t: t.update(nodes=[{"name": f"n{i}"} for i in range(65)]), problems.TOO_LARGE),
    ("too many members", lambda t: t.update(nodes=[{"name": f"n{i}"} for i in range(17)]), problems.TOO_LARGE),
    ("another format", lambda t: t.update(format="other"), problems.UNKNOWN_SHAPE),
    ("another version", lambda t: t.update(version=2), problems.UNKNOWN_SHAPE),
    ("keys of two shapes", lambda t: t.update(links=[]), problems.UNKNOWN_SHAPE),
]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "problem"), [each[1:] for each in OWN_REFUSALS], ids=[each[0] for each in OWN_REFUSALS]
)
def test_our_shape_refuses_by_name(change: Change, problem: Problem) -> None:
    value = own()
    assert parse_topology(as_bytes(value)).members == ("A", "B", "C")
    change(value)
    assert refused(as_bytes(value)) is problem


SEQUENCE_REFUSALS: list[tuple[str, Change, Problem]] = [
    ("a channel to no node", lambda t: t["cchannels"][0].update(destination="r7"), problems.MISSING_NODE),
    ("a one-way classical channel", lambda t: t["cchannels"].pop(), problems.ONE_WAY),
    ("a midpoint with one side", lambda t: t["qchannels"].pop(), problems.BAD_VALUE),
    ("a negative distance", lambda t: t["qchannels"][0].update(distance=-2), problems.BAD_VALUE),
    ("no attenuation", lambda t: t["qchannels"][0].pop("attenuation"), problems.MISSING_KEY),
    ("an unknown key", lambda t: t["nodes"][0].update(wheels=4), problems.UNKNOWN_KEY),
    ("another kind of connection",
     lambda t: t.update(qconnections=[{"node1": "r0", "node2": "r1", "attenuation": 0, "distance": 1, "type": "x"}]),
     problems.BAD_VALUE),
    ("a one-way quantum channel",
     lambda t: t["qchannels"].append({"source": "r0", "destination": "r1", "distance": 1, "attenuation": 0}),
     problems.DUPLICATE_CHANNEL),
]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "problem"), [each[1:] for each in SEQUENCE_REFUSALS], ids=[each[0] for each in SEQUENCE_REFUSALS]
)
def test_sequences_shape_refuses_by_name(change: Change, problem: Problem) -> None:
    value = sequence()
    change(value)
    assert refused(as_bytes(value)) is problem


def test_a_quantum_channel_that_leads_one_way_is_refused_in_sequences_shape_too() -> None:
    value = sequence() | {"qchannels": [{"source": "r0", "destination": "r1", "distance": 1, "attenuation": 0}]}
    value["nodes"].pop()
    assert refused(as_bytes(value)) is problems.ONE_WAY


QNET_REFUSALS: list[tuple[str, Change, Problem]] = [
    ("a link to no node", lambda t: t["links"][0].update(node2="Q"), problems.MISSING_NODE),
    ("a link twice", lambda t: t["links"].append(t["links"][0]), problems.DUPLICATE_CHANNEL),
    ("a negative loss", lambda t: t["links"][1]["qchannel"].update(loss=-1), problems.BAD_VALUE),
    ("no quantum channel", lambda t: t["links"][1].pop("qchannel"), problems.MISSING_KEY),
    ("a channel that is a number", lambda t: t["links"][1].update(cchannel=4), problems.BAD_VALUE),
    ("an unknown key", lambda t: t["links"][1]["cchannel"].update(colour=4), problems.UNKNOWN_KEY),
]


@pytest.mark.parametrize(
    ("change", "problem"), [each[1:] for each in QNET_REFUSALS], ids=[each[0] for each in QNET_REFUSALS]
)
def test_qnets_shape_refuses_by_name(change: Change, problem: Problem) -> None:
    value = qnet()
    change(value)
    assert refused(as_bytes(value)) is problem


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"[]",
        b"7",
        b'{"a": NaN}',
        b'{"a": 1e999, "a": 2}',
        b"\xff\xfe{}",
        b"[" * 100_000,
        b'{"nodes": Infinity}',
    ],
)
def test_what_is_no_json_object_is_refused(text: bytes) -> None:
    assert refused(text) is problems.NOT_JSON


def test_huge_numbers_and_files_are_refused() -> None:
    assert refused(as_bytes(own()).replace(b"1000", b"1e999", 1)) is problems.BAD_VALUE
    assert refused(as_bytes(own()).replace(b"1000", b"9" * 5000, 1)) in (problems.NOT_JSON, problems.BAD_VALUE)
    assert refused(b" " * (1 << 20) + b"{}") is problems.TOO_LARGE


def test_a_shape_that_is_not_known_or_not_the_files_is_refused() -> None:
    assert refused(as_bytes({"a": 1})) is problems.UNKNOWN_SHAPE
    assert refused(as_bytes(own()), "visio") is problems.UNKNOWN_SHAPE
    assert refused(as_bytes(own()), "qnet") in (problems.BAD_VALUE, problems.UNKNOWN_KEY, problems.MISSING_KEY)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(QcotError) as caught:
        load_topology(tmp_path / "none.json")
    assert caught.value.problem is problems.UNREADABLE


def test_units_of_our_shape() -> None:
    value = own()
    value["quantum"][1] |= {"attenuation_db_per_km": 3, "delay_ns": 12.4}
    line = parse_topology(as_bytes(value))
    assert line.classical[0] == Channel("A", "B", 1000.0, 5000)
    assert line.quantum[:2] == (Channel("A", "B", 1000.0, 5000, 0.2, 0.1), Channel("B", "A", 1000.0, 5000, 0.2, 0.1))
    assert line.quantum[2] == Channel("B", "C", 1000.0, 12, 3.0, 0.1)


def test_units_and_midpoints_of_sequences_shape() -> None:
    read = parse_topology(as_bytes(sequence()))
    assert read.members == ("r0", "r1")
    assert [(q.source, q.target, q.distance_m, q.delay_ns) for q in read.quantum] == [
        ("r0", "r1", 4000.0, 20000),
        ("r1", "r0", 4000.0, 20000),
    ]
    assert read.quantum[0].loss_db == pytest.approx(0.2 + 0.9)
    assert [(c.distance_m, c.delay_ns) for c in read.classical] == [(1000.0, 5000), (600.0, 3000)]


def test_units_and_relays_of_qnets_shape() -> None:
    read = parse_topology(as_bytes(qnet()))
    assert read.members == ("X", "Y")
    assert read.classical[0] == Channel("X", "R", 300.0, 1000)
    assert read.classical[2] == Channel("R", "Y", 5.0, 7)
    assert read.quantum[0].loss_db == pytest.approx(0.6)
    assert (read.quantum[2].loss_db, read.quantum[2].delay_ns) == (1.5, 9)
    assert read.ignored == ("nodes[2].latitude", "nodes[2].longitude")


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_are_sound_and_survive_the_round_trip(name: str) -> None:
    read = load_topology(name)
    again = parse_topology(to_json(read))
    assert (again.nodes, again.classical, again.quantum) == (read.nodes, read.classical, read.quantum)


def test_the_hospital_is_fig_7_six_nodes_each_joined_to_each_by_both_kinds() -> None:
    hospital = load_topology("hospital")
    assert hospital.members == ("A", "B", "C", "D", "E", "F")
    for kind in (hospital.classical, hospital.quantum):
        assert {(each.source, each.target) for each in kind} == set(permutations("ABCDEF", 2))


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 10**6) | st.floats() | st.text(CHARACTERS, max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(CHARACTERS, max_size=4), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=80)
@given(st.sampled_from([own, sequence, qnet]), st.data(), JUNK)
def test_junk_anywhere_in_a_file_is_read_or_refused_by_name(
    made: Callable[[], dict[str, Any]], data: st.DataObject, junk: object
) -> None:
    value: Any = made()
    parts: list[tuple[Any, Any]] = []

    def walk(at: Any) -> None:
        for key in at if isinstance(at, dict) else range(len(at)):
            parts.append((at, key))
            if isinstance(at[key], dict | list):
                walk(at[key])

    walk(value)
    at, key = data.draw(st.sampled_from(parts))
    at[key] = junk
    try:
        read = parse_topology(as_bytes(value)).members
    except QcotError as error:
        read = (error.problem.name,)
        named = error.problem.name.startswith("network-")
    else:
        named = len(read) >= 2
    assert named, read


@settings(max_examples=40)
@given(st.binary(max_size=60))
def test_bytes_of_any_kind_are_refused_by_name(text: bytes) -> None:
    with pytest.raises(QcotError):
        parse_topology(text)


@settings(max_examples=30)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 9)), max_size=14))
def test_paths_are_the_shortest_there_are(edges: list[tuple[int, int, int]]) -> None:
    """Oracle: Floyd and Warshall."""
    metres = {(str(a), str(b)): d for a, b, d in edges if a != b}
    routes = Routes([Channel(a, b, d, d, d / 10, 0.1) for (a, b), d in metres.items()])
    best = {(a, b): 0 if a == b else metres.get((a, b), 10**9) for a in "012345" for b in "012345"}
    for k in "012345":
        for i in "012345":
            for j in "012345":
                best[i, j] = min(best[i, j], best[i, k] + best[k, j])
    for a, b in permutations("012345", 2):
        path = routes.path(a, b)
        assert (path.distance_m if path else 10**9) == best[a, b]
        if path:
            hops = list(zip(path.nodes, path.nodes[1:], strict=False))
            assert path.delay_ns == sum(metres[hop] for hop in hops)
            assert path.loss_db == pytest.approx(path.distance_m / 10)
            assert path.depolarizing == pytest.approx(1 - 0.9 ** len(hops))


def test_paths_go_round_what_is_closed() -> None:
    hospital = load_topology("hospital")
    direct = Routes(hospital.classical).path("A", "B")
    round_cut = Routes(hospital.classical, cut=[frozenset("AB")]).path("A", "B")
    assert direct is not None
    assert direct.nodes == ("A", "B")
    assert round_cut is not None
    assert len(round_cut.nodes) == 3
    assert Routes(hospital.classical, down=["B"]).path("A", "B") is None

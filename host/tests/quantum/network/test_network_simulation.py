"""The whole protocol on simulated channels: replicas agree, every fault shows, the same seed gives the same bytes."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from functools import cache
from itertools import combinations, pairwise

import pytest
from qcot.errors import Problem, QcotError
from qcot.quantum.identity import Parameters
from qcot.quantum.network import problems
from qcot.quantum.network.faults import FAULTS, OUTSIDER, choose_fault
from qcot.quantum.network.figures import STAGES, stages
from qcot.quantum.network.shapes import load_topology, parse_topology
from qcot.quantum.network.simulation import Simulation, simulate
from qcot.quantum.network.topology import Topology
from qcot.quantum.network.world import INTERVAL_NS, Settings
from qcot.quantum.problems import BAD_SEED, BAD_SHOTS
from qcot.quantum.statistics import binomial_bounds
from qcot.quantum.walk import walk_hash


def mesh(names: str = "ABCD", depolarizing: float = 0.01) -> Topology:
    """Every two of ``names`` joined by both kinds of channel, 3 km each."""
    ends = [list(pair) for pair in combinations(names, 2)]
    return parse_topology(
        json.dumps(
            {
                "name": "mesh",
                "nodes": [{"name": name} for name in names],
                "classical": [{"between": pair, "distance_m": 3000} for pair in ends],
                "quantum": [{"between": pair, "distance_m": 3000, "depolarizing": depolarizing} for pair in ends],
            }
        ).encode()
    )


MESH = mesh()
SMALL = Settings(records=1, blocks=1, seed=4, shots=64)
TWO = replace(SMALL, blocks=2)


AIMED = {
    "tapped-keys": ("tapped-keys:C-B", SMALL),
    "tapped-validation": ("tapped-validation:A-B", TWO),
    "silent-revealer": ("silent-revealer:C", SMALL),
    "node-down": ("node-down:B", TWO),
    "link-cut": ("link-cut:A-D", SMALL),
}
"""Where each fault that can aim aims here, and in which run; all others as they are."""


@cache
def run(fault: str | None = None, settings: Settings = SMALL) -> Simulation:
    """A run on the mesh, made once; of a fault the one in AIMED."""
    if fault is None:
        return simulate(MESH, settings)
    text, chosen = AIMED.get(fault, (fault, SMALL))
    return simulate(MESH, chosen, choose_fault(text, MESH))


def whats(done: Simulation) -> set[str]:
    return {event.what for event in done.detections}


def test_the_hospital_ends_with_six_equal_replicas_of_all_that_was_published() -> None:
    done = simulate(load_topology("hospital"), Settings(records=2, blocks=2, seed=1))
    assert [(each.state, each.blocks) for each in done.outcomes] == [("agrees", 2)] * 6
    assert done.agrees
    assert not done.detections, "nothing was wrong"
    published = [event.detail["record"] for event in done.timeline if event.what == "published"]
    kept = [record.id[:12] for block in done.longest for record in block.records]
    assert sorted(kept) == sorted(published)
    assert len(published) == 4
    assert sum(each.accepted for each in done.checkups) == len(done.checkups) == 4 * 5 + 2 * 5
    assert done.keys_left == sum(each.made for each in done.keys) - len(done.checkups), "a key for each validation"
    assert [stage.name for stage in stages(done) if stage.block in (None, 0)] == [name for name, _, _ in STAGES]


def test_replicas_are_chains_that_anybody_can_check_again() -> None:
    for chain in run(None, TWO).replicas.values():
        before = "0" * 64
        for height, block in enumerate(chain):
            assert (block.height, block.previous) == (height, before)
            text = json.dumps(block.content, sort_keys=True, separators=(",", ":")).encode()
            assert block.hash == hashlib.sha256(text).hexdigest()
            assert block.qhash == walk_hash(bytes.fromhex(block.hash)).hex()
            assert block.zeros == (64,) * min(2, height + 1)
            before = block.hash
        assert chain[1].t_ms == (chain[1].time_ns - chain[0].time_ns) // 10**6
        assert abs(chain[1].time_ns - chain[0].time_ns - INTERVAL_NS) < 10**9


def test_the_same_seed_gives_the_same_log_byte_for_byte_and_another_seed_another() -> None:
    again = simulate(MESH, SMALL)
    assert again.log == run().log
    assert again == run()
    assert simulate(MESH, replace(SMALL, seed=5)).log != run().log


def test_the_log_is_json_lines_in_the_order_of_simulated_time() -> None:
    lines = [json.loads(line) for line in run().log.splitlines()]
    assert all(set(line) >= {"t_ns", "node", "event"} for line in lines)
    assert all(one["t_ns"] <= other["t_ns"] for one, other in pairwise(lines))
    assert "seconds" not in run().log


def test_without_a_fault_nobody_notices_anything() -> None:
    done = run(None, TWO)
    assert not done.detections
    assert done.agrees
    assert done.detected is None


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_shows_and_honest_replicas_agree(name: str) -> None:
    done = run(name)
    assert done.detected, whats(done)
    assert done.agrees
    assert not {each.state for each in done.outcomes} & {"differs"}
    assert whats(done) & set(FAULTS[name].expects)


@pytest.mark.parametrize("name", ["tapped-validation", "silent-revealer", "node-down", "link-cut"])
def test_no_fault_splits_three_members_who_must_all_agree(name: str) -> None:
    trio = mesh("ABC")
    done = simulate(trio, TWO, choose_fault(name, trio))
    assert done.detected is not False
    assert {each.state for each in done.outcomes} == {"agrees"}


def test_an_outsiders_record_is_in_no_replica() -> None:
    done = run("outsider")
    refused = [each for each in done.checkups if each.prover == OUTSIDER]
    assert {each.verifier for each in refused} == set("BCD"), "all but A, who knows what it published"
    low, high = binomial_bounds(128, 3 / 4)
    for each in refused:
        assert (each.accepted, each.claimed) == (False, "A")
        assert each.mismatches is not None
        assert low <= each.mismatches <= high, "guesses are wrong with 3/4"
    forged = {each.subject for each in refused}
    assert not forged & {record.id for block in done.longest for record in block.records}
    assert len(done.longest) == 1, "the members' own record goes on"


def test_a_tap_on_the_photons_leaves_its_two_ends_without_keys() -> None:
    done = run("tapped-keys")
    (bare,) = [each for each in done.keys if not each.made]
    assert bare.ends == ("B", "C")
    assert bare.why
    assert bare.qber is not None
    assert 0.2 < bare.qber < 0.3
    assert all(each.made == each.wanted for each in done.keys if each is not bare)
    across = [each for each in done.checkups if {each.verifier, each.prover} == {"B", "C"}]
    assert {each.why for each in across} <= {"key-exhausted"}


def test_a_tap_on_the_halves_is_seen_in_a_quarter_of_the_checks() -> None:
    done = run("tapped-validation")
    across = [each for each in done.checkups if {each.verifier, each.prover} == {"A", "B"}]
    others = [each for each in done.checkups if {each.verifier, each.prover} != {"A", "B"}]
    assert across
    low, high = binomial_bounds(128, 0.255)
    for each in across:
        assert each.why == "link disturbed"
        assert each.check_errors is not None
        assert low <= each.check_errors <= high
    assert all(each.accepted for each in others)


def test_a_tap_that_nothing_met_is_neither_seen_nor_missed() -> None:
    done = simulate(MESH, SMALL, choose_fault("tapped-validation:A-B", MESH))
    assert done.detected is None
    assert not {("A", "B"), ("B", "A")} & {(each.verifier, each.prover) for each in done.checkups}


def test_a_record_whose_bytes_are_not_what_was_published_is_in_no_replica() -> None:
    done = run("altered-body")
    first = next(event.detail["record"] for event in done.timeline if event.what == "published")
    assert [event.detail["record"] for event in done.timeline if event.what == "record refused"] == [first] * 3
    assert not done.longest


@pytest.mark.parametrize("name", ["altered-record", "altered-phase"])
def test_an_altering_bookkeeper_is_refused_by_all_and_replaced(name: str) -> None:
    done = run(name)
    refused = [event for event in done.timeline if event.what == "qblock refused"]
    cheat = {event.detail["bookkeeper"] for event in refused}
    assert len(cheat) == 1
    assert {event.node for event in refused} == set("ABCD") - cheat
    assert {event.detail["failed"] for event in refused} == {"records" if name == "altered-record" else "local check"}
    assert done.longest[0].bookkeeper not in cheat
    published = {event.detail["record"] for event in done.timeline if event.what == "published"}
    assert {record.id[:12] for block in done.longest for record in block.records} == published


def test_a_member_that_is_down_keeps_a_prefix_and_the_others_go_on() -> None:
    done = run("node-down")
    assert {each.name: (each.state, each.blocks) for each in done.outcomes} == {
        "A": ("agrees", 2), "B": ("behind", 1), "C": ("agrees", 2), "D": ("agrees", 2),
    }  # fmt: skip
    assert done.replicas["B"] == done.longest[:1]
    assert all(
        "B" not in (each.verifier, each.prover) or each.height == 0 or not each.accepted for each in done.checkups
    )


def test_too_few_members_for_a_quorum_append_nothing_rather_than_fork() -> None:
    trio = mesh("ABC")
    done = simulate(trio, TWO, choose_fault("node-down:C", trio))
    assert done.quorum == 3
    assert {each.blocks for each in done.outcomes} == {1}
    assert done.detected


def test_a_silent_revealer_cannot_be_drawn() -> None:
    done = run("silent-revealer")
    drawn = [event for event in done.timeline if event.what == "bookkeeper drawn" and event.detail["block"] == 0]
    assert {event.detail["values"] for event in drawn} == {3}
    assert "C" not in {event.detail["chosen"] for event in drawn}
    assert {event.detail["of"] for event in done.timeline if event.what == "reveal missing"} == {"C"}


def test_messages_and_light_go_round_a_cut() -> None:
    done = run("link-cut")
    sent = [event for event in done.events if event.what in ("sent", "qubits")]
    ways = [event.detail["via"] for event in sent if {event.node, event.detail["to"]} == {"A", "D"}]
    assert ways
    assert all(len(via) == 1 for via in ways)
    assert done.traffic.lost == 0


def test_a_link_that_is_all_noise_validates_nobody() -> None:
    done = simulate(mesh("AB", 1.0), Settings(records=1, blocks=1, shots=16, parameters=Parameters.scaled(32, 32)))
    assert not any(each.accepted for each in done.checkups)
    assert {each.blocks for each in done.outcomes} == {0}
    assert "no keys" in whats(done)


@pytest.mark.parametrize("chance", [0.0, 0.06])
def test_validations_over_a_noisy_link_err_as_often_as_theory_says(chance: float) -> None:
    """A half meets the link once before a check, there and back before the Bell measurement."""
    done = simulate(mesh("AB", chance), Settings(records=3, blocks=1, seed=8, shots=16))
    errors = [each.check_errors or 0 for each in done.checkups]
    mismatches = [each.mismatches or 0 for each in done.checkups]
    assert all(each.accepted for each in done.checkups)
    for counted, per_pair in ((errors, chance / 2), (mismatches, 3 / 4 * (1 - (1 - chance) ** 2))):
        low, high = binomial_bounds(128 * len(done.checkups), per_pair)
        assert low <= sum(counted) <= high


def test_channels_of_the_other_shapes_carry_the_protocol() -> None:
    for name in ("campus-sequence", "city-qnet"):
        done = simulate(load_topology(name), Settings(records=1, blocks=1, shots=16))
        assert done.agrees
        assert len(done.longest) == 1


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"records": 0}, problems.BAD_COUNT),
        ({"records": 65}, problems.BAD_COUNT),
        ({"blocks": 0}, problems.BAD_COUNT),
        ({"blocks": True}, problems.BAD_COUNT),
        ({"shots": 0}, BAD_SHOTS),
        ({"seed": -1}, BAD_SEED),
    ],
)
def test_bad_settings_are_refused(change: dict[str, int], problem: Problem) -> None:
    with pytest.raises(QcotError) as caught:
        simulate(MESH, Settings(**change))  # type: ignore[arg-type]
    assert caught.value.problem is problem


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("earthquake", problems.UNKNOWN_FAULT),
        ("", problems.UNKNOWN_FAULT),
        ("node-down:Z", problems.BAD_TARGET),
        ("node-down:", problems.BAD_TARGET),
        ("link-cut:A-Z", problems.BAD_TARGET),
        ("outsider:A", problems.BAD_TARGET),
    ],
)
def test_a_fault_that_is_not_known_or_aims_at_nothing_is_refused(text: str, problem: Problem) -> None:
    with pytest.raises(QcotError) as caught:
        choose_fault(text, MESH)
    assert caught.value.problem is problem


def test_a_network_that_has_a_node_of_the_outsiders_name_is_refused() -> None:
    with pytest.raises(QcotError) as caught:
        simulate(parse_topology(json.dumps({
            "nodes": [{"name": "A"}, {"name": OUTSIDER}],
            "classical": [{"between": ["A", OUTSIDER], "distance_m": 1}],
            "quantum": [{"between": ["A", OUTSIDER], "distance_m": 1}],
        }).encode()), SMALL, FAULTS["outsider"])  # fmt: skip
    assert caught.value.problem is problems.DUPLICATE_NODE

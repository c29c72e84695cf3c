"""Channels at work: delays to the nanosecond, loss and noise as theory has them, nothing through what is closed."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path as FilePath

import numpy as np
import pytest
import simpy
from qcot.errors import QcotError
from qcot.quantum.network import problems
from qcot.quantum.network.journal import PURPOSES, Journal, Streams, write_log
from qcot.quantum.network.shapes import parse_topology
from qcot.quantum.network.topology import Path
from qcot.quantum.network.validation import FLIPS, paulis
from qcot.quantum.network.wire import QUBIT_NS, Wire
from qcot.quantum.statistics import binomial_bounds

LINE = parse_topology(
    json.dumps(
        {
            "nodes": [{"name": name} for name in "ABC"],
            "classical": [{"between": list(ends), "distance_m": 2000} for ends in ("AB", "BC")],
            "quantum": [{"between": list(ends), "distance_m": 2000, "loss_db": 1.5} for ends in ("AB", "BC")],
        }
    ).encode()
)


@pytest.fixture
def wire() -> Wire:
    env = simpy.Environment()
    return Wire(env, LINE, Journal(lambda: int(env.now)), np.random.default_rng(7))


def test_a_message_takes_the_sum_of_its_ways_delays(wire: Wire) -> None:
    arrived = wire.env.run(wire.env.process(wire.carry("A", "C", "hello", {"x": 1})))
    assert arrived is True
    assert wire.env.now == 20_000
    sent, got = wire.journal.events
    assert (sent.at_ns, sent.what, sent.detail) == (0, "sent", {"to": "C", "topic": "hello", "bytes": 7, "via": ["B"]})
    assert (got.at_ns, got.node, got.what) == (20_000, "C", "arrived")
    assert (wire.traffic.messages, wire.traffic.bytes, wire.traffic.lost) == (1, 7, 0)


def test_nothing_goes_through_a_node_that_is_down_and_the_sender_waits_his_patience(wire: Wire) -> None:
    wire.close(down=["B"])
    assert wire.env.run(wire.env.process(wire.carry("A", "C", "hello", {}))) is False
    assert wire.env.now == wire.patience_ns
    assert wire.env.run(wire.env.process(wire.send_qubits("A", "C", 5, "halves"))) is False
    assert (wire.traffic.lost, wire.traffic.qubits_sent) == (1, 0)


def test_a_mailbox_gives_what_came_until_the_deadline_by_name(wire: Wire) -> None:
    wire.post("C", "A", "votes 0", {"n": 3})
    wire.post("B", "A", "votes 0", {"n": 2})
    wire.post("B", "A", "votes 1", {"n": 9})
    heard = wire.env.run(wire.env.process(wire.collect("A", "votes 0", ["B", "C"], 10**9)))
    assert heard == {"B": {"n": 2}, "C": {"n": 3}}
    assert wire.env.now == 20_000
    heard = wire.env.run(wire.env.process(wire.collect("A", "votes 1", ["B", "C"], 50_000)))
    assert heard == {"B": {"n": 9}}
    assert wire.env.now == 50_000
    assert wire.env.run(wire.env.process(wire.collect("A", "votes 2", ["B"], 10))) == {}, "a deadline that is past"


def test_as_many_qubits_are_sent_as_the_loss_asks_for(wire: Wire) -> None:
    """3 dB on the way: each that is sent arrives with 10^-0.3. So of n sent, the last one included, Binomial(n, p)."""
    wanted = 20_000
    wire.env.run(wire.env.process(wire.send_qubits("A", "C", wanted, "halves")))
    sent = wire.traffic.qubits_sent
    low, high = binomial_bounds(sent, 10**-0.3)
    assert low <= wanted <= high
    assert wire.env.now == sent * QUBIT_NS + 20_000
    assert wire.traffic.qubits_arrived == wanted


def test_a_way_that_loses_all_is_as_good_as_cut() -> None:
    lossy = LINE.quantum[0].__class__("A", "B", 1.0, 5, 190.0)
    topology = LINE.__class__("dark", LINE.nodes, LINE.classical, (lossy,), "qcot")
    env = simpy.Environment()
    wire = Wire(env, topology, Journal(lambda: int(env.now)), np.random.default_rng(7))
    assert env.run(env.process(wire.send_qubits("A", "B", 5, "halves"))) is False
    assert wire.journal.events[-1].detail["why"] == "too much loss"


@pytest.mark.parametrize("chance", [0.0, 0.06, 1.0])
def test_depolarizing_noise_flips_checks_with_half_its_probability(chance: float) -> None:
    count = 40_000
    path = Path(("A", "B"), 1.0, 5, 0.0, chance)
    struck = paulis(count, path, np.random.default_rng(3))
    for flip in FLIPS.values():
        low, high = binomial_bounds(count, chance / 2)
        assert low <= sum(bool(pauli & flip) for pauli in struck) <= high
    low, high = binomial_bounds(count, 3 * chance / 4)
    assert low <= sum(pauli != 0 for pauli in struck) <= high, "the Bell measurement sees any of X, Y, Z"


def test_streams_are_the_seeds_own_and_do_not_disturb_each_other() -> None:
    one, other = Streams(5), Streams(5)
    for purpose in PURPOSES[1:]:
        other.random(purpose).bytes(9)
        other.seed(purpose)
    assert [one.seed("records") for _ in range(3)] == [other.seed("records") for _ in range(3)]
    firsts = [Streams(5).seed(purpose) for purpose in PURPOSES] + [Streams(6).seed(purpose) for purpose in PURPOSES]
    assert len(set(firsts)) == len(firsts)
    assert all(0 <= first < 1 << 63 for first in firsts)


def test_a_log_that_cannot_be_written_is_refused(tmp_path: FilePath) -> None:
    with pytest.raises(QcotError) as caught:
        write_log("{}\n", tmp_path / "none" / "log.jsonl")
    assert caught.value.problem is problems.LOG_UNWRITABLE


def test_events_stand_in_the_log_in_the_order_of_their_times(wire: Wire) -> None:
    for target in ("B", "C", "B"):
        wire.post("A", target, f"to {target}", {})
    wire.env.run()
    assert all(one.at_ns <= other.at_ns for one, other in pairwise(wire.journal.events))

"""Verification: whatever is tampered with, the first thing that is wrong is named, at its leaf."""

import sqlite3
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ledger_site import AUTHORITY, GATEWAY_KEY, SITE, Site
from qcot.crypto.signing import ML_DSA_44, SigningKey
from qcot.errors import QcotError
from qcot.ledger import checkpoint, qblock, transactions
from qcot.ledger.reader import Reader
from qcot.ledger.trust import Trust
from qcot.ledger.verify import verify
from qcot.link import frames, messages
from trust_site import Authority


def found(ledger, site, trust=None, **options):
    with Reader.open(ledger.path) as reader:
        failure = verify(reader, trust or site.trust, **options).failure
    return failure and (failure.leaf, failure.problem.name)


def execute(ledger, statement, *values):
    with sqlite3.connect(ledger.path) as raw:
        assert raw.execute(statement, values).rowcount > 0


def put(ledger, leaf, raw):
    execute(ledger, "UPDATE leaf SET bytes = ? WHERE idx = ?", raw, leaf)


def forge(ledger, leaf, **quantum):
    header = qblock.parse(ledger.leaf(leaf))
    put(ledger, leaf, qblock.build(header.core, replace(header.quantum, **quantum)))


def test_an_honest_ledger_holds_and_its_counts_are_true(closed, site):
    seen = []
    with Reader.open(closed.path) as reader:
        result = verify(reader, site.trust, shots=16, progress=lambda done, of: seen.append((done, of)))
    assert result.failure is None
    counts = result.counts
    assert (counts.leaves, counts.transactions, counts.qblocks, counts.checkpoints) == (8, 6, 2, 2)
    assert (counts.readings, counts.devices) == (sum(board.seq for board in site.boards), 2)
    assert (result.size, result.signed) == (8, 7)
    assert result.root == checkpoint.merkle.range_root(0, 8, closed.node)
    assert seen[-1] == (8, 8)


def test_an_empty_ledger_holds(ledger, site):
    assert found(ledger, site) is None


def test_a_changed_byte_anywhere_in_a_leaf_is_found_at_that_leaf(closed, site):
    originals = dict(closed.leaves())

    @settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.data())
    def check(data):
        leaf = data.draw(st.integers(0, 7))
        raw = bytearray(originals[leaf])
        raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
        put(closed, leaf, bytes(raw))
        try:
            assert found(closed, site)[0] == leaf
        finally:
            put(closed, leaf, originals[leaf])

    check()
    assert found(closed, site) is None


def test_keys_that_are_not_those_of_the_ledger_are_named(closed, site):
    other, certificates = Authority(SITE, 1), site.trust.certificates
    assert found(closed, site, Trust(other.root, SITE)) == (0, "issuer-unknown")
    assert found(closed, site, Trust(AUTHORITY.root, "other")) == (0, "wrong-site")
    assert found(closed, site, Trust(AUTHORITY.root, SITE)) == (3, "certificate-unknown")
    stranger = AUTHORITY.gateway(SigningKey(ML_DSA_44, bytes(32)))
    assert found(closed, site, Trust(AUTHORITY.root, SITE, (*certificates[:1], stranger))) == (3, "checkpoint-unsigned")
    forged = other.gateway(GATEWAY_KEY)
    with pytest.raises(QcotError, match="issuer-unknown"):
        verify(closed, Trust(AUTHORITY.root, SITE, (*certificates[:1], forged)))


def test_a_reading_changed_by_who_has_the_bridges_key_breaks_the_boards_chain(closed, site):
    original = transactions.parse(closed.leaf(1))
    entry = original.entries[0]
    body = messages.decode(frames.parse(entry.frame))
    records = bytes([body.records[0] ^ 1]) + body.records[1:]
    frame = frames.seal(2, replace(body, records=records).encode(), 1, frames.MacKey(b"guessed"))
    entries = (replace(entry, frame=frame), *original.entries[1:])
    put(closed, 1, Site().raw(*entries, sequence=original.sequence))
    assert found(closed, site) == (1, "chain-broken")


def test_leaves_in_another_order_or_left_out_are_found(closed, site):
    one, two = closed.leaf(4), closed.leaf(5)
    put(closed, 4, two)
    put(closed, 5, one)
    assert found(closed, site) == (4, "sequence-missing")
    put(closed, 4, one)
    assert found(closed, site) == (5, "sequence-reused")
    execute(closed, "DELETE FROM leaf WHERE idx = 5")
    assert found(closed, site)[1] == "ledger-corrupt"


def test_a_transaction_for_another_site_is_found(closed, site):
    put(closed, 0, Site().transaction(Site().boards[0].enrolment(), site="other").raw)
    assert found(closed, site) == (0, "wrong-site")


def test_a_leaf_that_is_neither_transaction_nor_header_is_found(closed, site):
    put(closed, 7, b"\x00anything")
    assert found(closed, site) == (7, "bad-leaf")
    put(closed, 7, b"")
    assert found(closed, site) == (7, "bad-leaf")


def test_a_forged_phase_is_found_with_the_odds_of_a_shot_to_show_it(closed, site):
    phases = closed.header(0).quantum.phases
    forge(closed, 3, phases=replace(phases, h=phases.h ^ 1 << 52))  # theta is wrong by pi: sin^2(pi/2) = 1
    with Reader.open(closed.path) as reader:
        failure = verify(reader, site.trust).failure
    assert (failure.leaf, failure.problem.name) == (3, "qblock-phase")
    assert failure.reason.endswith("with probability 1")
    assert str(failure).startswith("leaf 3, Qblock 0: qblock-phase: ")


def test_every_part_of_the_quantum_record_is_checked(closed, site):
    quantum = closed.header(1).quantum
    good = closed.leaf(6)
    for change, name in (
        ({"qhash": bytes(32)}, "qblock-walk-hash"),
        ({"phases": replace(quantum.phases, t_ms=quantum.phases.t_ms + 1)}, "qblock-out-of-place"),
        ({"check": replace(quantum.check, qasm3="OPENQASM 3.0;")}, "qblock-qasm"),
        ({"check": replace(quantum.check, zeros_newest=quantum.check.shots - 1)}, "qblock-count"),
        ({"check": replace(quantum.check, zeros_middle=None)}, "qblock-count"),
        ({"check": replace(quantum.check, zeros_middle=0)}, "qblock-count"),
    ):
        forge(closed, 6, **change)
        assert found(closed, site) == (6, name)
        put(closed, 6, good)
    assert found(closed, site) is None


def test_a_noisy_backend_may_count_fewer_zeros(closed, site):
    quantum = closed.header(1).quantum
    noisy = replace(quantum.check, backend="some_device", zeros_newest=quantum.check.shots - 3)
    forge(closed, 6, check=noisy)
    assert found(closed, site) == (6, "index-differs")  # only the bytes are others than were stored


def test_a_header_over_another_tree_is_found_though_its_own_hash_is_right(closed, site):
    core = replace(closed.header(0).core, tree_root=bytes(32))
    put(closed, 3, qblock.close(core, [], core.time, shots=8, seed=1).raw)
    assert found(closed, site) == (3, "root-differs")
    core = replace(closed.header(0).core, transactions=2)
    put(closed, 3, qblock.close(core, [], core.time, shots=8, seed=1).raw)
    assert found(closed, site) == (3, "qblock-out-of-place")


def test_checkpoints_are_checked_and_may_not_be_left_out(closed, site):
    first, last = (text for _, text in closed.checkpoints())
    with sqlite3.connect(closed.path) as raw:
        raw.execute("DELETE FROM checkpoint WHERE size = 4")
    assert found(closed, site) == (6, "checkpoint-missing")
    for text, name in (
        (first.replace("lab", "bal"), "root-differs"),
        (last, "root-differs"),
        ("no checkpoint", "bad-checkpoint"),
        (resigned(first, b"\x2a" * 32), "checkpoint-unsigned"),
        (first[:-9] + ("AAAA" if first[-9:-5] != "AAAA" else "BBBB") + first[-5:], "bad-signature"),
    ):
        with sqlite3.connect(closed.path) as raw:
            raw.execute("INSERT OR REPLACE INTO checkpoint VALUES (4, ?)", (text,))
        assert found(closed, site) == (3, name)
    with sqlite3.connect(closed.path) as raw:
        raw.execute("UPDATE checkpoint SET text = ? WHERE size = 4", (first,))
        raw.execute("INSERT INTO checkpoint VALUES (99, ?)", (first,))
    assert found(closed, site) == (None, "index-differs")


def resigned(text, seed):
    read = checkpoint.parse(text)
    key = SigningKey(ML_DSA_44, seed)
    return checkpoint.sign(key, "gateway", origin=read.origin, size=read.size, root=read.root, stamp=1)


@pytest.mark.parametrize(
    ("statement", "leaf"),
    [
        ("UPDATE node SET hash = zeroblob(32) WHERE level = 1 AND idx = 1", 3),
        ("UPDATE device SET next_seq = next_seq + 1", None),
        ("UPDATE device SET key_commitment = zeroblob(32)", None),
        ("UPDATE answer SET leaf = 5 WHERE sequence = 2", 1),
        ("UPDATE answer SET hash = zeroblob(32) WHERE sequence = 2", 1),
        ("UPDATE answer SET name = 'chain-gap' WHERE sequence = 2", 1),
        ("INSERT INTO answer VALUES ('other', 1, zeroblob(32), 5, '', '')", None),
        ("INSERT INTO answer VALUES ('bridge', 99, zeroblob(32), NULL, 'chain-gap', 'made up')", None),
        ("INSERT INTO answer VALUES ('other', 0, zeroblob(32), NULL, 'chain-gap', 'made up')", None),
        ("UPDATE device SET leaf = 4", None),
        ("UPDATE device SET entry = entry + 1", None),
        ("UPDATE qblock SET leaf = 5 WHERE height = 1", 6),
        ("DELETE FROM qblock WHERE height = 1", None),
        ("UPDATE statement SET bytes = zeroblob(9) WHERE entry = 3", None),
        ("DELETE FROM statement WHERE entry = 3", None),
        ("INSERT INTO statement SELECT 1, entry, bytes FROM statement WHERE entry = 3", None),
        ("UPDATE run SET entry = 1 WHERE leaf = 2", 2),
        ("UPDATE run SET first = first + 1 WHERE leaf = 4", 4),
        ("UPDATE run SET count = count + 1 WHERE leaf = 4", 4),
        ("UPDATE run SET leaf = 1 WHERE leaf = 4", 4),
        ("DELETE FROM run WHERE leaf = 4", 4),
        ("UPDATE run SET link_before = zeroblob(32) WHERE leaf = 4", 4),
        ("INSERT INTO run SELECT zeroblob(8), epoch, first, count, leaf, entry, link_before FROM run LIMIT 1", None),
    ],
)
def test_tables_that_say_otherwise_than_the_leaves_are_found(closed, site, statement, leaf):
    execute(closed, statement)
    assert found(closed, site) == (leaf, "index-differs")


def test_a_sequence_that_was_refused_is_no_hole_and_one_that_is_forgotten_is(ledger, site):
    site.append(ledger, [site.enrolment()])
    site.boards[0].readings()
    site.append(ledger, [site.readings(site.boards[0]), site.readings(site.boards[1])])
    assert found(ledger, site) is None
    execute(ledger, "DELETE FROM answer WHERE sequence = 2")
    assert found(ledger, site) == (1, "sequence-missing")


def test_the_simulated_check_shows_a_phase_that_is_wrong_by_half_a_turn(closed):
    header = closed.header(1)
    earlier = [closed.header(0)]
    honest = qblock.to_simulate(header, earlier)
    phases = replace(header.quantum.phases, h=header.quantum.phases.h ^ 1 << 52)
    forged = qblock.parse(qblock.build(header.core, replace(header.quantum, phases=phases)))
    found = qblock.check_by_simulation([honest, qblock.to_simulate(forged, earlier), honest], 64, seed=1)
    assert [wrong and wrong.problem.name for wrong in found] == [None, "qblock-check", None]


def test_a_simulated_check_that_fails_is_named_before_what_is_wrong_after_it(closed, site):
    """Checks wait to run many in a job; the first failure and what was found right before it stay the same."""
    put(closed, 4, b"\x00anything")
    assert found(closed, site, shots=16) == (4, "bad-leaf")
    with Reader.open(closed.path) as reader:
        result = verify(reader, site.trust, shots=2_000_000)
    assert (result.failure.leaf, result.failure.problem.name) == (3, "quantum-shots")
    assert result.failure.what == "leaf 3, Qblock 0"
    assert (result.counts.leaves, result.counts.qblocks, result.size, result.signed) == (3, 0, 3, 0)
    put(closed, 1, b"\x00anything")
    assert found(closed, site, shots=2_000_000) == (1, "bad-leaf")

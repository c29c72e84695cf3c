"""QUMA's tables and figures about validation, each against what is known without a circuit."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from qcot.errors import QcotError
from qcot.quantum.identity import PAPER
from qcot.quantum.identity.paper import (
    FIGURE_8,
    NODES,
    PAPER_PAIRS,
    PAPER_REQUESTS,
    TABLE_4_POSITIONS,
    figure_7,
    requests,
    table_3,
    table_4,
    table_5,
)
from qcot.quantum.statistics import binomial_bounds
from qcot.quantum.walk import walk_hash


def test_table_3_hashes_are_walk_hashes_and_tags_hmacs_of_them() -> None:
    root, *records = table_3()
    assert [row.name for row in records] == ["B", "F"]
    key = hashlib.sha256(b"1010110001010101011110").digest()
    for row in records:
        assert row.bits is not None
        assert row.tag is not None
        assert row.walk_hash == walk_hash(row.bits.encode()).hex()
        tag = hmac.new(key, bytes(32) + bytes.fromhex(row.walk_hash), "sha256").digest()
        assert "".join(f"{symbol:02b}" for symbol in row.tag) == f"{int.from_bytes(tag[:3], 'big'):024b}"
    assert root.walk_hash == walk_hash(bytes.fromhex(records[0].walk_hash + records[1].walk_hash)).hex()
    assert {len(row.printed) for row in (root, *records)} == {48}, "the paper prints 192 bits, its text says 256"


def test_table_4_finds_equal_results_in_bases_that_exist() -> None:
    columns = [column for seed in range(8) for column in table_4(seed)]
    assert [column.position for column in columns[:8]] == list(TABLE_4_POSITIONS)
    assert all(column.prover == column.verifier for column in columns)
    assert {(c.basis, c.prover, c.label) for c in columns} == {
        ("Z", 0, "|0>"),
        ("Z", 1, "|1>"),
        ("X", 0, "|+>"),
        ("X", 1, "|->"),
    }
    assert PAPER.pairs + PAPER.checks == PAPER_PAIRS
    assert len(TABLE_4_POSITIONS) == PAPER.checks


def test_table_5_z_shows_the_parity_and_x_the_sign() -> None:
    columns = table_5(shots=1_000, seed=1)
    low, high = binomial_bounds(1_000, 0.5)
    for column in columns:
        for expected, counts in ((column.z, column.z_counts), (column.x, column.x_counts)):
            assert set(counts) == set(expected)
            assert low <= counts[expected[0]] <= high
    by_name = {column.state: column for column in columns}
    assert by_name["Phi+"].z == by_name["Phi-"].z == ("00", "11")
    assert by_name["Psi+"].z == by_name["Psi-"].z == ("01", "10")
    assert len({(column.z, column.x) for column in columns}) == 4


def test_figure_7_requests_are_the_papers_and_all_are_accepted() -> None:
    done = figure_7(seed=2)
    assert tuple((each.verifier, each.prover) for each in done) == PAPER_REQUESTS
    assert all(each.validation.accepted for each in done)
    assert len({each.validation.key_id for each in done}) == len(done)


def test_every_other_node_asks_each_publisher() -> None:
    asked = requests(["A", "D"])
    assert len(asked) == 2 * (len(NODES) - 1)
    assert set(PAPER_REQUESTS) < set(asked)
    assert all(verifier != prover for verifier, prover in asked)


def test_figure_7_of_the_same_seed_is_the_same() -> None:
    one, two = (figure_7([("D", "A")], seed=5)[0].validation for _ in range(2))
    assert (one.key_id, one.nonce, one.announcement) == (two.key_id, two.nonce, two.announcement)


def test_figure_8_has_the_four_steps_in_order_with_a_key_in_the_first_two() -> None:
    assert [step.number for step in FIGURE_8] == [1, 2, 3, 4]
    assert [step.who for step in FIGURE_8] == ["verifier", "prover", "prover", "verifier"]
    assert all("burns it" in step.does for step in FIGURE_8[:2])


@pytest.mark.parametrize("make", [table_4, table_5, figure_7])
def test_what_is_no_seed_is_refused(make: object) -> None:
    with pytest.raises(QcotError, match=r"^quantum-seed: "):
        make(seed=-1)  # type: ignore[operator]

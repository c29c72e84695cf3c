"""The walk hash against its committed vectors and three independent walks: in integers, exact, in floats."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qcot.errors import QcotError
from qcot.quantum.walk import walk_hash, walk_hash_bits, walk_hash_many
from walk_definition import (
    HALF_COINS,
    assert_digest_near,
    coins_of,
    digest_of,
    float_walk,
    integer_walk,
    text_of,
)

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "walk_hash.json").read_text())["vectors"]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: v["message"][:8] or "empty")
def test_digest_is_that_of_the_committed_vector(vector: dict[str, str]) -> None:
    assert walk_hash(bytes.fromhex(vector["message"])).hex() == vector["digest"]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: v["message"][:8] or "empty")
def test_digest_in_a_batch_is_that_of_the_committed_vector(vector: dict[str, str]) -> None:
    message, rng = bytes.fromhex(vector["message"]), random.Random(3)
    others = [rng.randbytes(len(message)) for _ in range(20)]
    assert walk_hash_many([*others, message, *others])[20].hex() == vector["digest"]


@settings(max_examples=4)
@given(st.text("01", max_size=128))
def test_digest_is_that_of_the_definition_in_big_integers(bits: str) -> None:
    assert walk_hash_bits(bits) == digest_of(*integer_walk(bits, rounded=True))


def test_exact_walk_keeps_the_norm_and_gives_the_same_digest() -> None:
    cells, scale = integer_walk(text_of(b"abc"), rounded=False)
    assert sum(cells) == 1 << scale
    assert digest_of(cells, scale) == walk_hash(b"abc")


@settings(max_examples=20)
@given(st.binary(max_size=64))
def test_float_walk_gives_the_same_digest(message: bytes) -> None:
    assert_digest_near(float_walk(coins_of(text_of(message))), walk_hash(message))


@pytest.mark.parametrize("coin", HALF_COINS)
def test_coins_are_unitary(coin: list[list[complex]]) -> None:
    matrix = np.array(coin) / 2
    assert np.array_equal(matrix @ matrix.conj().T, np.eye(4))


@settings(max_examples=10)
@given(st.binary(max_size=40))
def test_bytes_are_hashed_as_their_bits(message: bytes) -> None:
    assert walk_hash_bits(text_of(message)) == walk_hash(message)


@pytest.mark.parametrize("text", ["012", "0 1", "0b1", "\u0660"])
def test_bits_that_are_not_bits_are_refused(text: str) -> None:
    with pytest.raises(QcotError, match="character") as refused:
        walk_hash_bits(text)
    assert refused.value.problem.name == "walk-not-bits"


@settings(max_examples=10)
@given(st.lists(st.binary(max_size=4), max_size=12))
def test_many_hashes_messages_of_any_lengths_as_one_by_one(messages: list[bytes]) -> None:
    assert walk_hash_many(messages) == [walk_hash(message) for message in messages]


def test_many_larger_than_one_batch_keep_their_order() -> None:
    messages = [i.to_bytes(2, "big") for i in range(300)]
    digests = walk_hash_many(messages)
    assert len(set(digests)) == 300
    assert [digests[i] for i in (0, 127, 128, 299)] == [walk_hash(messages[i]) for i in (0, 127, 128, 299)]


def test_threads_hash_at_the_same_time_as_one_by_one() -> None:
    rng = random.Random(4)
    shares = [[rng.randbytes(8) for _ in range(40)] for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(walk_hash_many, shares)) == [walk_hash_many(share) for share in shares]


def test_rules_and_walk_hash_come_without_qiskit_and_scipy() -> None:
    check = "import sys, qcot.quantum.walk, qcot.ledger.qblock; sys.exit(bool({'qiskit', 'scipy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0

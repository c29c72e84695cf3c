"""The walk hash against its committed vectors and four independent walks: integers, exact, floats and Aer."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qcot.quantum.walk import walk_hash, walk_hash_many
from qiskit import QuantumCircuit
from qiskit.circuit.library import UnitaryGate
from qiskit_aer import AerSimulator

VECTORS = json.loads((Path(__file__).parent / "vectors" / "walk_hash.json").read_text())["vectors"]

# The definition once more, in its own words and data types.
HALF_COINS = (
    [[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]],
    [[-1, 1, 1, 1], [1, -1, 1, 1], [1, 1, -1, 1], [1, 1, 1, -1]],
    [[1, 1, 1, -1], [1, -1, 1, 1], [1, 1, -1, 1], [1, -1, -1, -1]],
    [[1j ** (j * k % 4) for k in range(4)] for j in range(4)],
)


def coins_of(message: bytes) -> list[int]:
    text = "".join(f"{byte:08b}" for byte in message)
    text += "1" + f"{len(text):064b}" + "10" * 32
    return [int(pair, 2) for pair in (("0" + text)[i : i + 2] for i in range(len(text)))]


def gaussian(factor: complex, re: int, im: int) -> tuple[int, int]:
    a, b = int(factor.real), int(factor.imag)
    return a * re - b * im, a * im + b * re


def integer_walk(message: bytes, rounded: bool) -> tuple[list[int], int]:
    """Cell probabilities as Python integers over 2^scale; ``rounded`` as defined, else nothing is lost at all."""
    start = 59 if rounded else 0
    psi = {(0, 0, c): gaussian(f, 1 << start, 0) for c, f in enumerate((1, 1j, 1, -1))}
    coins = coins_of(message)
    for k in coins:
        after: dict[tuple[int, int, int], tuple[int, int]] = {}
        for a, b in {key[:2] for key in psi}:
            for j, row in enumerate(HALF_COINS[k]):
                terms = [gaussian(row[c], *psi.get((a, b, c), (0, 0))) for c in range(4)]
                re, im = sum(t[0] for t in terms), sum(t[1] for t in terms)
                if rounded:
                    re, im = (re + 1) >> 1, (im + 1) >> 1
                step_a, step_b = 1 - 2 * (j >> 1), 1 - 2 * (j & 1)
                after[(a + step_a) % 7, (b + step_b) % 7, j] = re, im
        psi = after
    cells = [0] * 49
    for (a, b, _), (re, im) in psi.items():
        cells[7 * a + b] += re * re + im * im
    return cells, 120 if rounded else 2 * len(coins) + 2


def digest_of(cells: list[int], scale: int) -> bytes:
    return bytes((p >> (scale - 40)) & 255 for p in cells[:32])


def float_walk(message: bytes) -> np.ndarray:
    """Cell probabilities by dense complex matrices."""
    psi = np.zeros((7, 7, 4), complex)
    psi[0, 0] = np.array([1, 1j, 1, -1]) / 2
    for k in coins_of(message):
        tossed = psi @ (np.array(HALF_COINS[k]) / 2).T
        for c in range(4):
            psi[:, :, c] = np.roll(tossed[:, :, c], (1 - 2 * (c >> 1), 1 - 2 * (c & 1)), axis=(0, 1))
    return (abs(psi) ** 2).sum(axis=2).ravel()


def aer_walk(message: bytes) -> np.ndarray:
    """Cell probabilities from an Aer circuit: b on qubits 0-2, a on 3-5, c2 on 6, c1 on 7. Position 7 stays empty."""
    step = np.zeros((16, 16))  # on (position, coin), coin as the highest bit
    for coin, move in ((0, 1), (1, -1)):
        for x in range(8):
            step[8 * coin + ((x + move) % 7 if x < 7 else 7), 8 * coin + x] = 1
    moves, tosses = UnitaryGate(step), [UnitaryGate(np.array(coin) / 2) for coin in HALF_COINS]
    circuit = QuantumCircuit(8)
    circuit.initialize(np.array([1, 1j, 1, -1]) / 2, [6, 7])
    for k in coins_of(message):
        circuit.append(tosses[k], [6, 7])
        circuit.append(moves, [0, 1, 2, 6])
        circuit.append(moves, [3, 4, 5, 7])
    circuit.save_statevector()
    state = np.asarray(AerSimulator(method="statevector").run(circuit).result().get_statevector())
    cells = (abs(state.reshape(4, 8, 8)) ** 2).sum(axis=0)  # (a, b)
    assert cells[7].sum() + cells[:, 7].sum() < 1e-12
    return cells[:7, :7].ravel()


def assert_digest_near(cells: np.ndarray, digest: bytes) -> None:
    """Every byte of the digest is floor(P 2^40) mod 256 of ``cells``, up to float rounding at a byte's edge."""
    assert abs(cells.sum() - 1) < 1e-11
    apart = (np.floor(cells[:32] * 2.0**40).astype(np.int64) - np.frombuffer(digest, np.uint8)) % 256
    assert set(apart.tolist()) <= {0, 1, 255}
    assert (apart == 0).mean() > 0.5


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: v["message"][:8] or "empty")
def test_digest_is_that_of_the_committed_vector(vector: dict[str, str]) -> None:
    assert walk_hash(bytes.fromhex(vector["message"])).hex() == vector["digest"]


@settings(max_examples=12, deadline=None)
@given(st.binary(max_size=24))
def test_digest_is_that_of_the_definition_in_big_integers(message: bytes) -> None:
    assert walk_hash(message) == digest_of(*integer_walk(message, rounded=True))


def test_exact_walk_keeps_the_norm_and_gives_the_same_digest() -> None:
    cells, scale = integer_walk(b"abc", rounded=False)
    assert sum(cells) == 1 << scale
    assert digest_of(cells, scale) == walk_hash(b"abc")


@settings(max_examples=20, deadline=None)
@given(st.binary(max_size=64))
def test_float_walk_gives_the_same_digest(message: bytes) -> None:
    assert_digest_near(float_walk(message), walk_hash(message))


@pytest.mark.parametrize("message", [b"", b"q"])
def test_aer_circuit_gives_the_same_digest(message: bytes) -> None:
    assert_digest_near(aer_walk(message), walk_hash(message))


@pytest.mark.parametrize("coin", HALF_COINS)
def test_coins_are_unitary(coin: list[list[complex]]) -> None:
    matrix = np.array(coin) / 2
    assert np.array_equal(matrix @ matrix.conj().T, np.eye(4))


@settings(max_examples=10, deadline=None)
@given(st.lists(st.binary(max_size=4), max_size=12))
def test_batch_hashes_messages_of_any_lengths_as_one_by_one(messages: list[bytes]) -> None:
    assert walk_hash_many(messages) == [walk_hash(message) for message in messages]


def test_batch_larger_than_one_block_of_work_keeps_its_order() -> None:
    messages = [bytes([i, i * 7 % 256]) for i in range(150)]
    digests = walk_hash_many(messages)
    assert len(set(digests)) == 150
    assert [digests[i] for i in (0, 63, 64, 149)] == [walk_hash(messages[i]) for i in (0, 63, 64, 149)]


def test_one_flipped_bit_changes_half_of_the_digest() -> None:
    rng = random.Random(2)
    messages = [rng.randbytes(32) for _ in range(128)]
    flipped = [(int.from_bytes(m, "big") ^ 1 << rng.randrange(256)).to_bytes(32, "big") for m in messages]
    pairs = zip(walk_hash_many(messages), walk_hash_many(flipped), strict=True)
    changed = [(int.from_bytes(a, "big") ^ int.from_bytes(b, "big")).bit_count() for a, b in pairs]
    assert abs(np.mean(changed) - 128) < 5 * 8 / 128**0.5
    assert 6 < np.std(changed) < 10


def test_rules_and_walk_hash_come_without_qiskit() -> None:
    check = "import sys, qcot.quantum.walk, qcot.quantum.qblock; sys.exit('qiskit' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0

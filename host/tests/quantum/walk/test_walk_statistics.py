"""The tests of hash functions: a random function passes, each kind of bad hash is found by the test that is for it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from hashlib import sha256, shake_256

import numpy as np
import pytest
from qcot.errors import QcotError
from qcot.quantum.statistics import Estimate
from qcot.quantum.walk.definition import Bits
from qcot.quantum.walk.hashing import hash_bits
from qcot.quantum.walk.samples import ALTERATIONS, MESSAGE_BITS, Samples, draw
from qcot.quantum.walk.statistics import MEAN_DISTANCE, TESTS, collisions, examples, run_tests


def packed(bits: Bits) -> bytes:
    return len(bits).to_bytes(2, "big") + np.packbits(bits).tobytes()


def random_function(messages: Sequence[Bits]) -> list[bytes]:
    return [sha256(packed(bits)).digest() for bits in messages]


def lazy(messages: Sequence[Bits]) -> list[bytes]:
    """A random function whose last byte never changes."""
    return [digest[:-1] + b"\0" for digest in random_function(messages)]


def uneven(messages: Sequence[Bits]) -> list[bytes]:
    """Half of the digests' last bytes are 0."""
    return [digest[:-1] + bytes([digest[-1] * (digest[0] & 1)]) for digest in random_function(messages)]


def clustered(messages: Sequence[Bits]) -> list[bytes]:
    """A random function whose bytes lie within 128 of each other."""
    return [bytes(byte & 127 for byte in digest) for digest in random_function(messages)]


def local(messages: Sequence[Bits]) -> list[bytes]:
    """Each half of the message decides one half of the digest."""
    half = MESSAGE_BITS // 2
    halves = [(bits[:half], bits[half:]) for bits in messages]
    return [b"".join(shake_256(packed(part)).digest(16) for part in parts) for parts in halves]


def narrow(messages: Sequence[Bits]) -> list[bytes]:
    """A random function of 4,096 values."""
    return [sha256(digest[:1] + bytes([digest[1] & 15])).digest() for digest in random_function(messages)]


def results(samples: Samples, name: str) -> tuple[Estimate, ...]:
    (test,) = (test for test in TESTS if test.name == name)
    return test.run(samples)


def test_walk_hash_passes_every_test() -> None:
    samples = draw(300, seed=7)
    assert [each.name for _, found in run_tests(samples) for each in found if not each.agrees] == []
    assert samples.hashes == 1200


def test_random_function_passes_every_test() -> None:
    samples = draw(3000, seed=8, hashing=random_function)
    assert [each.name for _, found in run_tests(samples) for each in found if not each.agrees] == []


@pytest.mark.parametrize(
    ("name", "hashing"),
    [
        ("sensitivity", local),
        ("confusion and diffusion", local),
        ("uniformity", lazy),
        ("uniformity", uneven),
        ("collisions", lazy),
        ("byte distance", clustered),
        ("birthday, truncated", narrow),
    ],
)
def test_each_test_finds_the_bad_hash_that_it_is_for(name: str, hashing) -> None:
    found = results(draw(1000, seed=9, hashing=hashing), name)
    assert not all(each.agrees for each in found)


def test_theory_is_that_of_the_literature() -> None:
    by_name = {each.name: each.theory for _, found in run_tests(draw(10_000, 1, random_function)) for each in found}
    assert [round(by_name[f"W_N({k})"]) for k in range(4)] == [8823, 1107, 67, 3]
    assert by_name["bits changed, flipped"] == 128
    assert by_name["std. deviation (bits)"] == 8
    assert round(by_name["mean byte distance"], 2) == 85.33
    assert by_name["equal pairs in 24 bits"] == math.comb(20_000, 2) / 2**24


def test_mean_byte_distance_is_that_of_all_pairs_of_bytes() -> None:
    every = np.arange(256)
    assert abs(every[:, None] - every).mean() == pytest.approx(MEAN_DISTANCE, abs=1e-12)


def test_collisions_are_counted_at_equal_places() -> None:
    original = np.zeros((100, 32), np.uint8)
    flipped = np.ones((100, 32), np.uint8)
    flipped[:30, 5] = 0
    flipped[:10, 31] = 0
    samples = Samples(original, {"flipped": flipped}, seed=0, seconds=0)
    assert [each.measured for each in collisions(samples)] == [70, 20, 10, 0]


def test_extremes_agree_with_theory_as_often_as_they_should() -> None:
    outside = 0
    for seed in range(60):
        samples = draw(200, seed, random_function)
        fewest, most = results(samples, "confusion and diffusion")[-2:]
        outside += sum(not each.low <= each.theory <= each.high for each in (fewest, most))
    assert outside <= 12  # of 120 at 1 % each: more once in 10^8


def test_samples_are_those_of_the_seed_and_alter_one_bit() -> None:
    seen: list[Bits] = []

    def note(messages: Sequence[Bits]) -> list[bytes]:
        seen.extend(messages)
        return random_function(messages)

    samples = draw(100, seed=3, hashing=note)
    again = draw(100, seed=3, hashing=random_function)
    assert np.array_equal(samples.original, again.original)
    assert not np.array_equal(samples.original, draw(100, seed=4, hashing=random_function).original)
    original, flipped, added, removed = (seen[100 * part : 100 * part + 100] for part in range(4))
    assert all((a != b).sum() == 1 for a, b in zip(original, flipped, strict=True))
    assert all(is_one_longer(a, b) for a, b in zip(original, added, strict=True))
    assert all(is_one_longer(b, a) for a, b in zip(original, removed, strict=True))


def is_one_longer(short: Bits, long: Bits) -> bool:
    return len(long) == len(short) + 1 and any(np.array_equal(np.delete(long, i), short) for i in range(len(long)))


def test_examples_show_the_digests_under_each_condition() -> None:
    samples = draw(100, seed=3, hashing=random_function)
    told = examples(samples)
    assert [each.name for each in told] == ["C1", "C2", "C3", "C4"]
    assert told[0].digest == samples.original[0].tobytes()
    assert told[0].changed == 0
    for each in told[1:]:
        differ = int.from_bytes(each.digest, "big") ^ int.from_bytes(told[0].digest, "big")
        assert each.changed == differ.bit_count() > 0


def test_progress_is_told_to_the_end() -> None:
    told: list[tuple[int, int]] = []
    draw(600, hashing=random_function, progress=lambda done, total: told.append((done, total)))
    assert told == sorted(told)
    assert told[-1] == (2400, 2400)
    assert len(told) == 2 * len(ALTERATIONS)


def test_samples_use_the_walk_hash() -> None:
    seen: list[Bits] = []

    def note(messages: Sequence[Bits]) -> list[bytes]:
        seen.extend(messages)
        return random_function(messages)

    draw(100, seed=3, hashing=note)
    assert draw(100, seed=3).original[0].tobytes() == hash_bits(seen[:1])[0]


@pytest.mark.parametrize("count", [0, 99, 1_000_001, 100.0, True])
def test_senseless_numbers_of_messages_are_refused(count: object) -> None:
    with pytest.raises(QcotError, match="messages were asked for") as refused:
        draw(count)
    assert refused.value.problem.name == "walk-samples"


def test_senseless_seeds_are_refused() -> None:
    with pytest.raises(QcotError, match="seed") as refused:
        draw(100, seed=-1)
    assert refused.value.problem.name == "quantum-seed"

"""Whole distributions: keys where there may be some, and by name why there are none."""

import math
import os
from dataclasses import replace

import numpy as np
import pytest
from qcot.errors import QcotError
from qcot.quantum.qkd import LinkParameters, Security, distribute, distribution
from qcot.quantum.qkd.distribution import KEY_BITS, Distribution
from qcot.quantum.qkd.keylength import entropy
from qcot.quantum.qkd.protocols import PROTOCOLS
from qcot.quantum.statistics import binomial_bounds

PHOTONS = 131_072
GOOD = LinkParameters()
TAPPED = LinkParameters(eavesdropper=1.0)


def name_of(run: Distribution) -> str:
    assert run.keys == ()
    assert run.reason
    with pytest.raises(QcotError) as caught:
        run.require()
    assert caught.value.reason == run.reason
    return caught.value.problem.name


@pytest.mark.parametrize(("protocol", "fewest"), [("bb84", 24), ("e91", 12)])
def test_a_good_link_gives_dozens_of_keys(protocol: str, fewest: int) -> None:
    run = distribute(protocol, PHOTONS, GOOD, 1)
    assert run.require() is run
    assert len(run.keys) == run.secret_bits // KEY_BITS >= fewest
    assert {len(key) for key in run.keys} == {32}
    assert len(set(run.keys)) == len(run.keys)
    assert run.sampled + run.kept == run.sifted
    assert run.efficiency is not None
    assert 1.0 < run.efficiency < 1.25


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_numbers_of_a_run_add_up(protocol: str) -> None:
    run = distribute(protocol, PHOTONS, GOOD, 2)
    assert run.phase_error is not None
    assert run.qber is not None
    length = run.kept * (1 - entropy(run.phase_error)) - run.leaked - math.log2(2 / (1e-20 * 1e-15))
    assert run.secret_bits == math.floor(length)
    low, high = binomial_bounds(run.sampled, run.protocol.error_rate(GOOD))
    assert low <= run.sample_errors <= high
    assert (run.bell is None) == (protocol == "bb84")


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_seed_gives_the_same_keys_again_and_none_gives_others(protocol: str) -> None:
    assert distribute(protocol, PHOTONS, GOOD, 3) == distribute(protocol, PHOTONS, GOOD, 3)
    keys = [distribute(protocol, PHOTONS, GOOD, seed).keys for seed in (3, 4, None, None)]
    assert all(keys)
    assert len({each[0] for each in keys}) == 4


def test_bits_of_keys_in_use_are_the_operating_systems(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    draw = os.urandom
    monkeypatch.setattr(distribution.os, "urandom", lambda size: asked.append(size) or draw(size))
    run = distribute("bb84", PHOTONS, GOOD)
    assert 8 * sum(asked[1:]) >= run.sifted
    asked.clear()
    distribute("bb84", PHOTONS, GOOD, 1)
    assert asked == []


def test_an_eavesdropper_raises_the_error_rate_by_a_quarter_of_what_she_reads() -> None:
    quiet = LinkParameters(misalignment=0, depolarizing=0, dark_count=0)
    for share in (0.0, 0.2, 0.4, 1.0):
        run = distribute("bb84", 60_000, replace(quiet, eavesdropper=share), 5)
        low, high = binomial_bounds(run.sampled, share / 4)
        assert low <= run.sample_errors <= high
    assert name_of(run) == "qkd-error-rate"


def test_who_reads_a_little_costs_key_and_who_reads_all_ends_the_run() -> None:
    lengths = [distribute("bb84", PHOTONS, LinkParameters(eavesdropper=share), 6).secret_bits for share in (0, 0.1)]
    assert lengths[0] > lengths[1] > 0
    for protocol in PROTOCOLS:
        assert name_of(distribute(protocol, PHOTONS, TAPPED, 6)) == "qkd-error-rate"


def test_pairs_without_a_bell_violation_end_the_run() -> None:
    lenient = Security(max_error=0.3)
    run = distribute("e91", PHOTONS, TAPPED, 7, lenient)
    assert name_of(run) == "qkd-bell-value"
    assert run.bell is not None
    assert run.bell == pytest.approx(run.protocol.bell(TAPPED), abs=0.1)
    assert name_of(distribute("e91", 3000, GOOD, 7)) == "qkd-bell-value"  # too few pairs to know


@pytest.mark.parametrize(
    ("photons", "why"), [(1, "too few to compare"), (40, "sifted bits"), (5000, "secret ones, a key has 256")]
)
def test_short_runs_say_that_they_give_no_key(photons: int, why: str) -> None:
    run = distribute("bb84", photons, GOOD, 8)
    assert name_of(run) == "qkd-too-short"
    assert why in run.reason


def test_every_length_of_run_ends_with_keys_or_with_a_reason() -> None:
    for protocol in PROTOCOLS:
        for photons in (*range(1, 60), 100, 1000, 20_000):
            run = distribute(protocol, photons, GOOD, photons)
            assert bool(run.keys) != bool(run.reason)


def test_ends_that_still_differ_see_it_and_take_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = distribution.reconcile

    def blind(*given: object) -> object:
        done = honest(*given)  # type: ignore[arg-type]
        bits = done.bits.copy()
        bits[[3, 5]] ^= 1
        return replace(done, bits=bits)

    monkeypatch.setattr(distribution, "reconcile", blind)
    assert name_of(distribute("bb84", PHOTONS, GOOD, 9)) == "qkd-not-corrected"


def test_keys_are_hashed_from_bits_and_not_the_bits_themselves() -> None:
    """Bits of many keys are balanced, and no key's bits correlate with the next's."""
    run = distribute("bb84", 1_000_000, GOOD, 10)
    bits = np.unpackbits(np.frombuffer(b"".join(run.keys), np.uint8))
    for count in (int(bits.sum()), int((bits[KEY_BITS:] ^ bits[:-KEY_BITS]).sum())):
        low, high = binomial_bounds(len(bits), 0.5)
        assert low - KEY_BITS <= count <= high


def test_keys_are_not_in_what_a_log_shows() -> None:
    run = distribute("bb84", PHOTONS, GOOD, 11)
    assert repr(run.keys[0]) not in repr(run)


@pytest.mark.parametrize(
    ("protocol", "photons", "seed", "name"),
    [
        ("b92", 10, 1, "qkd-protocol"),
        ("bb84", 0, 1, "qkd-photons"),
        ("bb84", 50_000_001, 1, "qkd-photons"),
        ("bb84", 10, -1, "quantum-seed"),
        ("bb84", 10, 1 << 63, "quantum-seed"),
    ],
)
def test_what_cannot_be_run_is_refused_by_name(protocol: str, photons: int, seed: int, name: str) -> None:
    with pytest.raises(QcotError) as caught:
        distribute(protocol, photons, GOOD, seed)
    assert caught.value.problem.name == name

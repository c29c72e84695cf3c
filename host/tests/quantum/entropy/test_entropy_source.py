"""The source: its state, its faults, what it is credited with, and that its output is never the qubits' alone."""

import os
import threading
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from coin_device import Bits, CoinDevice, Maker, after, one_qubit, sound
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given, settings
from hypothesis import strategies as st
from qcot.errors import QcotError
from qcot.quantum.backends import MAX_SEED, Runtime, named_backend
from qcot.quantum.entropy import EntropySource, State, extractor, random_bytes
from qcot.quantum.entropy import source as module
from qcot.quantum.entropy.circuits import coins, toss
from qcot.quantum.statistics import binomial_bounds
from qiskit_ibm_runtime.fake_provider import FakeManilaV2
from qiskit_ibm_runtime.ibm_backend import IBMBackend
from qiskit_ibm_runtime.models import QasmBackendConfiguration


def stuck(bits: Bits) -> Bits:
    return np.ones_like(bits)


def biased(bits: Bits) -> Bits:
    """Four ones of five: no run of 35 among a thousand, but a proportion far off."""
    bits[:] = np.tile(np.array([1, 1, 0, 1, 1], np.uint8), len(bits) // 5 + 1)[: len(bits)]
    return bits


def alternating(bits: Bits) -> Bits:
    return (np.arange(len(bits)) % 2).astype(np.uint8)


def draw_often(source: EntropySource) -> None:
    for _ in range(40):
        source.random_bytes(32)


def made(make: Maker, **options: object) -> EntropySource:
    return EntropySource(CoinDevice(8, make), startup=1_024, **options)  # type: ignore[arg-type]


def test_a_sound_source_starts_and_gives_what_is_asked() -> None:
    source = made(sound)
    assert source.state is State.NEW
    for size in (1, 32, 8_161):
        assert len(source.random_bytes(size)) == size
    assert source.state is State.HEALTHY


@pytest.mark.parametrize(
    ("fault", "reason"),
    [(stuck, "entropy-repetition: qubit 3"), (biased, "entropy-proportion: qubit 3"), (alternating, "Markov")],
)
def test_a_fault_from_the_start_is_found_before_any_bit_is_used(fault: Callable[[Bits], Bits], reason: str) -> None:
    source = made(one_qubit(fault))
    with pytest.raises(QcotError, match=reason) as caught:
        source.random_bytes(1)
    assert caught.value.problem.name == "entropy-startup"
    assert source.state is State.FAILED


@pytest.mark.parametrize("flip", [0, 1])
def test_qubits_that_follow_each_other_are_found_before_any_bit_is_used(flip: int) -> None:
    def copied(shots: int, random: np.random.Generator) -> Bits:
        rows = sound(shots, random)
        rows[:, 6] = rows[:, 2] ^ flip
        return rows

    with pytest.raises(QcotError, match="entropy-startup: qubits 2 and 6 follow each other"):
        made(copied).random_bytes(1)


@pytest.mark.parametrize(
    ("fault", "name"), [(stuck, "entropy-repetition"), (biased, "entropy-proportion")], ids=["stuck", "biased"]
)
def test_a_fault_in_use_turns_the_source_off_for_good(fault: Callable[[Bits], Bits], name: str) -> None:
    source = made(after(1_024 + 200, one_qubit(fault)))
    source.random_bytes(32)
    with pytest.raises(QcotError, match="qubit 3") as caught:
        draw_often(source)
    assert caught.value.problem.name == name
    source._backend.make = sound  # type: ignore[union-attr]
    uses = (source.start, lambda: source.sample(1), lambda: source.draw(1), lambda: random_bytes(1, source))
    for use in uses:
        with pytest.raises(QcotError, match="stays off") as again:
            use()
        assert again.value.problem.name == name
    assert source.state is State.FAILED
    assert made(sound).random_bytes(1)


def test_a_run_that_fails_gives_nothing_and_may_be_tried_again() -> None:
    def gone(shots: int, random: np.random.Generator) -> Bits:
        raise ConnectionError("no route")

    source = made(after(1_024, gone))
    source.start()
    with pytest.raises(QcotError, match="no route"):
        source.random_bytes(1)
    source._backend.make = sound  # type: ignore[union-attr]
    assert source.random_bytes(1)


def test_start_up_samples_are_never_used() -> None:
    asked: list[int] = []

    def make(shots: int, random: np.random.Generator) -> Bits:
        asked.append(shots)
        return sound(shots, random)

    source = made(make)
    source.start()
    rows = source.sample(10)
    assert asked == [1_024, 10]
    assert len(rows) == 10


def test_a_simulator_is_credited_with_nothing() -> None:
    for backend in (None, named_backend("noisy"), CoinDevice(8, sound)):
        source = EntropySource(backend, startup=1_024)
        found = source.start()
        assert (found.physical, found.credited) == (False, 0.0)
        assert source.draw(64).credited_bits == 0


@pytest.mark.parametrize("simulator", [False, True])
def test_a_machine_of_ibms_is_physical_unless_it_says_that_it_simulates(simulator: bool) -> None:
    described = FakeManilaV2()._get_conf_dict_from_json() | {"simulator": simulator}
    machine = IBMBackend(QasmBackendConfiguration.from_dict(described), None, None)
    assert module.is_physical(Runtime(machine)) is not simulator
    assert not module.is_physical(Runtime(FakeManilaV2()))


def test_ibms_sampler_gives_its_shots_in_order() -> None:
    """Its local testing mode on a noisy stand-in of five qubits."""
    found = EntropySource(Runtime(FakeManilaV2()), startup=1_024, seed=2)
    assert found.start().lanes == 5
    assert found.start().backend == "fake_manila"
    assert len(found.random_bytes(32)) == 32


def test_a_device_is_credited_by_its_worst_qubit_and_never_above_the_claim() -> None:
    worse = one_qubit(lambda bits: bits | (np.arange(len(bits)) % 5 == 0))  # 60 % ones
    found = made(worse, physical=True, claimed=0.25).start()
    assert found.credited == found.min_entropy == 0.25
    found = made(worse, physical=True).start()
    assert found.credited == min(found.estimates.values()) < 0.6
    assert found.ones[3] == max(found.ones) == pytest.approx(0.6, abs=0.06)


@settings(max_examples=30)
@given(st.integers(1, 20_000), st.floats(0.01, 1))
def test_the_extractor_never_takes_more_than_the_leftover_hash_lemma_gives(size: int, entropy: float) -> None:
    raw = extractor.needed(size, entropy)
    assert extractor.extractable(raw, entropy) >= size - 1  # a float's last digit
    assert extractor.extractable(raw, entropy) <= raw * entropy + 2 - 128
    assert extractor.extractable(raw, 0.0) == 0


def test_the_extractor_is_the_toeplitz_matrix_of_its_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(2)
    seed = random.bytes(100)
    monkeypatch.setattr(extractor.os, "urandom", lambda size: seed[:size])
    bits = random.integers(0, 2, 501, np.uint8)
    size = 128
    diagonal = np.unpackbits(np.frombuffer(seed, np.uint8))
    matrix = np.array([[diagonal[row + len(bits) - 1 - column] for column in range(len(bits))] for row in range(size)])
    assert extractor.extract(bits, size) == np.packbits(matrix.astype(int) @ bits % 2).tobytes()


def test_output_is_hkdf_of_the_qubits_under_a_key_of_the_operating_systems(monkeypatch: pytest.MonkeyPatch) -> None:
    key = bytes(range(32))
    monkeypatch.setattr(os, "urandom", lambda size: key[:size])
    wanted = HKDF(SHA256(), 100, salt=key, info=b"qcot quantum entropy v1").derive(b"quantum bits")
    assert module.mix(b"quantum bits", 100) == wanted


def test_the_same_coins_never_give_the_same_output() -> None:
    """A device that an enemy has made, or a simulator's seed that he knows, tells him nothing."""

    def known(shots: int, random: np.random.Generator) -> Bits:
        return sound(shots, np.random.default_rng(shots))

    assert made(known).sample(50).tolist() == made(known).sample(50).tolist()
    assert made(known).random_bytes(32) != made(known).random_bytes(32)
    assert (
        EntropySource(seed=1, startup=1_024).sample(9).tolist()
        == EntropySource(seed=1, startup=1_024).sample(9).tolist()
    )
    assert EntropySource(seed=1, startup=1_024).random_bytes(32) != EntropySource(seed=1, startup=1_024).random_bytes(
        32
    )


def test_a_seed_tosses_other_coins_in_each_job() -> None:
    source = EntropySource(seed=MAX_SEED)
    first, second = source.sample(64).tolist(), source.sample(64).tolist()
    assert first != second


def test_each_block_of_output_gets_its_own_qubits() -> None:
    draw = made(sound, physical=True).draw(2 * 8_160 + 1)
    assert (len(draw.data), draw.extracted_bits, draw.credited_bits) == (16_321, 3 * 256, 3 * 256)
    assert draw.raw_bits >= 3 * (256 + 126)


def test_ideal_coins_are_fair_and_independent() -> None:
    bits, run = toss(8, 20_000, 3, None)
    assert run.counts[0].keys() >= {"00000000", "11111111"}
    low, high = binomial_bounds(20_000, 0.5, 1e-8)
    for lane in bits.T:
        assert low <= lane.sum() <= high
        assert low <= (lane[1:] ^ lane[:-1]).sum() <= high
    for other in range(1, 8):
        assert low <= (bits[:, 0] ^ bits[:, other]).sum() <= high


def test_columns_are_qubits_and_rows_are_shots_in_order() -> None:
    def numbered(shots: int, random: np.random.Generator) -> Bits:
        return np.array([[shot >> qubit & 1 for qubit in range(8)] for shot in range(shots)], np.uint8)

    bits, _ = toss(8, 40, 1, CoinDevice(8, numbered))
    assert [sum(int(bit) << qubit for qubit, bit in enumerate(row)) for row in bits] == list(range(40))


def test_the_circuit_is_one_h_a_qubit() -> None:
    assert dict(coins(5).count_ops()) == {"h": 5, "measure": 5}


def test_threads_share_a_source() -> None:
    source, drawn = EntropySource(), []
    threads = [threading.Thread(target=lambda: drawn.append(source.random_bytes(16))) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(set(drawn)) == 4


@pytest.mark.parametrize("size", [0, -1, (1 << 20) + 1, 1.0, True])
def test_sizes_that_cannot_be_are_refused(size: int) -> None:
    with pytest.raises(QcotError, match="entropy-size"):
        random_bytes(size)


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"startup": 1_023}, "entropy-samples"),
        ({"startup": 1_000_001}, "entropy-samples"),
        ({"lanes": 0}, "entropy-samples"),
        ({"lanes": 21}, "entropy-samples"),
        ({"claimed": 0.0}, "entropy-claim"),
        ({"claimed": 1.1}, "entropy-claim"),
        ({"seed": -1}, "quantum-seed"),
    ],
)
def test_a_source_that_cannot_be_is_refused(options: dict[str, float], name: str) -> None:
    with pytest.raises(QcotError) as caught:
        EntropySource(**options)  # type: ignore[arg-type]
    assert caught.value.problem.name == name


def test_a_small_device_is_used_as_it_is_and_never_beyond() -> None:
    device = CoinDevice(4, partial(sound, width=4))
    assert EntropySource(device).start().lanes == 4
    with pytest.raises(QcotError, match="quantum-backend-too-small"):
        EntropySource(device, lanes=5).start()

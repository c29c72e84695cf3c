"""Whole validations on the simulator: who is accepted, who is refused, and what is recorded of it."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator
from dataclasses import replace

import pytest
from qcot.errors import QcotError
from qcot.quantum.attacks import ATTACKS, Attack, named_attack
from qcot.quantum.backends import MAX_SEED, named_backend
from qcot.quantum.identity import DEFAULT, PAPER, Parameters, miss, problems, validate
from qcot.quantum.qkd.store import Key, MemoryKeys
from qcot.quantum.statistics import binomial_bounds

HASH = hashlib.sha256(b"a record").digest()


class Pair:
    """Two ends that share keys."""

    def __init__(self, count: int = 1, flip: int = 0) -> None:
        keys = [Key(uuid.UUID(int=i + 1), hashlib.sha256(bytes([i])).digest()) for i in range(count)]
        self.verifier = MemoryKeys(keys)
        self.prover = MemoryKeys([replace(key, secret=bytes([key.secret[0] ^ flip]) + key.secret[1:]) for key in keys])

    def __iter__(self) -> Iterator[MemoryKeys]:
        return iter((self.verifier, self.prover))

    @property
    def left(self) -> tuple[int, int]:
        return self.verifier.available(), self.prover.available()


@pytest.mark.parametrize("parameters", [DEFAULT, PAPER, Parameters(1, 1, 0, 0), Parameters(128, 1, 0, 0)])
def test_who_holds_the_key_is_accepted_at_any_size(parameters: Parameters) -> None:
    pair = Pair()
    found = validate(*pair, HASH, parameters, seed=1)
    assert found.accepted
    assert (found.check_errors, found.mismatches) == (0, 0)
    assert found.require() is found
    assert pair.left == (0, 0)


def test_a_key_that_differs_in_one_bit_is_refused() -> None:
    found = validate(*Pair(flip=1), HASH, seed=1)
    assert not found.accepted
    assert found.check_errors == 0
    low, high = binomial_bounds(128, 0.75)
    assert found.mismatches is not None
    assert low <= found.mismatches <= high
    with pytest.raises(QcotError, match=rf"^validation-identity-refused: {found.mismatches} of 128 pairs mismatch"):
        found.require()


@pytest.mark.parametrize("attack", [a for a in ATTACKS.values() if a.detection_check >= 0.25], ids=lambda a: a.name)
def test_an_attack_on_every_pair_is_refused_at_the_check_and_burns_both_keys(attack: Attack) -> None:
    assert miss(DEFAULT, attack.detection_check).check < 1e-5
    pair = Pair(2)
    found = validate(*pair, HASH, seed=3, attack=attack)
    assert not found.accepted
    assert found.mismatches is None
    low, high = binomial_bounds(128, attack.detection_check)
    assert low <= found.check_errors <= high
    assert pair.left == (1, 1)
    with pytest.raises(QcotError, match=rf"^validation-channel-disturbed: {found.check_errors} of 128 checks differ"):
        found.require()


def test_an_outsider_passes_the_check_and_is_refused_by_the_bell_step() -> None:
    found = validate(*Pair(), HASH, seed=3, attack=named_attack("outsider"))
    assert found.check_errors == 0
    assert found.problem is problems.IDENTITY_REFUSED
    assert found.attack == "outsider"


def test_an_attack_that_hardly_touches_is_tolerated_as_noise_is() -> None:
    found = validate(*Pair(), HASH, seed=3, attack=named_attack("entangle-partial", 0.2))
    assert found.accepted
    assert miss(DEFAULT, named_attack("entangle-partial", 0.2).detection_check).check > 0.999


def test_noise_within_the_bounds_is_tolerated_and_beyond_them_refused_by_name() -> None:
    noisy = named_backend("noisy")
    found = validate(*Pair(), HASH, seed=1, backend=noisy)
    assert found.accepted
    assert found.check_errors + (found.mismatches or 0) > 0
    assert "noise" in found.backend or "generic" in found.backend
    strict = validate(*Pair(), HASH, Parameters(128, 128, 0, 0), seed=1, backend=noisy)
    assert strict.problem is problems.CHANNEL_DISTURBED


def test_the_record_says_what_ran() -> None:
    found = validate(*Pair(), HASH, PAPER, seed=9, nonce=bytes(32))
    assert found.backend == "aer_simulator_statevector"
    assert (found.seed, found.nonce, found.record_hash, found.key_id) == (9, bytes(32), HASH, uuid.UUID(int=1))
    assert (found.pairs, found.checks, found.attack, found.reason, found.problem) == (12, 8, None, "", None)
    assert len(found.announcement.positions) == len(found.verifier_results) == 8
    assert found.seconds > 0


def test_a_seed_gives_the_same_run_and_without_one_each_differs() -> None:
    again = [validate(*Pair(), HASH, seed=4, nonce=bytes(32)) for _ in range(2)]
    assert replace(again[0], seconds=0.0) == replace(again[1], seconds=0.0)
    drawn = [validate(*Pair(), HASH) for _ in range(2)]
    assert drawn[0].seed != drawn[1].seed
    assert drawn[0].nonce != drawn[1].nonce
    assert drawn[0].announcement != drawn[1].announcement


def test_used_keys_and_missing_ones_are_refused() -> None:
    pair = Pair()
    validate(*pair, HASH, PAPER, seed=1)
    with pytest.raises(QcotError, match=r"^key-exhausted: "):
        validate(*pair, HASH, PAPER, seed=1)
    with pytest.raises(QcotError, match=r"^key-unknown: "):
        validate(Pair().verifier, MemoryKeys(), HASH, PAPER, seed=1)
    with pytest.raises(QcotError, match=r"^key-used: "):
        validate(Pair().verifier, pair.prover, HASH, PAPER, seed=1)


@pytest.mark.parametrize("seed", [-1, MAX_SEED + 1, 1.5, True])
def test_what_is_no_seed_is_refused_before_a_key_is_spent(seed: int) -> None:
    pair = Pair()
    with pytest.raises(QcotError, match=r"^quantum-seed: "):
        validate(*pair, HASH, seed=seed)
    assert pair.left == (1, 1)


def test_a_hash_of_another_length_is_refused_before_a_key_is_spent() -> None:
    pair = Pair()
    with pytest.raises(QcotError, match=r"^validation-record-hash: .*31 bytes"):
        validate(*pair, HASH[1:], seed=1)
    assert pair.left == (1, 1)


class Gone:
    """A backend that goes away in mid-run."""

    name, num_qubits, max_circuits, target, options = "gone", 5, None, None, ()

    def run(self, *_: object, **__: object) -> object:
        raise ConnectionError("connection reset")


def test_a_backend_that_goes_away_is_an_error_and_the_keys_are_burnt() -> None:
    pair = Pair()
    with pytest.raises(QcotError, match=r"^quantum-"):
        validate(*pair, HASH, seed=1, backend=Gone())  # type: ignore[arg-type]
    assert pair.left == (0, 0)

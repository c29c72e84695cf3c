"""Both machines by themselves, with results handed in by hand: order, keys, and what they refuse."""

from __future__ import annotations

import hashlib
import hmac
import uuid
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qcot.errors import QcotError
from qcot.quantum.identity import Parameters, Prover, Verifier
from qcot.quantum.identity.machines import tag_symbols
from qcot.quantum.identity.messages import Announcement, CheckReport
from qcot.quantum.qkd.store import Key, MemoryKeys

HASH = hashlib.sha256(b"record").digest()
SIZES = Parameters(pairs=8, checks=6, tau=1, mismatches=1)


class Ends:
    """A verifier and a prover with the same keys, on a link that changes nothing unless told to."""

    def __init__(self, keys: int = 1, same: bool = True) -> None:
        shared = [Key(uuid.UUID(int=i + 1), bytes([i]) * 32) for i in range(keys)]
        other = shared if same else [replace(key, secret=b"other" + key.secret[5:]) for key in shared]
        self.verifier_keys, self.prover_keys = MemoryKeys(shared), MemoryKeys(other)
        self.again()

    def again(self) -> None:
        self.verifier = Verifier(self.verifier_keys, HASH, SIZES)
        self.prover = Prover(self.prover_keys, np.random.default_rng(7))

    def checked(self, errors: int = 0) -> CheckReport:
        """Go as far as the check, with that many of its results different."""
        self.prover.answer(self.verifier.challenge())
        told = self.prover.announce([0] * SIZES.checks)
        return self.verifier.check(told, [1] * errors + [0] * (SIZES.checks - errors))


@settings(max_examples=50)
@given(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32), st.integers(1, 128))
def test_symbols_are_the_first_bits_of_the_hmac(secret: bytes, nonce: bytes, pairs: int) -> None:
    tag = hmac.new(secret, nonce + HASH, hashlib.sha256).hexdigest()
    bits = f"{int(tag, 16):0256b}"
    assert "".join(f"{symbol:02b}" for symbol in tag_symbols(secret, nonce, HASH, pairs)) == bits[: 2 * pairs]


def test_who_holds_the_key_is_accepted() -> None:
    ends = Ends()
    verdict = ends.verifier.compare(ends.prover.encode(ends.checked()))
    assert verdict.accepted
    assert verdict.mismatches == 0


def test_who_holds_another_key_is_refused() -> None:
    ends = Ends(same=False)
    verdict = ends.verifier.compare(ends.prover.encode(ends.checked()))
    assert not verdict.accepted
    assert verdict.mismatches > SIZES.mismatches


def test_another_record_needs_another_tag() -> None:
    ends = Ends()
    challenge = ends.verifier.challenge()
    choice = ends.prover.answer(replace(challenge, record_hash=hashlib.sha256(b"forged").digest()))
    report = ends.verifier.check(Announcement(choice.positions, choice.bases, (0,) * 6), [0] * 6)
    ends.prover.announce([0] * 6)
    assert not ends.verifier.compare(ends.prover.encode(report)).accepted


@pytest.mark.parametrize(("errors", "passed"), [(0, True), (1, True), (2, False), (6, False)])
def test_errors_up_to_tau_are_accepted_and_one_more_is_not(errors: int, passed: bool) -> None:
    report = Ends().checked(errors)
    assert (report.errors, report.passed) == (errors, passed)


def test_mismatches_up_to_the_bound_are_accepted_and_one_more_is_not() -> None:
    for wrong in (1, 2):
        ends = Ends()
        symbols = list(ends.prover.encode(ends.checked()))
        found = [symbol ^ 1 if i < wrong else symbol for i, symbol in enumerate(symbols)]
        verdict = ends.verifier.compare(found)
        assert (verdict.mismatches, verdict.accepted) == (wrong, wrong <= SIZES.mismatches)


def test_after_a_failed_check_nothing_of_the_tag_leaves_the_prover_and_the_verifier_has_ended() -> None:
    ends = Ends()
    report = ends.checked(errors=3)
    assert ends.prover.encode(report) == ()
    with pytest.raises(QcotError, match=r"^validation-step: "):
        ends.verifier.compare([0] * SIZES.pairs)


def test_both_keys_are_used_before_anything_is_compared() -> None:
    ends = Ends(keys=2)
    challenge = ends.verifier.challenge()
    assert ends.verifier_keys.available() == 1
    ends.prover.answer(challenge)
    assert ends.prover_keys.available() == 1


def test_no_two_validations_use_one_key() -> None:
    ends = Ends(keys=2)
    first = ends.verifier.challenge()
    ends.prover.answer(first)
    ends.again()
    assert ends.verifier.challenge().key_id != first.key_id


def test_a_challenge_is_answered_once() -> None:
    ends = Ends()
    challenge = ends.verifier.challenge()
    ends.prover.answer(challenge)
    ends.again()
    with pytest.raises(QcotError, match=r"^key-used: "):
        ends.prover.answer(challenge)


def test_nonces_differ() -> None:
    ends = Ends(keys=2)
    first = ends.verifier.challenge().nonce
    ends.again()
    assert ends.verifier.challenge().nonce != first


def test_without_keys_the_verifier_sends_nothing() -> None:
    ends = Ends(keys=0)
    with pytest.raises(QcotError, match=r"^key-exhausted: "):
        ends.verifier.challenge()


STEPS: dict[str, Callable[[Ends], object]] = {
    "challenge": lambda ends: ends.verifier.challenge(),
    "check": lambda ends: ends.verifier.check(Announcement((), (), ()), []),
    "compare": lambda ends: ends.verifier.compare([]),
    "answer": lambda ends: ends.prover.answer(Verifier(ends.verifier_keys, HASH, SIZES).challenge()),
    "announce": lambda ends: ends.prover.announce([]),
    "encode": lambda ends: ends.prover.encode(CheckReport(0, True)),
}


@pytest.mark.parametrize("step", ["check", "compare", "announce", "encode"])
def test_a_step_before_its_turn_is_refused_and_ends_the_machine(step: str) -> None:
    ends = Ends(keys=3)
    for name in (step, "challenge" if step in ("check", "compare") else "answer"):
        with pytest.raises(QcotError, match=r"^validation-step: "):
            STEPS[name](ends)


@pytest.mark.parametrize("step", STEPS)
def test_no_step_is_done_twice(step: str) -> None:
    ends = Ends(keys=3)
    ends.verifier.compare(ends.prover.encode(ends.checked()))
    with pytest.raises(QcotError, match=r"^validation-step: "):
        STEPS[step](ends)


ANNOUNCED = Announcement((0, 1, 2, 3, 4, 13), ("Z", "X", "Z", "X", "Z", "X"), (0, 1, 0, 1, 0, 1))


@pytest.mark.parametrize(
    "told",
    [
        replace(ANNOUNCED, positions=(0, 1, 2, 3, 4)),
        replace(ANNOUNCED, bases=("Z",) * 7),
        replace(ANNOUNCED, results=()),
        replace(ANNOUNCED, positions=(0, 1, 2, 3, 4, 4)),
        replace(ANNOUNCED, positions=(1, 0, 2, 3, 4, 5)),
        replace(ANNOUNCED, positions=(-1, 0, 1, 2, 3, 4)),
        replace(ANNOUNCED, positions=(0, 1, 2, 3, 4, 14)),
        replace(ANNOUNCED, bases=("Z", "X", "Z", "X", "Z", "Y")),  # type: ignore[arg-type]
        replace(ANNOUNCED, results=(0, 1, 0, 1, 0, 2)),
    ],
)
def test_an_announcement_that_no_prover_makes_is_refused(told: Announcement) -> None:
    ends = Ends()
    ends.verifier.challenge()
    with pytest.raises(QcotError, match=r"^validation-announcement: "):
        ends.verifier.check(told, [0] * 6)


def test_the_announcement_that_those_differ_from_is_taken() -> None:
    ends = Ends()
    ends.verifier.challenge()
    assert ends.verifier.check(ANNOUNCED, ANNOUNCED.results).passed


@settings(max_examples=30)
@given(st.integers(1, 128), st.integers(1, 200), st.integers(0, 2**63 - 1))
def test_chosen_positions_are_ones_that_a_verifier_takes(pairs: int, checks: int, seed: int) -> None:
    sizes = Parameters.scaled(pairs, checks)
    key = Key(uuid.UUID(int=1), bytes(32))
    verifier = Verifier(MemoryKeys([key]), HASH, sizes)
    prover = Prover(MemoryKeys([key]), np.random.default_rng(seed))
    choice = prover.answer(verifier.challenge())
    report = verifier.check(prover.announce([0] * checks), [0] * checks)
    assert report.passed
    assert len(set(choice.positions)) == checks
    assert verifier.compare(prover.encode(report)).accepted


@pytest.mark.parametrize("results", [[0] * 5, [0] * 7, [0, 0, 0, 0, 0, 2], [0, 0, 0, 0, 0, -1]])
def test_results_that_no_measurement_gives_are_refused(results: list[int]) -> None:
    ends = Ends()
    ends.prover.answer(ends.verifier.challenge())
    with pytest.raises(QcotError, match=r"^validation-results: "):
        ends.prover.announce(results)


@pytest.mark.parametrize("found", [[0] * 7, [0] * 9, [4] * 8])
def test_bell_states_that_there_are_not_are_refused(found: list[int]) -> None:
    ends = Ends()
    ends.checked()
    with pytest.raises(QcotError, match=r"^validation-results: "):
        ends.verifier.compare(found)


@pytest.mark.parametrize("wrong", [b"", b"x" * 31, b"x" * 33, "x" * 32])
def test_a_record_hash_of_another_length_is_refused_before_a_key_is_spent(wrong: bytes) -> None:
    keys = MemoryKeys([Key(uuid.UUID(int=1), bytes(32))])
    with pytest.raises(QcotError, match=r"^validation-record-hash: "):
        Verifier(keys, wrong, SIZES)
    challenge = Verifier(MemoryKeys([Key(uuid.UUID(int=1), bytes(32))]), HASH, SIZES).challenge()
    with pytest.raises(QcotError, match=r"^validation-record-hash: "):
        Prover(keys, np.random.default_rng(1)).answer(replace(challenge, record_hash=wrong))
    assert keys.available() == 1


@pytest.mark.parametrize("wrong", [b"", b"x" * 31, b"x" * 33])
def test_a_nonce_of_another_length_is_refused_before_a_key_is_spent(wrong: bytes) -> None:
    ends = Ends()
    with pytest.raises(QcotError, match=r"^validation-nonce: "):
        ends.verifier.challenge(wrong)
    challenge = Verifier(MemoryKeys([Key(uuid.UUID(int=1), bytes(32))]), HASH, SIZES).challenge()
    with pytest.raises(QcotError, match=r"^validation-nonce: "):
        ends.prover.answer(replace(challenge, nonce=wrong))
    assert (ends.verifier_keys.available(), ends.prover_keys.available()) == (1, 1)


def test_an_ended_machine_holds_no_tag() -> None:
    ends = Ends()
    ends.verifier.compare(ends.prover.encode(ends.checked()))
    assert not ends.verifier._expected
    assert not ends.prover._symbols

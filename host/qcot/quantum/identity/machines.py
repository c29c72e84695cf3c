"""Verifier and prover as state machines without I/O: messages and measured bits in, messages out.

Invariants of both:

- An end takes its key in its first step, so that the key is used and erased before anything is measured or compared,
  and whatever follows: acceptance, refusal, an error, or a killed process.
- Each step is done once and in order; any other call raises `validation-step` and ends the machine.
- After its last step an end holds no secret: the verifier drops the tag when it compares, the prover when it encodes.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from enum import Enum, auto
from typing import TYPE_CHECKING

import numpy as np

from qcot.errors import QcotError
from qcot.quantum.identity.messages import BASES, Announcement, Challenge, CheckReport, Choice, Symbol, Verdict
from qcot.quantum.identity.parameters import DEFAULT, Parameters
from qcot.quantum.identity.problems import (
    BAD_ANNOUNCEMENT,
    BAD_NONCE,
    BAD_RECORD_HASH,
    BAD_RESULTS,
    OUT_OF_STEP,
)

if TYPE_CHECKING:
    from qcot.quantum.qkd.store import KeySource

HASH_BYTES = 32
NONCE_BYTES = 32


class Step(Enum):
    """What an end does next."""

    BEGIN = auto()
    CHECK = auto()
    FINISH = auto()
    ENDED = auto()


def tag_symbols(secret: bytes, nonce: bytes, record_hash: bytes, pairs: int) -> tuple[Symbol, ...]:
    """The first 2 ``pairs`` bits of HMAC-SHA-256(secret, nonce || record_hash), high bits first, two a symbol."""
    tag = hmac.digest(secret, nonce + record_hash, hashlib.sha256)
    return tuple(tag[i // 4] >> (6 - 2 * (i % 4)) & 3 for i in range(pairs))


class _End:
    """The order of the steps."""

    def __init__(self) -> None:
        self._next = Step.BEGIN

    def _enter(self, step: Step) -> None:
        """Go into ``step``; until it succeeds, nothing comes next."""
        wanted, self._next = self._next, Step.ENDED
        if wanted is not step:
            raise QcotError(OUT_OF_STEP, f"{type(self).__name__.lower()}: {step.name} was asked, {wanted.name} is next")


class Verifier(_End):
    """D, who wants to know whether the other end holds the key: challenge, check, compare."""

    def __init__(self, keys: KeySource, record_hash: bytes, parameters: Parameters = DEFAULT) -> None:
        super().__init__()
        _require_bytes(record_hash, HASH_BYTES)
        self._keys = keys
        self._record_hash = record_hash
        self.parameters = parameters
        self._expected: tuple[Symbol, ...] = ()

    def challenge(self, nonce: bytes | None = None) -> Challenge:
        """Take and burn a key, and name it; raises what the key source raises."""
        self._enter(Step.BEGIN)
        nonce = secrets.token_bytes(NONCE_BYTES) if nonce is None else nonce
        _require_nonce(nonce)
        key = self._keys.take()
        self._expected = tag_symbols(key.secret, nonce, self._record_hash, self.parameters.pairs)
        self._next = Step.CHECK
        return Challenge(key.id, nonce, self._record_hash, self.parameters)

    def check(self, told: Announcement, measured: Sequence[int]) -> CheckReport:
        """Compare own results at the announced positions and bases with the announced ones: for Phi+ they are equal."""
        self._enter(Step.CHECK)
        _require_announcement(told, self.parameters)
        _require_results(measured, self.parameters.checks, 2)
        errors = sum(mine != theirs for mine, theirs in zip(measured, told.results, strict=True))
        passed = errors <= self.parameters.tau
        if passed:
            self._next = Step.FINISH
        else:
            self._expected = ()
        return CheckReport(errors, passed)

    def compare(self, found: Sequence[Symbol]) -> Verdict:
        """Compare the Bell states found, of the pairs that were not checked in order, with what the key asks for."""
        self._enter(Step.FINISH)
        expected, self._expected = self._expected, ()
        _require_results(found, self.parameters.pairs, 4)
        mismatches = sum(one != other for one, other in zip(found, expected, strict=True))
        return Verdict(mismatches, mismatches <= self.parameters.mismatches)


class Prover(_End):
    """A, who shows that it holds the key: answer, announce, encode.

    ``random`` draws positions and bases. Whoever can foretell them can attack only the other pairs: outside
    a simulation give it a seed that nobody knows yet.
    """

    def __init__(self, keys: KeySource, random: np.random.Generator) -> None:
        super().__init__()
        self._keys = keys
        self._random = random
        self._symbols: tuple[Symbol, ...] = ()
        self._choice = Choice((), ())

    def answer(self, challenge: Challenge) -> Choice:
        """Take and burn the key that the challenge names, then choose what to measure.

        Raises what the key source raises, so `key-used` for a challenge that was answered before.
        """
        self._enter(Step.BEGIN)
        _require_nonce(challenge.nonce)
        _require_bytes(challenge.record_hash, HASH_BYTES)
        key = self._keys.take_by_id(challenge.key_id)
        sizes = challenge.parameters
        self._symbols = tag_symbols(key.secret, challenge.nonce, challenge.record_hash, sizes.pairs)
        positions = np.sort(self._random.choice(sizes.pairs + sizes.checks, sizes.checks, replace=False))
        bases = self._random.integers(0, len(BASES), sizes.checks)
        self._choice = Choice(tuple(positions.tolist()), tuple(BASES[i] for i in bases.tolist()))
        self._next = Step.CHECK
        return self._choice

    def announce(self, measured: Sequence[int]) -> Announcement:
        """Tell the results that the choice gave."""
        self._enter(Step.CHECK)
        _require_results(measured, len(self._choice.positions), 2)
        self._next = Step.FINISH
        return Announcement(self._choice.positions, self._choice.bases, tuple(measured))

    def encode(self, report: CheckReport) -> tuple[Symbol, ...]:
        """The Pauli for each half that was not measured, in their order; none when the check failed."""
        self._enter(Step.FINISH)
        symbols, self._symbols = self._symbols, ()
        return symbols if report.passed else ()


def _require_bytes(value: bytes, size: int) -> None:
    if not isinstance(value, bytes) or len(value) != size:
        said = f"{len(value)} bytes" if isinstance(value, bytes) else repr(value)
        raise QcotError(BAD_RECORD_HASH, f"the record's hash has {said}, {size} are needed")


def _require_nonce(value: bytes) -> None:
    if not isinstance(value, bytes) or len(value) != NONCE_BYTES:
        said = f"{len(value)} bytes" if isinstance(value, bytes) else repr(value)
        raise QcotError(BAD_NONCE, f"the nonce has {said}, {NONCE_BYTES} are needed")


def _require_announcement(told: Announcement, sizes: Parameters) -> None:
    lengths = len(told.positions), len(told.bases), len(told.results)
    if lengths != (sizes.checks,) * 3:
        raise QcotError(BAD_ANNOUNCEMENT, f"{lengths} positions, bases and results for {sizes.checks} checks")
    if list(told.positions) != sorted(set(told.positions)):
        raise QcotError(BAD_ANNOUNCEMENT, "the positions are not different and ascending")
    if told.positions[0] < 0 or told.positions[-1] >= sizes.pairs + sizes.checks:
        raise QcotError(BAD_ANNOUNCEMENT, f"a position lies outside the {sizes.pairs + sizes.checks} pairs")
    if not set(told.bases) <= set(BASES) or not set(told.results) <= {0, 1}:
        raise QcotError(BAD_ANNOUNCEMENT, "a basis is neither Z nor X, or a result neither 0 nor 1")


def _require_results(measured: Sequence[int], count: int, values: int) -> None:
    if len(measured) != count or not all(value in range(values) for value in measured):
        raise QcotError(BAD_RESULTS, f"{len(measured)} results for {count} pairs, each of {values} values")

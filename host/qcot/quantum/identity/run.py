"""A whole validation: both machines, and the pairs between them on a backend."""

from __future__ import annotations

import secrets
import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from qcot.errors import Problem, QcotError
from qcot.quantum.backends import MAX_SEED, require_seed
from qcot.quantum.identity.circuits import measure_bell, measure_checks
from qcot.quantum.identity.machines import Prover, Verifier
from qcot.quantum.identity.messages import Announcement
from qcot.quantum.identity.parameters import DEFAULT, Parameters
from qcot.quantum.identity.problems import CHANNEL_DISTURBED, IDENTITY_REFUSED

if TYPE_CHECKING:
    from qcot.quantum.attacks.records import Attack
    from qcot.quantum.backends import Backend
    from qcot.quantum.qkd.store import KeySource


@dataclass(frozen=True)
class Validation:
    """What a validation found, and what ran it.

    ``mismatches`` is None where the check failed, so that nothing was encoded. ``problem`` and ``reason`` say
    why it was refused; None and '' if it was accepted. ``verifier_results`` belong to the announced positions.
    """

    accepted: bool
    parameters: Parameters
    check_errors: int
    mismatches: int | None
    key_id: uuid.UUID
    nonce: bytes
    record_hash: bytes
    announcement: Announcement
    verifier_results: tuple[int, ...]
    attack: str | None
    backend: str
    seed: int
    seconds: float
    problem: Problem | None
    reason: str

    @property
    def pairs(self) -> int:
        """Pairs that carried the tag."""
        return self.parameters.pairs

    @property
    def checks(self) -> int:
        """Pairs that were measured to check the link."""
        return self.parameters.checks

    def require(self) -> Validation:
        """Raise the refusal as a QcotError, `validation-channel-disturbed` or `validation-identity-refused`."""
        if self.problem is not None:
            raise QcotError(self.problem, self.reason)
        return self


def validate(
    verifier: KeySource,
    prover: KeySource,
    record_hash: bytes,
    parameters: Parameters = DEFAULT,
    *,
    seed: int | None = None,
    attack: Attack | None = None,
    backend: Backend | None = None,
    nonce: bytes | None = None,
) -> Validation:
    """Let the holder of ``prover``'s keys show to ``verifier``'s that it holds the same key, about ``record_hash``.

    Both burn a key before anything is measured, whatever comes of it. ``seed`` decides positions, bases and the
    simulation; None draws one from the operating system, which is what a real link needs. A fresh ``nonce`` likewise.
    A refusal is a result (see `Validation.require`); raises QcotError for bad input, exhausted or used keys, and
    when the backend fails.
    """
    started = time.perf_counter()
    if seed is None:
        seed = secrets.randbelow(MAX_SEED + 1)
    require_seed(seed)
    random = np.random.default_rng(seed)
    wants, shows = Verifier(verifier, record_hash, parameters), Prover(prover, random)

    challenge = wants.challenge(nonce)
    choice = shows.answer(challenge)
    checks = measure_checks(choice.bases, int(random.integers(MAX_SEED)), attack, backend)
    own = tuple(value & 1 for value in checks.values)
    told = shows.announce([value >> 1 for value in checks.values])
    report = wants.check(told, own)
    symbols = shows.encode(report)

    mismatches, problem, reason = None, None, ""
    if not report.passed:
        problem = CHANNEL_DISTURBED
        reason = f"{report.errors} of {parameters.checks} checks differ, at most {parameters.tau} may"
    else:
        found = measure_bell(symbols, int(random.integers(MAX_SEED)), attack, backend)
        verdict = wants.compare(found.values)
        mismatches = verdict.mismatches
        if not verdict.accepted:
            problem = IDENTITY_REFUSED
            reason = f"{mismatches} of {parameters.pairs} pairs mismatch, at most {parameters.mismatches} may"
    return Validation(
        accepted=problem is None,
        parameters=parameters,
        check_errors=report.errors,
        mismatches=mismatches,
        key_id=challenge.key_id,
        nonce=challenge.nonce,
        record_hash=record_hash,
        announcement=told,
        verifier_results=own,
        attack=attack.name if attack else None,
        backend=checks.backend,
        seed=seed,
        seconds=time.perf_counter() - started,
        problem=problem,
        reason=reason,
    )

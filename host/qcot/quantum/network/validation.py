"""One identity validation over the network: the machines of ``qcot.quantum.identity``, their messages, their qubits.

What a link does to a half is exact for depolarizing noise: with its probability a random one of I, X, Y, Z. A Pauli
goes through the prover's Pauli and into the measured bits unchanged, so it is applied there; the circuits stay pure.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np

from qcot.errors import QcotError
from qcot.quantum.attacks import ATTACKS
from qcot.quantum.identity import Prover, Verifier
from qcot.quantum.identity.circuits import measure_bell, measure_checks
from qcot.quantum.network.keys import GuessedKeys, on
from qcot.quantum.network.wire import Body, Steps
from qcot.quantum.network.world import Checkup, World

if TYPE_CHECKING:
    from qcot.quantum.identity.messages import Basis
    from qcot.quantum.network.topology import Pair, Path
    from qcot.quantum.qkd import KeySource

TAP = ATTACKS["intercept-z"]
NO_ANSWER = "no answer"
DISTURBED = "link disturbed"
REFUSED = "identity refused"
FLIPS: dict[Basis, int] = {"Z": 2, "X": 1}
"""A Pauli is 2 bits as a symbol is: 1 for its Z part, 2 for its X part. Which part flips a result in which basis."""


def paulis(count: int, path: Path, random: np.random.Generator) -> list[int]:
    """What the path does to each of ``count`` qubits."""
    struck = random.random(count) < path.depolarizing
    return [int(pauli) for pauli in np.where(struck, random.integers(0, 4, count), 0)]


class _Ended(Exception):  # noqa: N818 - an outcome, not an error
    """The validation ends here: why, and what was counted until then."""

    def __init__(self, why: str, errors: int | None = None, mismatches: int | None = None) -> None:
        super().__init__(why)
        self.why, self.errors, self.mismatches = why, errors, mismatches


def validation(world: World, height: int, ends: Pair, claimed: str, subject: str) -> Steps:
    """Let the first of ``ends`` find out whether the second is ``claimed``, about the hash ``subject``.

    Gives a Checkup.
    """
    try:
        found = yield from _run(world, ends, claimed, subject)
    except _Ended as early:
        found = early
    verifier, prover = ends
    world.journal.note(
        verifier, found.why or "identity accepted", block=height, peer=prover, claimed=claimed, subject=subject[:12],
        check_errors=found.errors, mismatches=found.mismatches,
    )  # fmt: skip
    counted = found.errors, found.mismatches
    now = int(world.wire.env.now)
    done = Checkup(now, height, verifier, prover, claimed, subject, not found.why, found.why, *counted)
    world.checkups.append(done)
    return done


def _run(world: World, ends: Pair, claimed: str, subject: str) -> Steps:
    """All steps; returns how they ended, or raises it where they end early."""
    verifier, prover = ends
    streams, sizes = world.streams, world.settings.parameters
    noise = streams.random("noise")
    stock: KeySource = world.keys.proving(verifier, claimed) if prover == claimed else GuessedKeys(noise)
    wants = Verifier(world.keys.verifying(verifier, claimed), bytes.fromhex(subject), sizes)
    shows = Prover(stock, streams.random("validation"))
    try:
        challenge = wants.challenge(streams.random("nonce").bytes(32))
    except QcotError as error:
        raise _Ended(error.problem.name) from error

    asked = {"key": str(challenge.key_id), "nonce": challenge.nonce.hex(), "subject": subject, **asdict(sizes)}
    yield from _told(world, verifier, prover, "challenge", asked)
    returning = world.wire.passages(sizes.pairs, prover, verifier)
    path = yield from _sent(world, verifier, prover, sizes.checks + returning, "halves")
    attack = TAP if world.fault is not None and world.fault.taps_validation and on(world.fault.link, path) else None
    choice = shows.answer(challenge)
    pairs = measure_checks(choice.bases, streams.seed("validation"), attack, world.settings.backend).values
    struck = paulis(sizes.checks, path, noise)
    flips = [int(bool(pauli & FLIPS[basis])) for pauli, basis in zip(struck, choice.bases, strict=True)]
    told = shows.announce([(both >> 1) ^ flip for both, flip in zip(pairs, flips, strict=True)])
    yield from _told(world, prover, verifier, "announcement", asdict(told))

    report = wants.check(told, [both & 1 for both in pairs])
    yield from _told(world, verifier, prover, "report", asdict(report))
    symbols = shows.encode(report)
    if not report.passed:
        raise _Ended(DISTURBED, report.errors)
    back = yield from _sent(world, prover, verifier, sizes.pairs, "encoded halves")
    states = measure_bell(symbols, streams.seed("validation"), attack, world.settings.backend).values
    there, here = paulis(sizes.pairs, path, noise), paulis(sizes.pairs, back, noise)
    verdict = wants.compare([state ^ out ^ home for state, out, home in zip(states, there, here, strict=True)])
    yield from world.wire.carry(verifier, prover, "verdict", asdict(verdict))
    return _Ended("" if verdict.accepted else REFUSED, report.errors, verdict.mismatches)


def _told(world: World, source: str, target: str, topic: str, body: Body) -> Steps:
    if not (yield from world.wire.carry(source, target, topic, body)):
        raise _Ended(NO_ANSWER)


def _sent(world: World, source: str, target: str, count: int, topic: str) -> Steps:
    """Gives the path that the qubits took."""
    path = world.wire.path("quantum", source, target)
    if not (yield from world.wire.send_qubits(source, target, count, topic)):
        raise _Ended(NO_ANSWER)
    return path

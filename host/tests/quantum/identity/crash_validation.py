"""A process that validates and is killed: it says which key each end was handed, and where in the protocol it is.

crash_validation.py FOLDER STEP     go as far as STEP of one validation (no circuits), say so, and wait
crash_validation.py FOLDER loop     validate on the simulator until killed
"""

from __future__ import annotations

import sys
import threading
import uuid
from pathlib import Path

import numpy as np
from qcot.quantum.identity import Parameters, Prover, Verifier, validate
from qcot.quantum.qkd.store import Key, KeyStore

SIZES = Parameters(4, 4, 0, 0)
HASH = bytes(32)


def say(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


class Told:
    """A key store that says what it hands out, before anybody can use it."""

    def __init__(self, name: str, store: KeyStore) -> None:
        self.name, self.store = name, store

    def take(self) -> Key:
        key = self.store.take()
        say(self.name, key.id)
        return key

    def take_by_id(self, key_id: uuid.UUID, /) -> Key:
        key = self.store.take_by_id(key_id)
        say(self.name, key.id)
        return key


def steps(verifier_keys: Told, prover_keys: Told, stop: str) -> None:
    verifier, prover = Verifier(verifier_keys, HASH, SIZES), Prover(prover_keys, np.random.default_rng(1))

    def reached(step: str) -> None:
        if step == stop:
            say("reached", step)
            threading.Event().wait()

    challenge = verifier.challenge()
    reached("challenge")
    prover.answer(challenge)
    reached("answer")
    told = prover.announce([0] * SIZES.checks)
    report = verifier.check(told, [0] * SIZES.checks)
    reached("check")
    verifier.compare(prover.encode(report))
    reached("compare")


if __name__ == "__main__":
    folder, where = Path(sys.argv[1]), sys.argv[2]
    ends = [Told(name, KeyStore(folder / name, create=False)) for name in ("verifier", "prover")]
    if where != "loop":
        steps(ends[0], ends[1], where)
    while True:
        validate(ends[0], ends[1], HASH, SIZES)
        say("validated")

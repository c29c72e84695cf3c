"""Hashes a second of the walk hash: one after the other, in batches, and by the same walk as a quantum circuit."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

import numpy as np
from qcot.quantum.walk import walk_hash, walk_hash_many
from qcot.quantum.walk.comparison import compare
from qcot.quantum.walk.definition import bits_of

from benchmarks.figure import Figure

MESSAGE_BYTES = 32
BATCH = 2048
ONES = 100
CIRCUITS = 10
SHOTS = 1024
ROUNDS = 5


def _rate(work: Callable[[], object], hashes: int) -> float:
    """Hashes a second of a core's time, median of some rounds."""
    seconds = []
    for _ in range(ROUNDS):
        began = time.process_time()
        work()
        seconds.append(time.process_time() - began)
    return hashes / median(seconds)


def measure() -> list[Figure]:
    """Of 256-bit messages, 385 steps each, on one core."""
    random = np.random.default_rng(1)
    messages = [random.bytes(MESSAGE_BYTES) for _ in range(BATCH)]
    compare(bits_of(messages[0]), SHOTS, 1)  # imports Qiskit
    batch = _rate(lambda: walk_hash_many(messages), BATCH)
    one = _rate(lambda: [walk_hash(message) for message in messages[:ONES]], ONES)
    aer = _rate(lambda: [compare(bits_of(message), SHOTS, 1) for message in messages[:CIRCUITS]], CIRCUITS)
    return [
        Figure("walk hash, batch, one core", round(batch), "hashes/s", "at least", 2000, f"one by one {one:,.0f}"),
        Figure("walk hash, one by one", round(one), "hashes/s", baseline=f"{1000 / one:.2f} ms each"),
        Figure(
            "walk as a circuit on Aer",
            round(aer, 1),
            "walks/s",
            baseline=f"built and run, {SHOTS} shots: too few for a digest",
        ),
        Figure("walk hash, batch, against Aer's circuit", round(batch / aer), "times"),
    ]

"""A source of quantum random bits that tests itself, and whose output is never weaker than the operating system's.

qubits -> health tests -> Toeplitz extractor -> HKDF keyed with os.urandom -> output
"""

from __future__ import annotations

import enum
import itertools
import math
import os
import secrets
import threading
from dataclasses import dataclass
from functools import cache

import numpy as np
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from qcot.errors import Problem, QcotError
from qcot.quantum.backends import MAX_SEED, Backend, RunResult, require_seed, simulates
from qcot.quantum.entropy.circuits import toss
from qcot.quantum.entropy.estimators import assess, most_common_value
from qcot.quantum.entropy.extractor import extract, extractable, needed
from qcot.quantum.entropy.health import Bits, HealthTests
from qcot.quantum.entropy.problems import BAD_SAMPLES, BAD_SIZE, STARTUP

STARTUP_SAMPLES = 1024
"""Fewest samples that the start-up test takes of every qubit (4.3, requirement 10); none of them is ever output."""
MAX_SAMPLES = 1_000_000
DEFAULT_SAMPLES = 4096
LANES = 8
MAX_LANES = 20
CLAIMED = 0.9
"""Bits of min-entropy that a sample is claimed to have, which sets the cutoffs. An ideal qubit gives 1; reading it out
costs a device some."""
FLOOR = 1 / 4
"""Of the claim: a source that start-up finds below it is refused. Far below what chance makes of a good one."""
KEY_BITS = 256
"""What the extractor gives to each block of output, the strength of its HKDF-SHA-256."""
BLOCK = 255 * 32
"""Bytes that one HKDF-SHA-256 expands to at most (RFC 5869)."""
MAX_BYTES = 1 << 20
LABEL = b"qcot quantum entropy v1"


class State(enum.Enum):
    """What a source may be used for. FAILED is for ever: repair the device and make a new source."""

    NEW = "not yet tested"
    HEALTHY = "healthy"
    FAILED = "failed"


@dataclass(frozen=True)
class Assessment:
    """What the start-up test found, the worst qubit speaking for all. Entropies are in bits a sample."""

    backend: str
    physical: bool
    """Whether a machine measured qubits. A simulator's bits follow from its seed, whatever they look like."""
    lanes: int
    samples: int
    """Of each qubit."""
    ones: tuple[float, ...]
    """Share of ones of each qubit."""
    claimed: float
    estimates: dict[str, float]
    """Least estimate over the qubits, by estimator."""
    seconds: float
    """Of the run that took the samples."""

    @property
    def min_entropy(self) -> float:
        """What the extractor reckons with: the claim or the least estimate."""
        return min(self.claimed, *self.estimates.values())

    @property
    def credited(self) -> float:
        """What counts as entropy that nobody knows: nothing from a simulator."""
        return self.min_entropy if self.physical else 0.0


@dataclass(frozen=True)
class Draw:
    """Output, and what went into it besides os.urandom."""

    data: bytes
    raw_bits: int
    """Measured and tested."""
    extracted_bits: int
    credited_bits: int
    """Of the extracted ones; 0 from a simulator. The operating system's bytes are not counted here."""


def fitting(backend: Backend | None) -> int:
    """LANES, or as many as ``backend`` has."""
    device = getattr(backend, "device", backend)
    return min(LANES, getattr(device, "num_qubits", None) or LANES)


def is_physical(backend: Backend | None) -> bool:
    """Whether ``backend`` is known to measure qubits. What cannot be told from a simulator counts as one."""
    return simulates(backend) is False


class EntropySource:
    """Random bytes from one backend's qubits. Thread-safe.

    The first use runs the start-up test. From the moment a health test fails, every call raises that same
    `entropy-startup`, `entropy-repetition` or `entropy-proportion`; no bit of the failing batch is used. A run that
    fails by itself (`quantum-run-failed`) gives nothing and may be tried again.

    ``lanes``: how many qubits; by default 8, or as many as the backend has.
    ``physical``: whether the device is credited with entropy; by default only a machine that is known to be one.
    ``seed`` makes a simulator's bits the same again, though never the output, which os.urandom is mixed into.
    """

    def __init__(
        self,
        backend: Backend | None = None,
        *,
        lanes: int | None = None,
        claimed: float = CLAIMED,
        startup: int = DEFAULT_SAMPLES,
        seed: int | None = None,
        physical: bool | None = None,
    ) -> None:
        lanes = fitting(backend) if lanes is None else lanes
        if not (STARTUP_SAMPLES <= startup <= MAX_SAMPLES and 1 <= lanes <= MAX_LANES):
            raise QcotError(BAD_SAMPLES, f"{startup} samples of {lanes} qubits")
        if seed is not None:
            require_seed(seed)
        self._backend, self._lanes, self._claimed, self._startup = backend, lanes, claimed, startup
        self._seed, self._jobs = seed, 0
        self._physical = is_physical(backend) if physical is None else physical
        self._tests = HealthTests.start(lanes, claimed)
        self._assessment: Assessment | None = None
        self._failure: QcotError | None = None
        self._lock = threading.RLock()

    @property
    def state(self) -> State:
        """Whether it may be used."""
        if self._failure:
            return State.FAILED
        return State.HEALTHY if self._assessment else State.NEW

    def start(self) -> Assessment:
        """Run the start-up test if it has not passed yet; what it found. Raises `entropy-startup`."""
        with self._lock:
            self._refuse_if_failed()
            if self._assessment is None:
                self._assessment = self._start()
            return self._assessment

    def sample(self, samples: int) -> Bits:
        """``samples`` rows of tested raw bits, one a qubit: biased as the device is, and no more secret."""
        with self._lock:
            self.start()
            bits, _ = self._toss(samples)
            self._test(bits)
            return bits

    def draw(self, size: int) -> Draw:
        """``size`` random bytes, 1 to MAX_BYTES, and what went into them."""
        if type(size) is not int or not 1 <= size <= MAX_BYTES:
            raise QcotError(BAD_SIZE, f"{size!r} bytes were asked for")
        assessment = self.start()
        rows = math.ceil(needed(KEY_BITS, assessment.min_entropy) / self._lanes)
        blocks = [min(BLOCK, size - begin) for begin in range(0, size, BLOCK)]
        bits = self.sample(rows * len(blocks)).reshape(len(blocks), rows * self._lanes)
        data = b"".join(mix(extract(raw, KEY_BITS), length) for raw, length in zip(bits, blocks, strict=True))
        credit = min(KEY_BITS, extractable(bits.shape[1], assessment.credited))
        return Draw(data, bits.size, KEY_BITS * len(blocks), credit * len(blocks))

    def random_bytes(self, size: int) -> bytes:
        """``size`` random bytes, 1 to MAX_BYTES."""
        return self.draw(size).data

    def _start(self) -> Assessment:
        bits, run = self._toss(self._startup)
        try:
            self._test(bits)
        except QcotError as error:
            raise self._fail(STARTUP, f"{error.problem.name}: {error.reason}") from error
        found = [assess(np.ascontiguousarray(lane)) for lane in bits.T]
        least = {name: min(each[name] for each in found) for name in found[0]}
        for name, estimate in least.items():
            if estimate < FLOOR * self._claimed:
                reason = f"the {name} estimate of a qubit is {estimate:.3f} bits a sample, {self._claimed} are claimed"
                raise self._fail(STARTUP, reason)
        for one, other in itertools.combinations(range(self._lanes), 2):
            alike = most_common_value(bits[:, one] ^ bits[:, other])
            if alike < FLOOR * self._claimed:
                raise self._fail(STARTUP, f"qubits {one} and {other} follow each other: {alike:.3f} bits between them")
        ones = tuple(float(each) for each in bits.mean(axis=0))
        return Assessment(
            run.backend, self._physical, self._lanes, self._startup, ones, self._claimed, least, run.seconds
        )

    def _toss(self, samples: int) -> tuple[Bits, RunResult]:
        seed = secrets.randbelow(MAX_SEED) if self._seed is None else (self._seed + self._jobs) & MAX_SEED
        self._jobs += 1
        return toss(self._lanes, samples, seed, self._backend)

    def _test(self, bits: Bits) -> None:
        try:
            self._tests = self._tests.after(bits)
        except QcotError as error:
            self._failure = error
            raise

    def _fail(self, problem: Problem, reason: str) -> QcotError:
        self._failure = QcotError(problem, reason)
        return self._failure

    def _refuse_if_failed(self) -> None:
        if self._failure:
            raise QcotError(self._failure.problem, f"{self._failure.reason}; this source stays off") from self._failure


def mix(quantum: bytes, size: int) -> bytes:
    """``size`` bytes of HKDF-SHA-256 from ``quantum`` under a key of the operating system's, taken just now.

    Whoever knows or chose ``quantum`` meets a pseudo-random function under a key that he does not know; whoever knows
    the operating system's bytes still lacks ``quantum``.
    """
    return HKDF(SHA256(), size, salt=os.urandom(32), info=LABEL).derive(quantum)


@cache
def default_source() -> EntropySource:
    """The process's source on the ideal simulator, made once: it is credited with 0 bits."""
    return EntropySource()


def random_bytes(size: int, source: EntropySource | None = None) -> bytes:
    """``size`` random bytes, 1 to MAX_BYTES, of ``source`` or the process's own."""
    return (source or default_source()).random_bytes(size)

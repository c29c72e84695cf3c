"""Random messages, their digests, and the digests of the same messages with one bit altered."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from qcot.errors import QcotError
from qcot.quantum.backends import require_seed
from qcot.quantum.walk.definition import Bits
from qcot.quantum.walk.hashing import hash_bits
from qcot.quantum.walk.problems import BAD_SAMPLES

SAMPLES = 10_000
FEWEST_SAMPLES, MOST_SAMPLES = 100, 1_000_000
MESSAGE_BITS = 256
_CHUNK = 512  # messages hashed between two reports of progress

Digests = npt.NDArray[np.uint8]
"""Shape (messages, 32)."""
Hash = Callable[[Sequence[Bits]], Sequence[bytes]]
Progress = Callable[[int, int], None]
"""Told how many hashes are done, and of how many."""


@dataclass(frozen=True)
class Alteration:
    """A way to alter one bit of a message at a random place."""

    name: str
    does: str
    apply: Callable[[Bits, np.random.Generator], Bits]


def flip(bits: Bits, place: int) -> Bits:
    """``bits`` with the one at ``place`` turned over."""
    altered = bits.copy()
    altered[place] ^= 1
    return altered


ALTERATIONS = (
    Alteration("flipped", "one bit flipped", lambda bits, random: flip(bits, int(random.integers(len(bits))))),
    Alteration(
        "added",
        "one bit added",
        lambda bits, random: np.insert(bits, random.integers(len(bits) + 1), random.integers(2, dtype=np.uint8)),
    ),
    Alteration("removed", "one bit removed", lambda bits, random: np.delete(bits, random.integers(len(bits)))),
)
"""Conditions C2 to C4 of the literature's sensitivity test; C1 is the message as it is."""


@dataclass(frozen=True)
class Altered:
    """A digest beside the one of the message before the alteration."""

    name: str
    does: str
    digest: bytes
    changed: int
    """Bits of 256 in which the two digests differ."""


@dataclass(frozen=True, eq=False)
class Samples:
    """Digests of ``count`` random messages of ``MESSAGE_BITS`` bits, and of each message altered in every way."""

    original: Digests
    altered: Mapping[str, Digests]
    seed: int
    seconds: float

    @property
    def count(self) -> int:
        """Messages, not counting the altered ones."""
        return len(self.original)

    @property
    def hashes(self) -> int:
        """Hashes that were made for them."""
        return self.count * (1 + len(self.altered))


def require_samples(count: int) -> None:
    """Refuse what is not a whole number of messages from FEWEST_SAMPLES to MOST_SAMPLES."""
    if type(count) is not int or not FEWEST_SAMPLES <= count <= MOST_SAMPLES:
        raise QcotError(BAD_SAMPLES, f"{count!r} messages were asked for")


def draw(
    count: int = SAMPLES, seed: int = 1, hashing: Hash = hash_bits, progress: Progress = lambda _done, _total: None
) -> Samples:
    """Draw ``count`` messages from ``seed`` and hash each once as it is and once a way of altering it."""
    require_samples(count)
    require_seed(seed)
    began = time.perf_counter()
    random = np.random.default_rng(seed)
    total = count * (1 + len(ALTERATIONS))
    parts: dict[str, list[bytes]] = {"": [], **{each.name: [] for each in ALTERATIONS}}
    for first in range(0, count, _CHUNK):
        messages = list(random.integers(2, size=(min(_CHUNK, count - first), MESSAGE_BITS), dtype=np.uint8))
        parts[""] += hashing(messages)
        for each in ALTERATIONS:
            parts[each.name] += hashing([each.apply(bits, random) for bits in messages])
            progress(sum(map(len, parts.values())), total)
    digests = {name: np.frombuffer(b"".join(part), np.uint8).reshape(count, -1) for name, part in parts.items()}
    return Samples(digests.pop(""), digests, seed, time.perf_counter() - began)


def changed_bits(one: Digests, other: Digests) -> npt.NDArray[np.int64]:
    """In how many bits digests differ, row by row."""
    changed: npt.NDArray[np.int64] = np.bitwise_count(one ^ other).sum(axis=-1, dtype=np.int64)
    return changed

"""From messages to digests."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from qcot.errors import QcotError
from qcot.quantum.walk import batch, dense
from qcot.quantum.walk.definition import DIGEST_BYTES, Bits, Int64, bits_of, coin_choices
from qcot.quantum.walk.problems import NOT_BITS

_FEW = 8
"""So many messages are walked faster by matrices than sorted."""


def walk_hash(message: bytes) -> bytes:
    """Walk hash of ``message``: 32 bytes."""
    return hash_bits([bits_of(message)])[0]


def walk_hash_many(messages: Sequence[bytes]) -> list[bytes]:
    """Walk hashes in the order of ``messages``. Those of one length are walked together: equal lengths are fastest."""
    return hash_bits([bits_of(message) for message in messages])


def walk_hash_bits(bits: str) -> bytes:
    """Walk hash of a message of any number of bits, given as a text of 0 and 1; refuses other characters."""
    return hash_bits([parse_bits(bits)])[0]


def parse_bits(text: str) -> Bits:
    """The bits of a text of 0 and 1."""
    for place, character in enumerate(text):
        if character not in "01":
            raise QcotError(NOT_BITS, f"character {place + 1} is {character!r}")
    return np.frombuffer(text.encode("ascii"), np.uint8) - np.uint8(ord("0"))


def hash_bits(messages: Sequence[Bits]) -> list[bytes]:
    """Walk hashes of messages as arrays of bits, in their order."""
    by_length: defaultdict[int, list[int]] = defaultdict(list)
    for index, message in enumerate(messages):
        by_length[len(message)].append(index)
    digests = [b""] * len(messages)
    for indices in by_length.values():
        for first in range(0, len(indices), batch.BEST_COUNT):
            together = indices[first : first + batch.BEST_COUNT]
            states = walk(coin_choices([messages[index] for index in together]))
            for index, digest in zip(together, _digests(states), strict=True):
                digests[index] = digest.tobytes()
    return digests


def walk(choices: Bits) -> Int64:
    """Negated state (see `dense.walk`) by whichever way is faster: (steps, messages) to (messages, 8, 49)."""
    few = choices.shape[1] <= _FEW
    return dense.walk(choices) if few else batch.walk(choices)


def _digests(state: Int64) -> npt.NDArray[np.uint8]:
    """Bits 80 to 87 of each of the first 32 cells' probability over 2^120, shape (messages, 32), in 64-bit words.

    With |x| = 2^30 hi + lo, the probability is A 2^60 + B 2^31 + C; no sum leaves 64 bits, and floors nest exactly.
    """
    size = np.abs(state[:, :, :DIGEST_BYTES]).astype(np.uint64)
    high, low = size >> np.uint64(30), size & np.uint64((1 << 30) - 1)
    a, b, c = (high * high).sum(axis=1), (high * low).sum(axis=1), (low * low).sum(axis=1)
    above_31 = b + (c >> np.uint64(31))
    bits_from_80: npt.NDArray[np.uint64] = (a + (above_31 >> np.uint64(29))) >> np.uint64(20)
    return bits_from_80.astype(np.uint8)

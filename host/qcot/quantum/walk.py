"""The walk hash: 256 bits from a two-walker quantum walk on a 7 by 7 torus, in exact integers.

Definition, vectors and what the hash is not (a security primitive): docs/quantum/walk-hash.md.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

SIDE = 7
"""Cells a side. Odd: with an even side a walker that steps by one never reaches half of the cells."""
CELLS = SIDE * SIDE
SCALE_BITS = 60
"""An amplitude is a pair of integers (real, imaginary) over 2^60."""
DIGEST_BYTES = 32
COIN_STEPS: tuple[tuple[int, int], ...] = ((1, 1), (1, -1), (-1, 1), (-1, -1))
"""Where coin state c = 2 c1 + c2 moves the two walkers."""
COINS: tuple[tuple[tuple[complex, ...], ...], ...] = (
    ((1, 1, 1, 1), (1, -1, 1, -1), (1, 1, -1, -1), (1, -1, -1, 1)),  # H x H
    ((-1, 1, 1, 1), (1, -1, 1, 1), (1, 1, -1, 1), (1, 1, 1, -1)),  # J/2 - I, the 4 by 4 Grover coin
    ((1, 1, 1, -1), (1, -1, 1, 1), (1, 1, -1, 1), (1, -1, -1, -1)),  # (H x H) CZ
    ((1, 1, 1, 1), (1, 1j, -1, -1j), (1, -1, 1, -1), (1, -1j, -1, 1j)),  # i^(jk) / 2
)
"""2 W_k, chosen by two message bits: k = 2 previous + current."""
START: tuple[complex, ...] = (1, 1j, 1, -1)
"""Twice the coin amplitudes at cell (0, 0) before the first step."""

_BATCH = 64  # messages walked together: their state stays in a second-level cache
_STEPS = 512  # steps whose matrices are looked up at once: 16 MiB for a full batch
_PARTS = 8  # real parts of the four coins, then the imaginary ones

Int64 = npt.NDArray[np.int64]


def walk_hash(message: bytes) -> bytes:
    """Walk hash of ``message``: 32 bytes."""
    return walk_hash_many([message])[0]


def walk_hash_many(messages: Sequence[bytes]) -> list[bytes]:
    """Walk hashes in the order of ``messages``. Those of one length are walked together: equal lengths are fastest."""
    by_length: defaultdict[int, list[int]] = defaultdict(list)
    for index, message in enumerate(messages):
        by_length[len(message)].append(index)
    digests = [b""] * len(messages)
    for indices in by_length.values():
        for first in range(0, len(indices), _BATCH):
            batch = indices[first : first + _BATCH]
            state = _walk(_coin_choices([messages[index] for index in batch]))
            for index, digest in zip(batch, _digests(state), strict=True):
                digests[index] = digest.tobytes()
    return digests


def padded_bits(message: bytes) -> npt.NDArray[np.uint8]:
    """The bits that drive the walk: the message, 1, its length in bits as 64 bits, then thirty-two times 1, 0."""
    length = (8 * len(message)).to_bytes(8, "big")
    padding = np.concatenate([[1], np.unpackbits(np.frombuffer(length, np.uint8)), [1, 0] * 32])
    return np.concatenate([np.unpackbits(np.frombuffer(message, np.uint8)), padding.astype(np.uint8)])


def _coin_choices(messages: Sequence[bytes]) -> npt.NDArray[np.intp]:
    """Coin index of each step for messages of one length: shape (steps, messages)."""
    bits = np.stack([padded_bits(message) for message in messages], axis=1).astype(np.intp)
    choices = bits.copy()
    choices[1:] += 2 * bits[:-1]
    return choices


def _coin_matrices() -> Int64:
    """2 W_k on real and imaginary parts, shape (4, 8, 8)."""
    coins = np.array(COINS)
    real, imaginary = coins.real.astype(np.int64), coins.imag.astype(np.int64)
    return np.block([[real, -imaginary], [imaginary, real]])


def _sources() -> npt.NDArray[np.intp]:
    """Which slot of a flat (8, 49) state moves into each slot when the walkers step."""
    row, column = np.divmod(np.arange(CELLS), SIDE)
    cells = [(row - a) % SIDE * SIDE + (column - b) % SIDE for a, b in COIN_STEPS]
    return np.stack([part * CELLS + cells[part % 4] for part in range(_PARTS)]).ravel()


_MATRICES = _coin_matrices()
_SOURCES = _sources()


def _walk(choices: npt.NDArray[np.intp]) -> Int64:
    """Negated state after the walk, shape (messages, 8, 49), at scale 2^60.

    Kept negated because floor(-v / 2) = -floor((v + 1) / 2): a bare shift then rounds as defined.
    """
    count = choices.shape[1]
    state = np.zeros((count, _PARTS, CELLS), np.int64)
    start = np.array(START)
    state[:, :, 0] = -np.concatenate([start.real, start.imag]).astype(np.int64) << (SCALE_BITS - 1)
    moved = np.empty_like(state)
    flat_state, flat_moved = state.reshape(count, -1), moved.reshape(count, -1)
    for first in range(0, len(choices), _STEPS):
        for matrices in _MATRICES[choices[first : first + _STEPS]]:
            np.matmul(matrices, state, out=moved)
            np.right_shift(moved, 1, out=moved)
            np.take(flat_moved, _SOURCES, axis=1, out=flat_state, mode="clip")
    return state


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

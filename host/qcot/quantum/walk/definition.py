"""What the walk hash is made of (docs/quantum/walk-hash.md): ring, coins, start, and the bits that drive it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Bits = npt.NDArray[np.uint8]
"""A message, one 0 or 1 an element, most significant first."""
Int64 = npt.NDArray[np.int64]

SIDE = 7
"""Cells a side. Odd: with an even side a walker that steps by one never reaches half of the cells."""
CELLS = SIDE * SIDE
SCALE_BITS = 60
"""An amplitude is a pair of integers (real, imaginary) over 2^60."""
PARTS = 8
"""Real parts of the four coins, then the imaginary ones."""
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


def bits_of(message: bytes) -> Bits:
    """The bits of ``message``, most significant first."""
    return np.unpackbits(np.frombuffer(message, np.uint8))


def padded(bits: Bits) -> Bits:
    """The bits that drive the walk: the message, 1, its length in bits as 64 bits, then thirty-two times 1, 0."""
    length = bits_of(len(bits).to_bytes(8, "big"))
    return np.concatenate([bits, np.array([1], np.uint8), length, np.array([1, 0] * 32, np.uint8)])


def coin_choices(messages: list[Bits]) -> Bits:
    """Coin index of each step for messages of one length: shape (steps, messages)."""
    bits = np.stack([padded(message) for message in messages], axis=1)
    choices = bits.copy()
    choices[1:] += 2 * bits[:-1]
    return choices


def start_amplitudes() -> Int64:
    """Real and imaginary parts of the start at cell (0, 0) at scale 2^60: shape (8,)."""
    start = np.array(START)
    return np.concatenate([start.real, start.imag]).astype(np.int64) << (SCALE_BITS - 1)

"""Nearly uniform bits from weakly random ones: a Toeplitz matrix drawn at random, a strong seeded extractor.

Leftover hash lemma: from bits with min-entropy k, l <= k + 2 - 2 log2(1/epsilon) hashed bits differ from uniform ones,
the matrix known, by at most epsilon in statistical distance.
"""

from __future__ import annotations

import math
import os

import numpy as np
from numpy.typing import NDArray

from qcot.quantum.toeplitz import toeplitz

EPSILON_LOG2 = 64
"""Distance from uniform: at most 2^-64."""


def extractable(bits: int, min_entropy: float) -> int:
    """Bits to be had from ``bits`` with ``min_entropy`` each; 0 when the lemma leaves none."""
    return max(0, math.floor(bits * min_entropy) + 2 - 2 * EPSILON_LOG2)


def needed(size: int, min_entropy: float) -> int:
    """Fewest bits of ``min_entropy`` each from which ``size`` are to be had."""
    return math.ceil((size - 2 + 2 * EPSILON_LOG2) / min_entropy)


def extract(bits: NDArray[np.uint8], size: int) -> bytes:
    """``size`` bits (a multiple of 8) hashed from ``bits`` by a matrix that the operating system draws anew."""
    diagonal = np.unpackbits(np.frombuffer(os.urandom((len(bits) + size + 6) // 8), np.uint8))[: len(bits) + size - 1]
    return np.packbits(toeplitz(diagonal, bits)).tobytes()

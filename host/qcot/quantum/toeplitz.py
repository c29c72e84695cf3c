"""Toeplitz matrices over GF(2): the hash of extractor, privacy amplification and verification."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def toeplitz(diagonal: NDArray[np.uint8], bits: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """``bits`` times the matrix of ``diagonal``, bits one a byte: len(diagonal) - len(bits) + 1 bits.

    Row i, column j is diagonal[i + len(bits) - 1 - j]. A drawn diagonal makes this 2-universal: two inputs have the
    same hash of l bits with 2^-l. By FFT, and exact all the same: the sums are whole numbers up to len(bits), and what
    doubles round off, some 1e-16 log2(size) len(bits), stays below 0.01 for 10^12 bits.
    """
    size = 1 << (len(diagonal) - 1).bit_length()  # what wraps around falls on places that are cut off
    spectrum = np.fft.rfft(diagonal, size) * np.fft.rfft(bits, size)
    sums = np.fft.irfft(spectrum, size)[len(bits) - 1 : len(diagonal)]
    return (np.rint(sums).astype(np.int64) & 1).astype(np.uint8)

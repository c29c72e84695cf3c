"""The continuous health tests of NIST SP 800-90B section 4.4, for several one-bit noise sources ("lanes") at once.

Each qubit is a noise source of its own and is tested by itself: among twenty good qubits a stuck one moves the common
proportion by 2.5 % and never makes a run.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from qcot.errors import QcotError
from qcot.quantum.entropy.problems import BAD_CLAIM, PROPORTION, REPETITION

ALPHA_LOG2 = 30
"""A good source fails one test at one sample with probability at most 2^-30 (the standard asks for 2^-20 to 2^-40)."""
WINDOW = 1024
"""Samples of one adaptive-proportion window of a binary source."""

Bits = NDArray[np.uint8]
"""Samples (rows, oldest first) of each lane (columns), all 0 or 1."""


def repetition_cutoff(min_entropy: float) -> int:
    """C = 1 + ceil(-log2(alpha) / H): so many equal samples in a row fail (4.4.1)."""
    return 1 + math.ceil(ALPHA_LOG2 / _claimed(min_entropy))


def proportion_cutoff(min_entropy: float) -> int:
    """C = 1 + critbinom(W, 2^-H, 1 - alpha): so many samples equal to their window's first one fail (4.4.2)."""
    return 1 + int(scipy.stats.binom.isf(2.0**-ALPHA_LOG2, WINDOW, 2.0 ** -_claimed(min_entropy)))


def _claimed(min_entropy: float) -> float:
    if not 0 < min_entropy <= 1:
        raise QcotError(BAD_CLAIM, f"the claimed min-entropy is {min_entropy!r} bits a sample")
    return min_entropy


@dataclass(frozen=True)
class HealthTests:
    """Both continuous tests between two batches: what of the past the next sample is judged by.

    Feed every sample to :meth:`after`, in order. It gives the next state, or raises.
    """

    repetition: int
    proportion: int
    window: Bits
    """The begun window, fewer than WINDOW samples."""
    run: Bits
    """The newest samples, fewer than the repetition cutoff: a run may have begun in them."""

    @classmethod
    def start(cls, lanes: int, min_entropy: float) -> HealthTests:
        """Tests that have seen nothing of sources with ``min_entropy`` bits claimed a sample."""
        nothing: Bits = np.zeros((0, lanes), np.uint8)
        return cls(repetition_cutoff(min_entropy), proportion_cutoff(min_entropy), nothing, nothing)

    def after(self, samples: Bits) -> HealthTests:
        """The tests after ``samples``. Raises `entropy-repetition` or `entropy-proportion`."""
        recent = np.concatenate([self.run, samples])
        longest = longest_runs(recent)
        if (longest >= self.repetition).any():
            lane = int(longest.argmax())
            reason = f"qubit {lane} gave {longest[lane]} equal bits in a row, {self.repetition} is the cutoff"
            raise QcotError(REPETITION, reason)
        pending = np.concatenate([self.window, samples])
        for start in range(0, len(pending), WINDOW):
            window = pending[start : start + WINDOW]
            seen = (window == window[0]).sum(axis=0)
            if (seen >= self.proportion).any():
                lane = int(seen.argmax())
                reason = f"qubit {lane} gave its window's first bit {seen[lane]} times, {self.proportion} is the cutoff"
                raise QcotError(PROPORTION, reason)
        begun = len(pending) % WINDOW
        return HealthTests(
            self.repetition, self.proportion, pending[len(pending) - begun :], recent[1 - self.repetition :]
        )


def longest_runs(samples: Bits) -> NDArray[np.int64]:
    """The longest run of equal samples in each lane; 0 where there is no sample."""
    if not len(samples):
        return np.zeros(samples.shape[1], np.int64)
    place = np.arange(len(samples))[:, None]
    changed = np.ones(samples.shape, np.bool_)
    changed[1:] = samples[1:] != samples[:-1]
    begun = np.maximum.accumulate(np.where(changed, place, 0), axis=0)
    longest: NDArray[np.int64] = (place - begun).max(axis=0) + 1
    return longest

"""How many secret bits a finite run leaves.

BB84: Tomamichel, Lim, Gisin, Renner, "Tight finite-key analysis for quantum cryptography" (2012). The error rate of a
random sample of k bits bounds that of the other n in the complementary basis. Sample and key are drawn from both bases
alike: which basis a photon was measured in is a fair coin's choice, and so is the complement of that choice.

E91: Ekert's key settings, 45 degrees apart, are not complementary, so the error rate says too little. But the operator
of S is sqrt2 (ZZ + XX), and ZZ + XX is the same in every frame turned about Y: in the frame of either key setting, bit
and phase error rate add up to 1 - S / (2 sqrt2). Interval: Hoeffding, for collective attacks.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qcot.errors import QcotError
from qcot.quantum.qkd.problems import BAD_PARAMETERS
from qcot.quantum.qkd.protocols import TSIRELSON


@dataclass(frozen=True, slots=True)
class Security:
    """What a key may fail in. ``secrecy``: its distance from a perfect one (es). ``correctness``: the probability that
    the ends differ and do not see it (ec). ``max_error``: a sample above it ends the run. ``sample``: which share of
    the sifted bits is compared and thrown away; None for what leaves the longest key. Raises `qkd-parameters`.
    """

    secrecy: float = 1e-10
    correctness: float = 1e-15
    max_error: float = 0.11
    sample: float | None = None

    def __post_init__(self) -> None:
        if not (0 < self.secrecy < 1 and 0 < self.correctness < 1):
            raise QcotError(BAD_PARAMETERS, f"secrecy is {self.secrecy}, correctness {self.correctness}")
        if not 0 <= self.max_error <= 0.5:
            raise QcotError(BAD_PARAMETERS, f"the error bound is {self.max_error}")
        if self.sample is not None and not 0 < self.sample < 1:
            raise QcotError(BAD_PARAMETERS, f"the sample is {self.sample}")

    @property
    def verification_bits(self) -> int:
        """Length of the hash that both ends compare."""
        return math.ceil(-math.log2(self.correctness))

    @property
    def overhead(self) -> float:
        """log2(2 / (es^2 ec)): the verification's hash and the price of privacy amplification."""
        return 1 - 2 * math.log2(self.secrecy) - math.log2(self.correctness)


def entropy(probability: float) -> float:
    """Binary entropy h."""
    if not 0 < probability < 1:
        return 0.0
    return -probability * math.log2(probability) - (1 - probability) * math.log2(1 - probability)


def deviation(kept: int, sampled: int, secrecy: float) -> float:
    """mu = sqrt((n+k)/(nk) (k+1)/k ln(4/es)): how much worse the n kept bits may be than the k sampled ones."""
    n, k = kept, sampled
    return math.sqrt((n + k) / (n * k) * (k + 1) / k * math.log(4 / secrecy))


def bell_deviation(outcomes: Sequence[tuple[int, int]], secrecy: float) -> float:
    """By how much S may be smaller than measured, from pairs counted in each of the CHSH settings."""
    return math.sqrt(2 * _log(secrecy) * math.fsum(1 / sum(counted) for counted in outcomes))


def phase_error_of_bell(bell_low: float, kept: int, error_rate: float, secrecy: float) -> float:
    """Largest phase error rate of ``kept`` bits, ``error_rate`` of them wrong, where S is at least ``bell_low``."""
    return 1 - bell_low / TSIRELSON + math.sqrt(2 * _log(secrecy) / kept) - error_rate


def _log(secrecy: float) -> float:
    """Logarithm of 1/p, where two bounds that fail with p each fail together with (es/4)^2, as Serfling's does."""
    return math.log(2) + 2 * math.log(4 / secrecy)


def secret_bits(kept: int, phase_error: float, leaked: float, security: Security) -> int:
    """l = n (1 - h(phase error)) - leak - log2(2 / (es^2 ec)), and 0 where that is not positive."""
    if phase_error >= 0.5:
        return 0
    return max(0, math.floor(kept * (1 - entropy(max(0.0, phase_error))) - leaked - security.overhead))


def best_sample(sifted: int, error_rate: float, security: Security, efficiency: float = 1.16) -> int:
    """How many of ``sifted`` bits to sample for the longest BB84 key, were the error rate as expected.

    Where no sample leaves a key: a half.
    """
    k = np.unique(np.geomspace(1, max(1, sifted - 1), 2000).astype(np.int64))
    n = sifted - k
    mu = np.sqrt((n + k) / (n * k) * (k + 1) / k * math.log(4 / security.secrecy))
    q = np.clip(error_rate + mu, 1e-12, 0.5)
    length = n * (1 + q * np.log2(q) + (1 - q) * np.log2(1 - q)) - efficiency * n * entropy(error_rate)
    best = int(length.argmax())
    return int(k[best]) if length[best] > security.overhead else sifted // 2

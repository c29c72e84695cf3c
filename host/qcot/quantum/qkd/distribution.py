"""A whole key distribution: photons, sifting, sample, Cascade, verification, privacy amplification.

Both ends run in this process, and all random numbers come from one generator: a simulation, which `link.LABEL` says.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field, replace

import numpy as np

from qcot.errors import Problem, QcotError
from qcot.quantum.backends import require_seed
from qcot.quantum.qkd.cascade import Bits, reconcile
from qcot.quantum.qkd.keylength import (
    Security,
    bell_deviation,
    best_sample,
    deviation,
    entropy,
    phase_error_of_bell,
    secret_bits,
)
from qcot.quantum.qkd.link import LinkParameters
from qcot.quantum.qkd.photons import Sifted, coins, transmit
from qcot.quantum.qkd.problems import BELL_VALUE, ERROR_RATE, NOT_CORRECTED, TOO_SHORT
from qcot.quantum.qkd.protocols import CLASSICAL, Protocol, named_protocol
from qcot.quantum.qkd.store import KEY_SIZE_BYTES
from qcot.quantum.toeplitz import toeplitz

DEFAULT_LINK = LinkParameters()
DEFAULT_SECURITY = Security()
KEY_BITS = 8 * KEY_SIZE_BYTES
E91_SAMPLE = 0.05
"""E91's secrecy rests on S; its sample only tells Cascade what to expect, and ends bad runs."""


@dataclass(frozen=True)
class Distribution:
    """What a run gave. ``keys`` are empty where there is a ``problem``, and ``reason`` says why.

    ``sampled`` bits were compared and thrown away, ``sample_errors`` of them differed; ``kept`` went on to Cascade, in
    which ``errors`` were found and ``leaked`` parities told. ``phase_error`` is the bound that ``secret_bits`` rest on.
    ``outcomes``, ``bell`` and ``bell_low`` (S, and what it is at least) are E91's. Steps that were not reached: None.
    """

    protocol: Protocol
    link: LinkParameters
    security: Security
    seed: int | None
    sent: int
    detected: int
    sifted: int
    sampled: int = 0
    sample_errors: int = 0
    kept: int = 0
    outcomes: tuple[tuple[int, int], ...] = ()
    bell: float | None = None
    bell_low: float | None = None
    errors: int | None = None
    leaked: int = 0
    messages: int = 0
    phase_error: float | None = None
    secret_bits: int = 0
    keys: tuple[bytes, ...] = field(default=(), repr=False)
    problem: Problem | None = None
    reason: str = ""

    @property
    def qber(self) -> float | None:
        """The sample's error rate."""
        return self.sample_errors / self.sampled if self.sampled else None

    @property
    def efficiency(self) -> float | None:
        """f: parities told over those that Shannon asks for, n h(errors / n)."""
        if not self.errors:
            return None
        return self.leaked / (self.kept * entropy(self.errors / self.kept))

    def require(self) -> Distribution:
        """This run, if it gave a key; raises its problem otherwise."""
        if self.problem is not None:
            raise QcotError(self.problem, self.reason)
        return self


def distribute(
    protocol: str,
    photons: int,
    link: LinkParameters = DEFAULT_LINK,
    seed: int | None = None,
    security: Security = DEFAULT_SECURITY,
) -> Distribution:
    """Distribute keys of 32 bytes by "bb84" or "e91"; a run without a key is a result too, see Distribution.problem.

    ``seed``: the same run again. None: bits are the operating system's own, so that keys are as good as its, and all
    that is no secret comes from a generator that it seeds. Raises QcotError on what cannot be run.
    """
    chosen = named_protocol(protocol)
    if seed is not None:
        require_seed(seed)
    random = np.random.Generator(np.random.SFC64(int.from_bytes(os.urandom(32), "big") if seed is None else seed))
    sifted = transmit(chosen, photons, link, random, os.urandom if seed is None else random.bytes)
    found = Distribution(
        chosen, link, security, seed, sifted.sent, sifted.detected, len(sifted.sender), outcomes=sifted.outcomes
    )
    return _process(found, sifted, random)


def _process(found: Distribution, sifted: Sifted, random: np.random.Generator) -> Distribution:
    """From sifted bits to keys: each step adds what it found, or ends the run."""
    security = found.security
    if found.sifted < 2 or not all(map(sum, found.outcomes)):
        return _ended(found, TOO_SHORT, f"{found.sifted} sifted bits are too few to compare some and keep others")

    sampled = _sample_size(found)
    order = random.permutation(found.sifted)
    sample, kept = order[:sampled], np.sort(order[sampled:])
    wrong = int(np.count_nonzero(sifted.sender[sample] ^ sifted.receiver[sample]))
    found = replace(found, sampled=sampled, sample_errors=wrong, kept=len(kept), bell=_bell(found))
    rate = wrong / sampled
    if rate > security.max_error:
        return _ended(found, ERROR_RATE, f"{rate:.4f} of {sampled} sampled bits differ, above {security.max_error:g}")
    if found.bell is not None:
        low = found.bell - bell_deviation(found.outcomes, security.secrecy)
        found = replace(found, bell_low=low)
        if low <= CLASSICAL:
            return _ended(found, BELL_VALUE, f"S is {found.bell:.4f} and may be as low as {low:.4f}")

    sender = sifted.sender[kept]
    done = reconcile(sender, sifted.receiver[kept], rate, random)
    found = replace(found, errors=done.found, leaked=done.leaked, messages=done.messages)
    if not _verified(sender, done.bits, security.verification_bits, random):
        return _ended(found, NOT_CORRECTED, f"the hashes differ after {done.found} corrections")

    worst = _phase_error(found)
    length = secret_bits(found.kept, worst, found.leaked, security)
    found = replace(found, phase_error=worst, secret_bits=length)
    if length < KEY_BITS:
        why = (
            f"{found.sifted:,} sifted bits leave {length} secret ones, a key has {KEY_BITS}: "
            f"phases may err by {min(worst, 0.5):.4f}, {found.leaked:,} parities were told"
        )
        return _ended(found, TOO_SHORT, why)
    secret = np.packbits(_hashed(sender, length // KEY_BITS * KEY_BITS, random)).tobytes()
    keys = (secret[start : start + KEY_SIZE_BYTES] for start in range(0, len(secret), KEY_SIZE_BYTES))
    return replace(found, keys=tuple(keys))


def _ended(found: Distribution, problem: Problem, reason: str) -> Distribution:
    return replace(found, problem=problem, reason=reason)


def _sample_size(found: Distribution) -> int:
    """At least one bit, and not all. The expected error rate is that of the link without an eavesdropper."""
    share, sifted = found.security.sample, found.sifted
    if share is None and not found.outcomes:
        expected = found.protocol.error_rate(replace(found.link, eavesdropper=0.0))
        return best_sample(sifted, expected, found.security)
    return min(max(1, round(sifted * (E91_SAMPLE if share is None else share))), sifted - 1)


def _bell(found: Distribution) -> float | None:
    """S, or None for a protocol without it."""
    if not found.outcomes:
        return None
    signs = [sign for _, _, sign in found.protocol.chsh]
    return math.fsum(
        sign * (same - other) / (same + other) for sign, (same, other) in zip(signs, found.outcomes, strict=True)
    )


def _phase_error(found: Distribution) -> float:
    """What the kept bits' phase error rate is at most."""
    secrecy = found.security.secrecy
    if found.bell_low is not None:
        return phase_error_of_bell(found.bell_low, found.kept, (found.errors or 0) / found.kept, secrecy)
    return (found.qber or 0.0) + deviation(found.kept, found.sampled, secrecy)


def _hashed(bits: Bits, length: int, random: np.random.Generator) -> Bits:
    """Bits hashed by a Toeplitz matrix drawn in public."""
    return toeplitz(coins(len(bits) + length - 1, random), bits)


def _verified(sender: Bits, receiver: Bits, length: int, random: np.random.Generator) -> bool:
    """Whether both ends' hashes are the same: the hash is linear, so the difference's is their difference."""
    difference = sender ^ receiver
    return not difference.any() or not _hashed(difference, length, random).any()

"""Closed forms of what the checks of Qblocks detect, for patches of a few; `closed` has those of long chains."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product

from qcot.errors import QcotError
from qcot.quantum.backends import require_shots
from qcot.quantum.problems import BAD_ODDS
from qcot.quantum.qblock.local import Setting, checked, settings_of
from qcot.quantum.qblock.phases import Patch, phi_error, require_equal_length, require_patch, theta_error


def expected_zeros_probability(prepared: Patch, expected: Patch) -> tuple[float, float | None]:
    """Probability of a zero in each setting, (newest, middle), middle None for a single block."""
    require_patch(prepared, expected)
    passes = [1.0 - _detection(prepared, expected, setting) for setting in settings_of(prepared)]
    return passes[0], passes[1] if len(passes) > 1 else None


def check_closed_form(recorded: Patch, recomputed: Patch, shots: int = 1) -> float:
    """Probability that a state of the ``recorded`` phases passes the local check of the ``recomputed`` ones.

    To pass is to give zeros only, in ``shots`` shots of each setting. Exactly 1.0 if and only if every phase that the
    patch checks comes from the same integer: anything else is rounded down. A patch checks neither the oldest theta of
    three nor the newest t; the patches of the blocks before and after do.
    """
    require_patch(recorded, recomputed)
    require_shots(shots)
    wrong = [_detection(recorded, recomputed, setting) for setting in settings_of(recorded)]
    if not any(wrong):
        return 1.0
    passes = math.prod((1.0 - detection) ** shots for detection in wrong)
    return min(passes, math.nextafter(1.0, 0.0))


def detection_probability(delta_theta: float, delta_links: Sequence[float] = ()) -> float:
    """Probability that one shot of a block's check gives 1 when its phases are wrong by these angles.

    ``delta_theta`` is the error of the block's own phase, ``delta_links`` of its links to neighbours, which Z finds
    in 0 or 1 with probability 1/2 each: the mean of sin^2((delta_theta + sum of the links whose neighbour is 1) / 2).
    """
    terms = [
        math.sin((delta_theta + math.fsum(d for d, bit in zip(delta_links, bits, strict=True) if bit)) / 2) ** 2
        for bits in product((0, 1), repeat=len(delta_links))
    ]
    return math.fsum(terms) / len(terms)


def theta_fidelity(delta: float) -> float:
    """Fidelity of the check by inversion of the whole chain when one block's own phase is wrong by ``delta``."""
    return math.cos(delta / 2) ** 2


def link_fidelity(delta: float) -> float:
    """Fidelity of the check by inversion of the whole chain when one link's phase is wrong by ``delta``."""
    return (5 + 3 * math.cos(delta)) / 8


def inverse_fidelity(prepared: Patch, expected: Patch) -> float:
    """Probability that inverting ``expected`` on ``prepared`` gives all zeros, for any errors; linear in the blocks.

    The overlap 2^-n sum_x exp i[sum delta_theta_j x_j + sum delta_phi_j x_j x_(j+1)] by a 2 by 2 transfer matrix.
    """
    require_equal_length(prepared, expected)
    zero, one = 1 + 0j, 0j  # the sum over all x up to here whose next bit will be free, split by the last bit
    link = 0.0
    for was, wanted in zip(prepared, expected, strict=True):
        theta = theta_error(was, wanted)
        zero, one = (zero + one) / 2, (zero + one * _unit(link)) * _unit(theta) / 2
        link = phi_error(was, wanted)
    return min(abs(zero + one) ** 2, 1.0)


def shots_for(miss: float, fidelity: float) -> int:
    """Fewest shots of a check of ``fidelity`` that a wrong state passes with probability at most ``miss``."""
    if not (0 < miss < 1 and 0 <= fidelity < 1):
        raise QcotError(BAD_ODDS, f"miss is {miss!r}, fidelity is {fidelity!r}")
    return max(1, math.ceil(math.log(miss) / math.log(fidelity))) if fidelity else 1


def shots_to_detect(miss: float, detection: float) -> int:
    """Fewest shots that a wrong state passes with probability at most ``miss``, where one shows ``detection``.

    The same as :func:`shots_for` of 1 - detection, and right also where that rounds to 1.
    """
    if not (0 < miss < 1 and 0 < detection <= 1):
        raise QcotError(BAD_ODDS, f"miss is {miss!r}, a shot detects with probability {detection!r}")
    return max(1, math.ceil(math.log(miss) / math.log1p(-detection))) if detection < 1 else 1


def local_shots_for(miss: float, recorded: Patch, recomputed: Patch) -> int:
    """Fewest shots of each setting that a wrong patch passes the local check with, with probability at most ``miss``.

    Raises QcotError where the patch sees no error at all.
    """
    require_patch(recorded, recomputed)
    wrong = [_detection(recorded, recomputed, setting) for setting in settings_of(recorded)]
    return shots_to_detect(miss, either(*wrong))


def either(*detections: float) -> float:
    """Probability that at least one of independent checks detects, right also where all are tiny."""
    if max(detections, default=0.0) >= 1:
        return 1.0
    return -math.expm1(math.fsum(math.log1p(-each) for each in detections))


def mean_miss(shots: int) -> float:
    """Probability that a block with a random phase passes ``shots`` shots: the mean of cos^(2 s)(delta / 2).

    It is C(2s, s) / 4^s, just below 1 / sqrt(pi s): one qubit cannot authenticate 256 bits.
    """
    if shots < 1:
        require_shots(shots)
    if shots <= _COMB_SHOTS:
        return math.comb(2 * shots, shots) / (1 << 2 * shots)
    return (1 - 1 / (8 * shots) + 1 / (128 * shots * shots)) / math.sqrt(math.pi * shots)


def shots_for_mean_miss(miss: float) -> int:
    """Shots after which a block with a random phase is missed with probability at most ``miss``: 1 / (pi miss^2)."""
    if not 0 < miss < 1:
        raise QcotError(BAD_ODDS, f"miss is {miss!r}")
    return math.ceil(1 / (math.pi * miss * miss))


def mean_tail_fidelity(blocks: int) -> float:
    """Mean fidelity of the check by inversion when the last ``blocks`` blocks have random phases: 2^-blocks."""
    return 2.0**-blocks


_COMB_SHOTS = 1000
"""Up to here the binomial itself; beyond, Stirling's series, whose error is below 5 / (1024 s^3)."""


def _detection(prepared: Patch, expected: Patch, setting: Setting) -> float:
    at, neighbours = checked(len(prepared), setting)
    links = [phi_error(prepared[min(i, at)], expected[min(i, at)]) for i in neighbours]
    return detection_probability(theta_error(prepared[at], expected[at]), links)


def _unit(angle: float) -> complex:
    return complex(math.cos(angle), math.sin(angle))

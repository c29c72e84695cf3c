"""Photons by the million: what both ends see, drawn from the joint distribution that circuits.py builds as circuits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qcot.errors import QcotError
from qcot.quantum.qkd.link import LinkParameters
from qcot.quantum.qkd.problems import BAD_PHOTONS
from qcot.quantum.qkd.protocols import EVE_ANGLES, Protocol

MAX_PHOTONS = 50_000_000
"""Of one run: privacy amplification holds all its bits at once, some GB of memory."""

Bits = NDArray[np.uint8]
CHUNK = 1 << 17
"""Photons at a time: what they need stays in the processor's cache."""


@dataclass(frozen=True, slots=True)
class Sifted:
    """What is left when both ends have told their settings and dropped what does not fit.

    ``outcomes``: how often outcomes were equal and different, for each of the protocol's CHSH pairs of settings.
    """

    sent: int
    detected: int
    sender: Bits
    receiver: Bits
    outcomes: tuple[tuple[int, int], ...] = ()


def transmit(
    protocol: Protocol, photons: int, link: LinkParameters, random: np.random.Generator, secret: Callable[[int], bytes]
) -> Sifted:
    """Send ``photons`` (E91: pairs) and sift; raises `qkd-photons`. Probabilities are rounded to 2^-32.

    ``secret`` gives as many random bytes as it is asked for: the sender's bits. All else is drawn by ``random``.

    Settings and bits of photons that nobody saw are not drawn: nothing depends on them.
    """
    if type(photons) is not int or not 1 <= photons <= MAX_PHOTONS:
        raise QcotError(BAD_PHOTONS, f"photons are {photons!r}")
    shape = (len(protocol.sender), len(protocol.receiver))
    role = np.zeros(shape, np.uint8)  # 0: dropped, 1: key, 2 and more: CHSH
    for one, other in protocol.key:
        role[one, other] = 1
    for place, (one, other, _) in enumerate(protocol.chsh, 2):
        role[one, other] = place
    roles = role.ravel()
    differ = _threshold(protocol.differ(link)).ravel()
    touched = len(EVE_ANGLES) + 2

    detected, kept, errors = 0, [], []
    outcomes = np.zeros((2, len(protocol.chsh) + 2), np.int64)
    for start in range(0, photons, CHUNK):
        clicks = _clicks(min(CHUNK, photons - start), protocol.ends, link, random)
        detected += len(clicks)
        sender = _settings(len(clicks), shape[0], random)
        receiver = _settings(len(clicks), shape[1], random)
        used = roles[sender * np.uint8(shape[1]) + receiver]
        chosen = used.nonzero()[0]
        used = used[chosen]
        touch = _touch(clicks[chosen], link, random)
        row = (sender[chosen] * np.uint8(touched) + touch) * np.uint8(shape[1]) + receiver[chosen]
        different = _words(len(row), random) < differ[row]
        key = used == 1
        errors.append(different[key].view(np.uint8))
        kept.append(_bits(len(errors[-1]), secret))
        if protocol.chsh:
            outcomes += np.bincount(
                different.view(np.uint8) * np.uint8(outcomes.shape[1]) + used, minlength=outcomes.size
            ).reshape(outcomes.shape)
    bits = np.concatenate(kept)
    pairs = tuple((int(same), int(other)) for same, other in outcomes[:, 2:].T)
    return Sifted(photons, detected, bits, bits ^ np.concatenate(errors), pairs)


def _threshold(probability: NDArray[np.float64]) -> NDArray[np.uint32]:
    """What a random word is less than with this probability."""
    return np.minimum(np.rint(probability * 2.0**32), 2.0**32 - 1).astype(np.uint32)


def _words(count: int, random: np.random.Generator) -> NDArray[np.uint32]:
    return random.integers(0, 1 << 32, count, np.uint32)


def coins(count: int, random: np.random.Generator) -> Bits:
    """Fair bits, one a byte."""
    return _bits(count, random.bytes)


def _bits(count: int, octets: Callable[[int], bytes]) -> Bits:
    return np.unpackbits(np.frombuffer(octets(-(-count // 8)), np.uint8), count=count)


def _settings(count: int, among: int, random: np.random.Generator) -> Bits:
    return coins(count, random) if among == 2 else random.integers(0, among, count, np.uint8)


def _clicks(count: int, ends: int, link: LinkParameters, random: np.random.Generator) -> NDArray[np.bool_]:
    """For each gate in which all ends clicked: whether a dark count had a part in it."""
    clean, click = _threshold(np.array([link.clean(ends), link.click(ends)]))
    words = [_words(count, random) for _ in range(ends)]
    seen = words[0] < click
    for word in words[1:]:
        seen &= word < click
    place = seen.nonzero()[0]
    dark: NDArray[np.bool_] = words[0][place] >= clean
    for word in words[1:]:
        dark |= word[place] >= clean
    return dark


def _touch(dark: NDArray[np.bool_], link: LinkParameters, random: np.random.Generator) -> Bits:
    """Who touched each photon: the second index of Protocol.differ."""
    if link.eavesdropper:
        eve = _words(len(dark), random) < _threshold(np.array([link.eavesdropper]))
        touch = eve * (_settings(len(dark), len(EVE_ANGLES), random) + np.uint8(1))
    else:
        touch = np.zeros(len(dark), np.uint8)
    touch[dark] = len(EVE_ANGLES) + 1
    return touch

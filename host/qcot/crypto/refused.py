"""Families that cannot be chosen: broken, dropped, replaced, or never safe from a quantum computer. Why, for each."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from qcot.crypto.problems import ALGORITHM_REFUSED, ALGORITHM_UNKNOWN
from qcot.errors import QcotError


class Fate(StrEnum):
    """What became of a family."""

    BROKEN = "broken"
    DROPPED = "dropped"
    REPLACED = "replaced"
    CLASSICAL = "classical"


@dataclass(frozen=True)
class Refused:
    """A family, how its names are written (from their beginning, upper or lower case), and why it is refused."""

    family: str
    pattern: str
    fate: Fate
    year: int
    reason: str


BROKEN = (
    Refused("Rainbow", r"rainbow", Fate.BROKEN, 2022,
            "Beullens finds a key of its first parameter set in a weekend on a laptop"),
    Refused("GeMSS", r"(blue|red|white|cyan|magenta)?gemss", Fate.BROKEN, 2021,
            "Tao, Petzoldt and Ding find keys of all HFEv- signatures, far below the claimed strength"),
    Refused("SIKE", r"si(ke|dh)", Fate.BROKEN, 2022,
            "Castryck and Decru find a key of its first parameter set in about an hour on one core"),
    Refused("SPHINCS+-Haraka", r"sphincs\W*haraka", Fate.DROPPED, 2023,
            "FIPS 205 keeps SHA-2 and SHAKE only; Haraka is no approved hash"),
    Refused("SPHINCS+ robust", r"sphincs.*robust", Fate.DROPPED, 2023, "FIPS 205 keeps the simple construction only"),
    Refused("Dilithium-AES", r"dilithium\W?\d?\W*aes", Fate.DROPPED, 2023, "FIPS 204 expands with SHAKE only"),
    Refused("Kyber-90s", r"kyber\W?\d*\W*90s", Fate.DROPPED, 2023, "FIPS 203 expands with SHAKE only"),
    Refused("Picnic", r"picnic", Fate.DROPPED, 2022, "not selected by NIST: larger and younger than SPHINCS+"),
    Refused("BIKE", r"bike", Fate.DROPPED, 2025, "NIST selected HQC instead, whose decoding failures are better known"),
    Refused("SPHINCS+", r"sphincs", Fate.REPLACED, 2024, "the round-3 scheme; SLH-DSA (FIPS 205) signs other bytes"),
    Refused("Dilithium", r"dilithium", Fate.REPLACED, 2024, "the round-3 scheme; ML-DSA (FIPS 204) signs other bytes"),
    Refused("Kyber", r"kyber", Fate.REPLACED, 2024, "the round-3 scheme; ML-KEM (FIPS 203) derives other secrets"),
    Refused("RSA, finite fields", r"(rsa|dsa|dh|dhe)(\W|\d|$)", Fate.CLASSICAL, 1994,
            "Shor's algorithm finds the key on a large enough quantum computer"),
    Refused("elliptic curves", r"(ecdsa|ecdh|eddsa|ed25519|ed448|x25519|x448|secp|p-?(256|384|521))", Fate.CLASSICAL,
            1994, "Shor's algorithm finds the key on a large enough quantum computer"),
)  # fmt: skip
"""The first whose pattern fits is the one: narrower names stand before wider ones."""


def fallen(name: str) -> Refused | None:
    """Return why ``name`` cannot be chosen, or None."""
    return next((each for each in BROKEN if re.match(each.pattern, name[:64], re.IGNORECASE)), None)


def refuse(name: str, known: str) -> QcotError:
    """Return what to raise for a ``name`` in no table: `algorithm-refused` with the reason, or `algorithm-unknown`."""
    why = fallen(name)
    if why is None:
        return QcotError(ALGORITHM_UNKNOWN, f"no {known} is called {name[:64]!r}")
    return QcotError(ALGORITHM_REFUSED, f"{name[:64]!r} ({why.family}): {why.fate} ({why.year}): {why.reason}")

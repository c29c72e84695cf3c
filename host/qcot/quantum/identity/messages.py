"""What the two ends tell each other over their authenticated classical channel, in the order they do."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Literal, TypeAlias

from qcot.quantum.identity.parameters import Parameters

Basis: TypeAlias = Literal["Z", "X"]
BASES: tuple[Basis, ...] = ("Z", "X")
Symbol: TypeAlias = int
"""Two bits of the tag as a number 0 to 3: the Pauli I, Z, X or XZ, and the Bell state that it makes of Phi+."""


@dataclass(frozen=True, slots=True)
class Challenge:
    """Step 1, verifier to prover, with one half of each pair: which key, and what the tag is about."""

    key_id: uuid.UUID
    nonce: bytes
    record_hash: bytes
    parameters: Parameters


@dataclass(frozen=True, slots=True)
class Choice:
    """Step 2, for the prover's own apparatus: which halves (from 0, ascending) to measure in which basis."""

    positions: tuple[int, ...]
    bases: tuple[Basis, ...]


@dataclass(frozen=True, slots=True)
class Announcement:
    """Step 2, prover to verifier: the choice, and what was found."""

    positions: tuple[int, ...]
    bases: tuple[Basis, ...]
    results: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class CheckReport:
    """Step 2, verifier to prover: how many results differ, and whether the protocol goes on."""

    errors: int
    passed: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """Step 4, verifier to prover: how many pairs came back in another Bell state than the key asks for."""

    mismatches: int
    accepted: bool

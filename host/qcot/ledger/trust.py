"""Whose signatures count."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from qcot.crypto.signing import PublicKey
from qcot.ledger.checkpoint import VerifierKey


@dataclass(frozen=True, slots=True)
class Trust:
    """The keys of bridges by name, and the log's verifier key."""

    bridges: Mapping[str, PublicKey]
    gateway: VerifierKey

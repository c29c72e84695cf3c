"""What can be said of one message before the ledger is asked: pure functions, no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from qcot.crypto.signing import PublicKey
from qcot.errors import Problem, QcotError
from qcot.gateway.problems import OVERSIZE, UNKNOWN_BRIDGE, WRONG_BRIDGE
from qcot.ledger import transactions
from qcot.ledger.transactions import Transaction
from qcot.mqtt import MAX_PAYLOAD

UNKNOWN_SEQUENCE = 0
"""Stands in a receipt for a sequence that could not be read."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """Not a transaction of the bridge whose topic it came by; ``hash`` is that of the bytes."""

    hash: bytes
    sequence: int
    problem: Problem
    reason: str


def examine(payload: bytes, *, bridge: str, bridges: Mapping[str, PublicKey]) -> Transaction | Rejected:
    """Return the transaction in ``payload`` if ``bridge``, whose topic it came by, signed it as its own."""
    digest = sha256(payload).digest()
    if len(payload) > MAX_PAYLOAD:
        return Rejected(digest, UNKNOWN_SEQUENCE, OVERSIZE, f"{len(payload)} bytes, at most {MAX_PAYLOAD} are taken")
    key = bridges.get(bridge)
    if key is None:
        return Rejected(digest, UNKNOWN_SEQUENCE, UNKNOWN_BRIDGE, f"this gateway has no key of bridge {bridge}")
    sequence = UNKNOWN_SEQUENCE
    try:
        transaction = transactions.parse(payload)
        sequence = transaction.sequence
        transaction.verify(key)
    except QcotError as error:
        return Rejected(digest, sequence, error.problem, error.reason)
    if transaction.bridge != bridge:
        return Rejected(digest, sequence, WRONG_BRIDGE, f"it names bridge {transaction.bridge}, its topic {bridge}")
    return transaction

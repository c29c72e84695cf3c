"""What can be said of one message before the ledger is asked: pure functions, no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from qcot.channel import handshake, message
from qcot.channel.opener import Opener
from qcot.channel.problems import OFF
from qcot.crypto.signing import PublicKey
from qcot.errors import Problem, QcotError
from qcot.gateway.problems import OVERSIZE, UNKNOWN_BRIDGE, WRONG_BRIDGE
from qcot.ledger import transactions
from qcot.ledger.receipts import Status
from qcot.ledger.transactions import Transaction
from qcot.mqtt import MAX_PAYLOAD

UNKNOWN_SEQUENCE = 0
"""Stands in a receipt for a sequence that could not be read."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """Not a transaction of the bridge whose topic it came by; ``hash`` is that of the bytes.

    ``status`` is LATER where the gateway may be given the right key and then take it: its sequence is not used up, so a
    bridge that put it aside could never go on.
    """

    hash: bytes
    sequence: int
    status: Status
    problem: Problem
    reason: str


def examine(
    payload: bytes, *, bridge: str, bridges: Mapping[str, PublicKey], opener: Opener | None = None
) -> Transaction | Rejected | None:
    """Return the transaction in ``payload`` if ``bridge``, whose topic it came by, signed it as its own.

    With an ``opener`` only if that bridge sealed it, too; without one only if it is not sealed. None where it was the
    opening of an epoch, and was taken: there is nothing to answer.
    """
    digest = sha256(payload).digest()
    if len(payload) > MAX_PAYLOAD:
        return Rejected(
            digest, UNKNOWN_SEQUENCE, Status.REFUSED, OVERSIZE, f"{len(payload)} bytes, at most {MAX_PAYLOAD} are taken"
        )
    key = bridges.get(bridge)
    if key is None:
        return Rejected(
            digest, UNKNOWN_SEQUENCE, Status.LATER, UNKNOWN_BRIDGE, f"this gateway has no key of bridge {bridge}"
        )
    try:
        plain = _unsealed(payload, bridge, opener)
    except QcotError as error:
        # Whoever is on the broker can send such a thing: it uses up nothing, and nothing is put aside for it.
        return Rejected(digest, UNKNOWN_SEQUENCE, Status.LATER, error.problem, error.reason)
    return None if plain is None else _signed(plain, bridge, key)


def _signed(payload: bytes, bridge: str, key: PublicKey) -> Transaction | Rejected:
    digest = sha256(payload).digest()
    try:
        transaction = transactions.parse(payload)
    except QcotError as error:
        return Rejected(digest, UNKNOWN_SEQUENCE, Status.REFUSED, error.problem, error.reason)
    try:
        transaction.verify(key)
    except QcotError as error:
        return Rejected(digest, transaction.sequence, Status.LATER, error.problem, error.reason)
    if transaction.bridge != bridge:
        reason = f"it names bridge {transaction.bridge}, its topic {bridge}"
        return Rejected(digest, transaction.sequence, Status.LATER, WRONG_BRIDGE, reason)
    return transaction


def _unsealed(payload: bytes, bridge: str, opener: Opener | None) -> bytes | None:
    if opener is not None:
        return opener.open(bridge, payload)
    if message.is_sealed(payload) or handshake.is_opening(payload):
        raise QcotError(OFF, "the channel is off at this gateway: nothing sealed can be opened")
    return payload

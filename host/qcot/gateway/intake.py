"""What can be said of one message before it is judged by the ledger's rules: no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from qcot.channel import handshake, message
from qcot.channel.opener import Opener
from qcot.channel.problems import OFF
from qcot.errors import Problem, QcotError
from qcot.gateway.identities import Identities
from qcot.gateway.problems import OVERSIZE, WRONG_BRIDGE
from qcot.ledger import transactions
from qcot.ledger.problems import LIMIT
from qcot.ledger.receipts import Status
from qcot.ledger.transactions import Transaction
from qcot.mqtt import MAX_PAYLOAD

UNKNOWN_SEQUENCE = 0
"""Stands in a receipt for a sequence that could not be read, or that nobody known has signed."""
MAX_INTRODUCTION = 64 * 1024
"""Bytes of a transaction that brings its signer's certificates; of who is not known, no more is read."""


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
    payload: bytes, *, bridge: str, identities: Identities, opener: Opener | None = None
) -> Transaction | Rejected | None:
    """Return the transaction in ``payload`` if ``bridge``, whose topic it came by, signed it as its own.

    With an ``opener`` only if that bridge sealed it, too; without one only if it is not sealed. None where it was the
    opening of an epoch, and was taken: there is nothing to answer.
    """
    if len(payload) > MAX_PAYLOAD:
        error = QcotError(OVERSIZE, f"{len(payload)} bytes, at most {MAX_PAYLOAD} are taken")
        return _rejected(payload, error, Status.REFUSED)
    try:
        plain = _unsealed(payload, bridge, opener)
    except QcotError as error:
        # Whoever is on the broker can send such a thing: it uses up nothing, and nothing is put aside for it.
        return _rejected(payload, error)
    return None if plain is None else _signed(plain, bridge, identities)


def _rejected(payload: bytes, error: QcotError, status: Status = Status.LATER) -> Rejected:
    return Rejected(sha256(payload).digest(), UNKNOWN_SEQUENCE, status, error.problem, error.reason)


def _signed(payload: bytes, bridge: str, identities: Identities) -> Transaction | Rejected:
    """Outside first, then whose key it is, then the signature; the content of what a stranger sent is not read."""
    transaction = None
    try:
        signed = transactions.envelope(payload)
    except QcotError as error:
        return _rejected(payload, error, Status.REFUSED)
    try:
        try:
            key = identities.key(bridge, signed.kid)
        except QcotError:
            if len(payload) > MAX_INTRODUCTION:
                raise
            if not identities.may_look():
                raise QcotError(LIMIT, "too much came of late from who is not known") from None
            transaction = transactions.read(payload, signed)
            key = identities.key(bridge, signed.kid, transaction.statements)
        signed.verify(key)
    except QcotError as error:
        return _rejected(payload, error)
    try:
        transaction = transaction or transactions.read(payload, signed)
    except QcotError as error:
        return _rejected(payload, error, Status.REFUSED)
    if transaction.bridge != bridge:
        reason = f"it names bridge {transaction.bridge}, its topic {bridge}"
        return Rejected(transaction.hash, transaction.sequence, Status.LATER, WRONG_BRIDGE, reason)
    if statements := transaction.statements:
        identities.brought(bridge, statements)
    return transaction


def _unsealed(payload: bytes, bridge: str, opener: Opener | None) -> bytes | None:
    if opener is not None:
        return opener.open(bridge, payload)
    if message.is_sealed(payload) or handshake.is_opening(payload):
        raise QcotError(OFF, "the channel is off at this gateway: nothing sealed can be opened")
    return payload

"""A record on its way to one recipient: the sealed payload, and its data key wrapped to the recipient's ML-KEM key."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from qcot.crypto import hpke
from qcot.custody.identities import Pseudonym
from qcot.custody.problems import NOT_SEALED_TO_YOU
from qcot.errors import QcotError
from qcot.records import sealing, statements
from qcot.records.batch import Batch, HandedOut, Item
from qcot.records.problems import BAD_RECORD, PAYLOAD_DIFFERS
from qcot.records.statements import Publish

_INFO = b"qcot/record/key/v1"


def key_info(record: bytes, kid: bytes) -> bytes:
    """What a wrapped data key is for: a record, and the pseudonym that it is wrapped to."""
    return _INFO + record + kid


@dataclass(frozen=True, slots=True)
class Opened:
    """A record's items, and the statement that published it, which each of them is proved by."""

    statement: bytes
    items: tuple[Item, ...] = field(repr=False)
    batch: Batch = field(repr=False)

    def item(self, index: int) -> HandedOut:
        """One item with its proof: it can be given on without the others."""
        return HandedOut(self.statement, index, self.items[index], self.batch.path(index))


@dataclass(frozen=True, slots=True)
class Handed:
    """What the custodian gives for an access; only ``reader`` of :meth:`open` can make sense of it."""

    statement: bytes
    wrapped: bytes = field(repr=False)
    payload: bytes = field(repr=False)

    def open(self, reader: Pseudonym) -> Opened:
        """Unwrap the key, open the payload, and check every item against what was published.

        Raises `not-sealed-to-you`, `payload-differs`, or `bad-signature` for a forged statement.
        """
        statement = statements.parse(self.statement)
        body = statement.body
        if not isinstance(body, Publish):
            raise QcotError(BAD_RECORD, "the statement publishes no record")
        statement.signed.verify(body.key)
        if hashlib.sha256(self.payload).digest() != body.digest:
            raise QcotError(PAYLOAD_DIFFERS, f"sealed payload of {body.record.hex()} is not the one that was published")
        try:
            key = hpke.open_(reader.kem, self.wrapped, key_info(body.record, reader.kid))
        except QcotError as error:
            raise QcotError(NOT_SEALED_TO_YOU, error.reason) from error
        items, batch = sealing.open_(body.record, key, self.payload, root=body.root, count=body.count)
        return Opened(self.statement, tuple(items), batch)

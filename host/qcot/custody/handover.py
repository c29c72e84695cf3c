"""A record on its way to one recipient: the sealed payload, and its data key wrapped to the recipient's ML-KEM key."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from qcot.crypto import cbor, hpke
from qcot.custody.identities import Pseudonym, PublicIdentity
from qcot.custody.problems import BAD_HANDOVER, NOT_SEALED_TO_YOU
from qcot.errors import QcotError
from qcot.records import sealing, statements
from qcot.records.batch import Batch, HandedOut, Item
from qcot.records.problems import BAD_RECORD, PAYLOAD_DIFFERS
from qcot.records.sealing import MAX_PAYLOAD
from qcot.records.statements import Access, Publish

ASKED_FORMAT, HANDED_FORMAT = "qcot-access/v1", "qcot-handed/v1"
MAX_ASKED = 32 << 10
MAX_HANDED = MAX_PAYLOAD + (64 << 10)
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

    @property
    def record(self) -> bytes:
        """Its id."""
        body = statements.parse(self.statement).body
        assert isinstance(body, Publish)  # Handed.open() takes no other
        return body.record

    def item(self, index: int) -> HandedOut:
        """One item with its proof: it can be given on without the others."""
        return HandedOut(self.statement, index, self.items[index], self.batch.path(index))


@dataclass(frozen=True, slots=True)
class Asked:
    """An access statement that is carried to the home that keeps the record, and who is to get it."""

    access: bytes
    reader: PublicIdentity

    def encode(self) -> bytes:
        """The bytes of a .qcot-access file."""
        return cbor.encode([ASKED_FORMAT, self.access, self.reader.encode()])

    @classmethod
    def parse(cls, data: bytes) -> Asked:
        """Read a .qcot-access file; raises `bad-handover`, `bad-identity-file` or what a statement raises."""
        match _decoded(data, MAX_ASKED):
            case [str(form), bytes(access), bytes(reader)] if form == ASKED_FORMAT:
                asked = cls(access, PublicIdentity.parse(reader))
            case _:
                raise QcotError(BAD_HANDOVER, f"not {ASKED_FORMAT}")
        statement = statements.parse(access)
        statement.signed.verify(asked.reader.key)
        if not isinstance(statement.body, Access):
            raise QcotError(BAD_HANDOVER, "its statement is no access")
        return asked


@dataclass(frozen=True, slots=True)
class Handed:
    """What the custodian gives for an access: only the pseudonym ``reader`` (its key id) can make sense of it."""

    reader: bytes
    statement: bytes
    wrapped: bytes = field(repr=False)
    payload: bytes = field(repr=False)

    def encode(self) -> bytes:
        """The bytes of a .qcot-handed file."""
        return cbor.encode([HANDED_FORMAT, self.reader, self.statement, self.wrapped, self.payload])

    @classmethod
    def parse(cls, data: bytes) -> Handed:
        """Read a .qcot-handed file; raises `bad-handover`. Nothing is verified yet."""
        match _decoded(data, MAX_HANDED):
            case [str(form), bytes(reader), bytes(statement), bytes(wrapped), bytes(payload)] if form == HANDED_FORMAT:
                return cls(reader, statement, wrapped, payload)
        raise QcotError(BAD_HANDOVER, f"not {HANDED_FORMAT}")

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


def _decoded(data: bytes, at_most: int) -> object:
    try:
        return cbor.decode(data, max_bytes=at_most)
    except QcotError as error:
        raise QcotError(BAD_HANDOVER, error.reason) from error

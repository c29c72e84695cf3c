"""Which statement about a record may follow which: owners, consents and accesses, without I/O.

The gateway, whoever verifies a ledger, and the custodian of the payloads judge by the same book. What holds in it:

- only the newest key of the pseudonym that published a record shares, withdraws and erases it, in the order in which
  it signed: an old consent that somebody kept cannot come after its withdrawal;
- every access was made under a consent that stood when it was taken, or by the owner, and no access stands twice;
- an erased record takes no further statement.

Nothing is judged by a block's time but that no statement is dated ahead of it: a book is the same whether its
statements are taken one by one or replayed under the Qblock that closed them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import NoReturn

from qcot.crypto.signing import PublicKey
from qcot.errors import QcotError
from qcot.records import statements
from qcot.records.problems import (
    ACCESS_REPEATED,
    CONSENT_EXPIRED,
    CONSENT_MISSING,
    PSEUDONYM_ROTATED,
    PSEUDONYM_TAKEN,
    PSEUDONYM_UNKNOWN,
    PURPOSE_DIFFERS,
    RECORD_ERASED,
    RECORD_NOT_YOURS,
    RECORD_OUT_OF_TURN,
    RECORD_REPEATED,
    RECORD_UNKNOWN,
    STATEMENT_AHEAD,
)
from qcot.records.shelf import Shelf
from qcot.records.statements import Access, Body, Consent, Erase, Publish, Rotate, Statement, Withdraw

MAX_AHEAD_MS = 5 * 60_000


@dataclass(frozen=True, slots=True)
class Pseudonym:
    """A key that has been named. ``line`` is the key id that its rotations began with: it stays when keys change."""

    key: PublicKey
    line: bytes
    kem: bytes | None  # SHA-256 of its ML-KEM key, where the pseudonym itself has said so
    retired: bool = False


@dataclass(frozen=True, slots=True)
class Leave:
    """What a recipient may do with a record: open it for ``purpose`` until ``until`` (ms, None for no end)."""

    purpose: str
    until: int | None
    kem: bytes


@dataclass(frozen=True, slots=True)
class Record:
    """A record as the ledger knows it. ``consents`` are by the recipient's line; ``number`` is the owner's last."""

    id: bytes
    owner: bytes  # line
    kem: bytes
    root: bytes
    count: int
    digest: bytes
    media_type: str
    published: int  # ms, as its owner says
    consents: Mapping[bytes, Leave] = field(default_factory=dict)
    number: int = 0
    erased: bool = False
    last: bytes = b""  # hash of the newest statement about it


@dataclass(frozen=True, slots=True)
class Event:
    """A statement that was taken; ``previous`` is the hash of the one before it about the same record."""

    statement: bytes
    kid: bytes
    time: int
    body: Body
    previous: bytes


@dataclass(frozen=True)
class RecordBook:
    """Everything that a ledger's statements say about records. Never changed: :meth:`apply` gives another."""

    records: Shelf[Record] = field(default_factory=Shelf)
    pseudonyms: Shelf[Pseudonym] = field(default_factory=Shelf)
    events: Shelf[Event] = field(default_factory=Shelf)

    def apply(self, raw: bytes, time_ms: int, check: bool = True) -> RecordBook:
        """The book with one more statement, taken at ``time_ms``.

        ``check=False`` replays what was judged before it was stored: no signature and no clock is looked at. Raises
        QcotError: `bad-cbor`, `bad-cose`, `bad-key` or `bad-record` for its form, `bad-signature`, or a rule's name.
        """
        statement = statements.parse(raw)
        signer = self._signer(statement)
        if check:
            if statement.time > time_ms + MAX_AHEAD_MS:
                raise QcotError(STATEMENT_AHEAD, f"dated {statement.time - time_ms:,} ms ahead of the ledger's time")
            statement.signed.verify(signer.key)
            if isinstance(statement.body, Rotate):
                statements.check_proof(statement.body, statement.kid)
        return _HANDLERS[type(statement.body)](self, statement, signer)

    def record(self, record_id: bytes) -> Record:
        """The record ``record_id``, erased or not; raises `record-unknown`."""
        found = self.records.get(record_id)
        if found is None:
            raise QcotError(RECORD_UNKNOWN, f"no record {record_id.hex()} on this ledger")
        return found

    def may_open(self, record_id: bytes, kid: bytes, time_ms: int) -> Leave | None:
        """The consent under which pseudonym ``kid`` may open the record at ``time_ms``; None for its owner.

        Raises QcotError named by what stands against it.
        """
        record = self._living(record_id)
        signer = self._current(kid)
        if signer.line == record.owner:
            return None
        leave = record.consents.get(signer.line)
        if leave is None:
            raise QcotError(CONSENT_MISSING, f"record {record_id.hex()} is not shared with {kid.hex()}")
        if leave.until is not None and time_ms > leave.until:
            raise QcotError(CONSENT_EXPIRED, f"consent for {kid.hex()} ended {time_ms - leave.until:,} ms before")
        return leave

    def kem_of(self, record_id: bytes, kid: bytes) -> bytes:
        """SHA-256 of the ML-KEM key that ``kid`` is to get the record's data key under; raises `consent-missing`."""
        record, signer = self.record(record_id), self._current(kid)
        if signer.kem is not None:  # said by itself, so newer than what a consent said of it
            return signer.kem
        leave = record.consents.get(signer.line)
        if leave is None:
            raise QcotError(CONSENT_MISSING, f"record {record_id.hex()} is not shared with {kid.hex()}")
        return leave.kem

    def is_owner(self, record_id: bytes, kid: bytes) -> bool:
        """Whether ``kid`` is the newest key of the record's owner."""
        known = self.pseudonyms.get(kid)
        return known is not None and not known.retired and known.line == self.record(record_id).owner

    def log(self, record_id: bytes) -> list[Event]:
        """All statements about a record, oldest first: who published, shared, opened, withdrew, erased."""
        events, at = [], self.record(record_id).last
        while at:
            event = self.events[at]
            events.append(event)
            at = event.previous
        return events[::-1]

    def _signer(self, statement: Statement) -> Pseudonym:
        known = self.pseudonyms.get(statement.kid)
        if isinstance(statement.body, Publish) and known is None:
            return Pseudonym(statement.body.key, statement.kid, statement.body.kem)
        return self._current(statement.kid)

    def _current(self, kid: bytes) -> Pseudonym:
        known = self.pseudonyms.get(kid)
        if known is None:
            raise QcotError(PSEUDONYM_UNKNOWN, f"nothing on this ledger names the key {kid.hex()}")
        if known.retired:
            raise QcotError(PSEUDONYM_ROTATED, f"key {kid.hex()} was followed by another")
        return known

    def _living(self, record_id: bytes) -> Record:
        record = self.record(record_id)
        if record.erased:
            raise QcotError(RECORD_ERASED, f"record {record_id.hex()} was erased")
        return record

    def _owned(self, statement: Statement, body: Consent | Withdraw | Erase, signer: Pseudonym) -> Record:
        """The record, if its owner signed and this is the owner's next statement about it."""
        record = self._living(body.record)
        if signer.line != record.owner:
            raise QcotError(RECORD_NOT_YOURS, f"{statement.kid.hex()} does not own record {body.record.hex()}")
        if body.number != record.number + 1:
            wanted = record.number + 1
            raise QcotError(RECORD_OUT_OF_TURN, f"its owner's statement {body.number}, wanted is {wanted}")
        return replace(record, number=body.number)

    def _with(self, statement: Statement, record: Record) -> RecordBook:
        event = Event(statement.hash, statement.kid, statement.time, statement.body, record.last)
        return replace(
            self,
            records=self.records.put(record.id, replace(record, last=statement.hash)),
            events=self.events.put(statement.hash, event),
        )

    def _knowing(self, kid: bytes, pseudonym: Pseudonym) -> RecordBook:
        return replace(self, pseudonyms=self.pseudonyms.put(kid, pseudonym))


def _publish(book: RecordBook, statement: Statement, signer: Pseudonym) -> RecordBook:
    body = statement.body
    assert isinstance(body, Publish)
    if body.record in book.records:
        raise QcotError(RECORD_REPEATED, f"record {body.record.hex()} is on this ledger already")
    if signer.key != body.key or signer.kem not in (None, body.kem):
        _taken(statement.kid)
    record = Record(
        body.record, signer.line, body.kem, body.root, body.count, body.digest, body.media_type, statement.time
    )
    return book._knowing(statement.kid, replace(signer, kem=body.kem))._with(statement, record)


def _consent(book: RecordBook, statement: Statement, signer: Pseudonym) -> RecordBook:
    body = statement.body
    assert isinstance(body, Consent)
    record = book._owned(statement, body, signer)
    kid = body.key.kid
    if kid in book.pseudonyms:
        recipient = book._current(kid)
        if recipient.key != body.key:
            _taken(kid)
    else:
        recipient = Pseudonym(body.key, kid, None)
        book = book._knowing(kid, recipient)
    leave = Leave(body.purpose, body.until, body.kem)
    return book._with(statement, replace(record, consents={**record.consents, recipient.line: leave}))


def _withdraw(book: RecordBook, statement: Statement, signer: Pseudonym) -> RecordBook:
    body = statement.body
    assert isinstance(body, Withdraw)
    record = book._owned(statement, body, signer)
    known = book.pseudonyms.get(body.recipient)
    if known is None or known.line not in record.consents:
        raise QcotError(CONSENT_MISSING, f"record {record.id.hex()} is not shared with {body.recipient.hex()}")
    left = {line: leave for line, leave in record.consents.items() if line != known.line}
    return book._with(statement, replace(record, consents=left))


def _access(book: RecordBook, statement: Statement, signer: Pseudonym) -> RecordBook:
    body = statement.body
    assert isinstance(body, Access)
    if statement.hash in book.events:
        raise QcotError(ACCESS_REPEATED, f"access {statement.hash.hex()[:16]} is on this ledger already")
    leave = book.may_open(body.record, statement.kid, statement.time)
    if leave is not None and leave.purpose != body.purpose:
        raise QcotError(PURPOSE_DIFFERS, f"for {body.purpose!r}, its owner agreed to {leave.purpose!r}")
    return book._with(statement, book.record(body.record))


def _erase(book: RecordBook, statement: Statement, signer: Pseudonym) -> RecordBook:
    body = statement.body
    assert isinstance(body, Erase)
    record = book._owned(statement, body, signer)
    return book._with(statement, replace(record, consents={}, erased=True))


def _rotate(book: RecordBook, statement: Statement, signer: Pseudonym) -> RecordBook:
    body = statement.body
    assert isinstance(body, Rotate)
    if body.key.kid in book.pseudonyms:
        _taken(body.key.kid)
    retired = book._knowing(statement.kid, replace(signer, retired=True))
    return retired._knowing(body.key.kid, Pseudonym(body.key, signer.line, body.kem))


def _taken(kid: bytes) -> NoReturn:
    raise QcotError(PSEUDONYM_TAKEN, f"{kid.hex()} is another pseudonym, or has another ML-KEM key, on this ledger")


_HANDLERS: dict[type[Body], Callable[[RecordBook, Statement, Pseudonym], RecordBook]] = {
    Publish: _publish, Consent: _consent, Withdraw: _withdraw, Access: _access, Erase: _erase, Rotate: _rotate,
}  # fmt: skip

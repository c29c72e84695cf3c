"""Who keeps payloads and opens them: only for an access that is on the ledger (docs/records.md, Opening).

The custodian holds the owners' seeds: it can read what it keeps, as whoever has this home can. What it guarantees is
that nothing in this interface gives a payload before the ledger shows who opened it, for what, and that it was allowed.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from qcot.crypto import hpke
from qcot.custody.handover import Asked, Handed, Opened, key_info
from qcot.custody.holder import Holder
from qcot.custody.identities import Pseudonym, PublicIdentity
from qcot.custody.ledgers import LedgerFile, Say, View
from qcot.custody.problems import ACCESS_MISSING, KEM_DIFFERS
from qcot.custody.store import Kept
from qcot.errors import QcotError
from qcot.records import sealing, statements
from qcot.records.problems import (
    CONSENT_EXPIRED,
    CONSENT_MISSING,
    PURPOSE_DIFFERS,
    RECORD_ERASED,
    RECORD_NOT_YOURS,
)
from qcot.records.rules import RecordBook
from qcot.records.statements import ID_SIZE, Access, Body, Consent, Erase, Publish, Rotate, Withdraw

_NEAREST = {PURPOSE_DIFFERS: 0, CONSENT_EXPIRED: 1, RECORD_ERASED: 2, CONSENT_MISSING: 3}
"""Of several pseudonyms that may not open a record, the refusal that tells most comes first."""


@dataclass(frozen=True, kw_only=True)
class Custodian(Holder):
    """Identities and payloads of one home, and the ledger that decides who may open them.

    ``wait_s`` is how long to wait for the ledger before `not-on-ledger-yet`.
    """

    ledger: LedgerFile
    wait_s: float = 30.0
    say: Say = lambda _: None

    def publish(self, name: str, contents: Sequence[tuple[str, bytes]], media_type: str) -> bytes:
        """Seal ``contents`` (names and bytes), keep them, and publish their root under a fresh pseudonym of ``name``.

        Gives the record's id. The payload is on disk before the ledger hears of it. Where the ledger does not take it
        in time this raises `not-on-ledger-yet`, and the record waits here under its id.
        """
        record, owner = secrets.token_bytes(ID_SIZE), self.fresh(name)
        sealed = sealing.seal(record, contents)
        body = Publish(
            record, owner.public.key, owner.public.kem_hash, sealed.root, sealed.count, sealed.digest, media_type
        )
        statement = statements.build(owner.key, body, self.now())
        wrapped = hpke.seal(owner.public.kem, sealed.key, key_info(record, owner.kid))
        self.store.add(Kept(record, name, owner.number, statement, wrapped, sealed.payload))
        self.say(f"record {record.hex()} is sealed and kept")
        self.ledger.settle(statement, self.wait_s, self.say)
        return record

    def share(self, record: bytes, to: PublicIdentity, purpose: str, until: int | None) -> None:
        """Put on the ledger that ``to`` may open the record for ``purpose`` until ``until`` (ms, None for no end)."""
        self._say_as_owner(record, lambda number: Consent(record, number, to.key, to.kem_hash, purpose, until))

    def revoke(self, record: bytes, recipient: bytes) -> None:
        """Put on the ledger that the pseudonym ``recipient`` may open the record no longer."""
        self._say_as_owner(record, lambda number: Withdraw(record, number, recipient))

    def erase(self, record: bytes) -> None:
        """Put the erasure on the ledger, then destroy the record's key, salts and payload here.

        What somebody opened before is out of reach. Doing it again finishes what was interrupted.
        """
        self.store.get(record)
        if not self.ledger.view().book.record(record).erased:
            self._say_as_owner(record, lambda number: Erase(record, number))
        self.store.destroy(record)

    def sweep(self, book: RecordBook) -> None:
        """Destroy what the ledger says was erased and is still here, after an interruption."""
        for record, _, _, size in self.store.everything():
            if size is not None and record in book.records and book.record(record).erased:
                self.store.destroy(record)

    def rotate(self, name: str, kid: bytes) -> Pseudonym:
        """Let a fresh pseudonym of ``name`` follow ``kid`` on the ledger, with all its records and consents."""
        old, new = self.own(name, kid), self.fresh(name)
        kem = new.public.kem_hash
        body = Rotate(new.public.key, kem, statements.prove(new.key, old.kid, kem))
        self.ledger.settle(statements.build(old.key, body, self.now()), self.wait_s, self.say)
        return new

    def open(self, record: bytes, name: str, purpose: str) -> Opened:
        """Open a record as ``name``: the access goes on the ledger first, then the ledger is asked whether it may."""
        reader = self._may_open(self.ledger.view(), record, name, purpose)
        return self.answer(Asked(self._access(reader, record, purpose), reader.public)).open(reader)

    def answer(self, asked: Asked) -> Handed:
        """Put an access on the ledger, unless it is there, and give what was asked for, sealed to who asked."""
        digest, book = hashlib.sha256(asked.access).digest(), self.ledger.view().book
        if digest not in book.events:
            book.apply(asked.access, self.now())  # what would be refused is refused here, and not sent
        self._kept(statements.parse(asked.access).body)
        leaf = self.ledger.settle(asked.access, self.wait_s, self.say)
        return self.hand_over(digest, leaf, asked.reader)

    def hand_over(self, access: bytes, leaf: int, to: PublicIdentity) -> Handed:
        """Wrap a record's data key to ``to``, for the access statement with SHA-256 ``access`` at ``leaf``.

        The one way to a payload. Raises `access-missing` unless it is on the ledger under a checkpoint and was signed
        by ``to``, `access-used` where it opened the record before, or why ``to`` may not open it at this moment.
        """
        view = self.ledger.witness(access, leaf)
        event = view.book.events.get(access)
        if event is None or not isinstance(event.body, Access) or event.kid != to.kid:
            raise QcotError(ACCESS_MISSING, f"{access.hex()[:16]} is no access of {to.kid.hex()}")
        record, now = event.body.record, max(self.now(), view.time)
        leave = view.book.may_open(record, to.kid, now)
        if leave is not None and leave.purpose != event.body.purpose:
            raise QcotError(PURPOSE_DIFFERS, f"for {event.body.purpose!r}, its owner agreed to {leave.purpose!r}")
        if view.book.kem_of(record, to.kid) != to.kem_hash:
            raise QcotError(KEM_DIFFERS, f"{to.kid.hex()} comes with another ML-KEM key than the ledger has")
        kept, wrapped, payload = self._kept(event.body)
        owner = self.identities.load(kept.identity).pseudonym(kept.number)
        key = hpke.open_(owner.kem, wrapped, key_info(record, owner.kid))
        self.store.serve(access, now)
        return Handed(to.kid, kept.statement, hpke.seal(to.kem, key, key_info(record, to.kid)), payload)

    def _kept(self, access: Body) -> tuple[Kept, bytes, bytes]:
        """The record that an access is to, its wrapped key and its payload; raises `record-not-here` or `-erased`."""
        assert isinstance(access, Access)
        kept = self.store.get(access.record)
        if kept.wrapped is None or kept.payload is None:
            raise QcotError(RECORD_ERASED, f"record {access.record.hex()} was erased here")
        return kept, kept.wrapped, kept.payload

    def _say_as_owner(self, record: bytes, body: Callable[[int], Body]) -> None:
        """Sign the owner's next statement about a record, and wait until a checkpoint covers it."""
        kept, book = self.store.get(record), self.ledger.view().book
        known = book.record(record)
        owned = (self.own(kept.identity, kid) for _, kid in self.store.pseudonyms(kept.identity))
        owner = next((each for each in owned if book.is_owner(record, each.kid)), None)
        if owner is None:
            raise QcotError(RECORD_NOT_YOURS, f"no pseudonym of {kept.identity} owns {record.hex()} any more")
        statement = statements.build(owner.key, body(known.number + 1), self.now())
        book.apply(statement, self.now())  # what would be refused is refused here, and not sent
        self.ledger.settle(statement, self.wait_s, self.say)

    def _may_open(self, view: View, record: bytes, name: str, purpose: str) -> Pseudonym:
        """The pseudonym of ``name`` that may open the record; raises what comes nearest to it."""
        view.book.record(record)
        self.identities.load(name)
        refusals = [QcotError(CONSENT_MISSING, f"record {record.hex()} is not shared with any pseudonym of {name}")]
        for number, kid in self.store.pseudonyms(name):
            try:
                leave = view.book.may_open(record, kid, max(self.now(), view.time))
            except QcotError as error:
                refusals.append(error)
                continue
            if leave is None or leave.purpose == purpose:
                return self.identities.load(name).pseudonym(number)
            refusals.append(QcotError(PURPOSE_DIFFERS, f"for {purpose!r}, its owner agreed to {leave.purpose!r}"))
        raise min(refusals, key=lambda refusal: _NEAREST.get(refusal.problem, len(_NEAREST)))

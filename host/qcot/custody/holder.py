"""Whoever has identities: makes pseudonyms, asks for access elsewhere, opens what comes back; without a ledger."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from qcot.custody.handover import Asked, Handed, Opened
from qcot.custody.identities import Identities, Pseudonym
from qcot.custody.problems import IDENTITY_MISSING, NOT_SEALED_TO_YOU
from qcot.custody.store import Store
from qcot.errors import QcotError
from qcot.records import statements
from qcot.records.problems import RECORD_NOT_YOURS
from qcot.records.statements import NONCE_SIZE, Access


def now_ms() -> int:
    """This machine's clock, POSIX ms."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, kw_only=True)
class Holder:
    """The identities of one home, and which pseudonyms they have."""

    store: Store
    identities: Identities
    now: Callable[[], int] = field(default=now_ms)

    def fresh(self, name: str) -> Pseudonym:
        """A pseudonym of ``name`` that was never used."""
        identity = self.identities.load(name)
        while True:
            made = identity.pseudonym(self.store.next_number(name))
            if self.store.add_pseudonym(name, made.number, made.kid):  # else another process took it just now
                return made

    def own(self, name: str, kid: bytes) -> Pseudonym:
        """The pseudonym of ``name`` with this key id; raises `record-not-yours`."""
        holder = self.store.holder(kid)
        if holder is None or holder[0] != name:
            raise QcotError(RECORD_NOT_YOURS, f"{kid.hex()} is no pseudonym of {name}")
        return self.identities.load(name).pseudonym(holder[1])

    def ask(self, record: bytes, name: str, purpose: str) -> Asked:
        """An access to a record that is kept elsewhere, under the pseudonym that ``name`` hands out."""
        public = self.identities.handed_out(name)
        if public is None:
            raise QcotError(IDENTITY_MISSING, f"{name} has handed out no pseudonym")
        return Asked(self._access(self.own(name, public.kid), record, purpose), public)

    def open_handed(self, handed: Handed, name: str) -> Opened:
        """Open what came back; raises `not-sealed-to-you`, or as :meth:`Handed.open` does."""
        holder = self.store.holder(handed.reader)
        if holder is None or holder[0] != name:
            raise QcotError(NOT_SEALED_TO_YOU, f"it is for {handed.reader.hex()}, which is no pseudonym of {name}")
        return handed.open(self.own(name, handed.reader))

    def _access(self, reader: Pseudonym, record: bytes, purpose: str) -> bytes:
        return statements.build(reader.key, Access(record, purpose, secrets.token_bytes(NONCE_SIZE)), self.now())

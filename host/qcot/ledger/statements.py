"""What the statements in a log bring about: who may sign what, and what is known of records.

Which content type a statement has decides who judges it; whoever adds a kind adds a row to the table at the end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from qcot.certificates import certificate, revocation, rotation
from qcot.certificates.claims import Role
from qcot.certificates.register import Register
from qcot.crypto import cose
from qcot.errors import QcotError
from qcot.ledger.problems import STATEMENT_UNKNOWN
from qcot.ledger.transactions import MAX_UINT
from qcot.records import statements as record
from qcot.records.rules import RecordBook

NO_END = MAX_UINT
"""The first millisecond that is too late, where none is."""


@dataclass(frozen=True, slots=True)
class Taken:
    """The transaction that a statement came in: ``by`` the kid that signed it, judged at ``time`` ms.

    ``check=False`` replays what was judged before it was stored.
    """

    by: bytes
    time: int
    check: bool = True

    @property
    def seconds(self) -> int:
        """``time`` as certificates have it."""
        return self.time // 1000


@dataclass(frozen=True, slots=True)
class Standing:
    """What all statements up to a leaf have brought about. Never changed: :meth:`after` gives another."""

    register: Register
    records: RecordBook = field(default_factory=RecordBook)

    def after(self, statement: bytes, taken: Taken) -> tuple[Standing, int]:
        """The standing with one more statement, and the first ms at which that would not be taken for its age.

        Raises QcotError `statement-unknown`, `bad-cose` or `bad-cbor`, or by the name of what is wrong with it.
        """
        content_type = cose.content_type(statement)
        handler = _HANDLERS.get(content_type)
        if handler is None:
            raise QcotError(STATEMENT_UNKNOWN, f"content type {content_type!r}")
        return handler(self, statement, taken)


def _certificate(standing: Standing, raw: bytes, taken: Taken) -> tuple[Standing, int]:
    register = standing.register.admit(raw, taken.seconds, check=taken.check)
    if register is standing.register:
        return standing, NO_END
    return replace(standing, register=register), certificate.parse(raw).not_after * 1000


def _revocation(standing: Standing, raw: bytes, taken: Taken) -> tuple[Standing, int]:
    before = standing.register
    after = before.revoke(raw, check=taken.check, at_s=taken.seconds)
    by = revocation.parse(raw).by
    if after is before or by == before.root.kid or not taken.check:
        return replace(standing, register=after), NO_END
    return replace(standing, register=after), before.require(by, Role.ISSUER, taken.seconds).not_after * 1000


def _rotation(standing: Standing, raw: bytes, taken: Taken) -> tuple[Standing, int]:
    return replace(standing, register=standing.register.rotate(raw, taken.by, check=taken.check)), NO_END


def _record(standing: Standing, raw: bytes, taken: Taken) -> tuple[Standing, int]:
    return replace(standing, records=standing.records.apply(raw, taken.time, check=taken.check)), NO_END


_Handler: TypeAlias = Callable[[Standing, bytes, Taken], tuple[Standing, int]]
_HANDLERS: dict[str, _Handler] = {
    certificate.CONTENT_TYPE: _certificate,
    revocation.CONTENT_TYPE: _revocation,
    rotation.CONTENT_TYPE: _rotation,
    record.CONTENT_TYPE: _record,
}

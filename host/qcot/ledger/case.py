"""An evidence file while it is checked: what the reader brings, and what each step has found for those after it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from qcot.certificates.certificate import Certificate, LogClaims, Role
from qcot.certificates.register import Register
from qcot.certificates.revocation import Revocation
from qcot.crypto.signing import PublicKey
from qcot.ledger.evidence import Evidence
from qcot.ledger.qblock import Header
from qcot.ledger.transactions import Transaction

Facts = dict[str, str | int | bool]


@dataclass(frozen=True, slots=True)
class Given:
    """What the reader knows from elsewhere: the authority's root key, or its key id, and revocations.

    And what he insists on beyond what the log asks of itself: ``witnesses``, an anchor that covers the reading, and a
    signature of the board itself.
    """

    root: PublicKey | bytes | None = None
    revocations: tuple[bytes, ...] = ()
    witnesses: int = 0
    anchored: bool = False
    signed: bool = False


@dataclass
class Case:
    """What the steps before have found."""

    data: bytes
    given: Given
    facts: Facts = field(default_factory=dict)
    evidence: Evidence = field(init=False)
    transaction: Transaction = field(init=False)
    header: Header = field(init=False)
    register: Register = field(init=False)
    revocations: list[Revocation] = field(init=False)
    board: Certificate = field(init=False)
    log: LogClaims = field(init=False)
    stamp: int = field(init=False)

    @property
    def seconds(self) -> int:
        """The Qblock's time: as of which bridge and board are judged."""
        return self.header.core.time // 1000

    def require(self, kid: bytes, role: Role, at_s: int, name: str | None = None) -> Certificate:
        """The certificate of ``kid``, if it held at ``at_s`` with the revocations from then and before."""
        register = self.register
        for each in self.revocations:
            if each.time <= at_s:
                register = register.revoke(each.raw, check=False)
        return register.require(kid, role, at_s, name)


def when(milliseconds: int) -> str:
    """A time in words."""
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds")
    except (ValueError, OverflowError, OSError):  # past the year 9999
        return f"{milliseconds} ms since 1970"

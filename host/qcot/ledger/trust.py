"""Where trust in a log begins, and what is known from outside it."""

from __future__ import annotations

from dataclasses import dataclass

from qcot.certificates import certificate
from qcot.certificates.register import Register
from qcot.crypto.signing import PublicKey


@dataclass(frozen=True, slots=True)
class Trust:
    """The authority's ``root`` key and its ``site``; ``certificates`` are those that need not be on the log.

    A gateway's is of that kind: it closes the Qblock under which its own certificate would stand. Issuers first.
    """

    root: PublicKey
    site: str
    certificates: tuple[bytes, ...] = ()

    def register(self) -> Register:
        """The certificates from outside, each judged at the time when it begins; raises QcotError by name."""
        register = Register(self.root, self.site)
        for raw in self.certificates:
            register = register.admit(raw, certificate.parse(raw).not_before)
        return register

    def beside(self, log: Register) -> Register:
        """That of the ``log`` with the certificates from outside, which revocations on the log concern as well.

        They are not checked again: call :meth:`register` first.
        """
        for raw in self.certificates:
            log = log.admit(raw, 0, check=False)
        return log

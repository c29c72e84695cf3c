"""A log's policy as C2SP tlog-policy text: whose signatures a checkpoint needs."""

from __future__ import annotations

from dataclasses import dataclass

from qcot.certificates.claims import Role
from qcot.certificates.problems import CERTIFICATE_UNKNOWN
from qcot.certificates.register import Register
from qcot.errors import QcotError
from qcot.ledger.checkpoint import VerifierKey


@dataclass(frozen=True, slots=True)
class Policy:
    """The log's key, and how many (``quorum``) of which witnesses must have cosigned."""

    log: VerifierKey
    witnesses: tuple[VerifierKey, ...]
    quorum: int

    def __str__(self) -> str:
        """As a policy file. Names in it have no meaning outside of it; they are those of the witnesses."""
        lines = [f"log {self.log}"]
        lines += [f"witness {each.name} {each}" for each in self.witnesses]
        if self.quorum:
            lines.append(f"group witnesses {self.quorum} {' '.join(each.name for each in self.witnesses)}")
        lines.append(f"quorum {'witnesses' if self.quorum else 'none'}")
        return "\n".join(lines) + "\n"


def of_log(register: Register, log: VerifierKey) -> Policy:
    """The policy that the certificate issued last for the log's key states.

    Raises QcotError `certificate-unknown` where fewer witnesses are certified than it needs.
    """
    issued = [each for each in register.of_role(Role.GATEWAY) if each.kid == log.key.kid]
    gateway = max(reversed(issued), key=lambda each: each.issued_at, default=None)
    if gateway is None or gateway.log is None:
        raise QcotError(CERTIFICATE_UNKNOWN, f"no certificate of the gateway with key {log.key.kid.hex()}")
    held = {each.name: each.key for each in register.of_role(Role.WITNESS) if each.key is not None}
    named = [VerifierKey(name, held[name]) for name in gateway.log.cosigners if name in held]
    if len(named) < gateway.log.quorum:
        missing = ", ".join(name for name in gateway.log.cosigners if name not in held)
        raise QcotError(CERTIFICATE_UNKNOWN, f"no certificate of witness {missing}; {gateway.log.quorum} are needed")
    return Policy(log, tuple(named), gateway.log.quorum)

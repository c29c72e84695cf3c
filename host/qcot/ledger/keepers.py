"""Who may sign a log's checkpoints: gateways of its own certificates, and of those that are trusted beside them."""

from __future__ import annotations

from qcot.certificates.certificate import Certificate, Role
from qcot.certificates.problems import CERTIFICATE_UNKNOWN
from qcot.certificates.register import Register
from qcot.errors import QcotError
from qcot.ledger.checkpoint import Checkpoint, VerifierKey
from qcot.ledger.problems import CHECKPOINT_UNSIGNED
from qcot.ledger.qblock import Core
from qcot.ledger.trust import Trust


class Keepers:
    """Judges who signed by what is certified; ``trust`` is what is known from outside of the log."""

    def __init__(self, trust: Trust) -> None:
        """Raises what is wrong with ``trust``: that is not the ledger's fault."""
        trust.register()
        self._trust = trust
        self._beside: tuple[Register, Register] | None = None  # that of the log, and with what is known from outside

    def beside(self, log: Register) -> Register:
        """The log's register and what is trusted beside it."""
        if self._beside is None or self._beside[0] is not log:
            self._beside = log, self._trust.beside(log)
        return self._beside[1]

    def require_signed(self, log: Register, given: Checkpoint, core: Core) -> None:
        """One key signed, that of a gateway of the bookkeeper's name whose certificate held at the time.

        Raises `certificate-...`, `checkpoint-unsigned` or `bad-signature`.
        """
        register = self.beside(log)
        keepers = [
            each
            for each in register.of_role(Role.GATEWAY)
            if each.name == core.bookkeeper and each.log is not None and each.log.origin == given.origin
        ]
        if not keepers:
            raise QcotError(CERTIFICATE_UNKNOWN, f"no certificate of gateway {core.bookkeeper}, log {given.origin}")
        signers = [(each, key) for each in keepers if given.is_signed_by(key := _log_key(each, given.origin))]
        if not signers:
            raise QcotError(CHECKPOINT_UNSIGNED, f"no key that is certified for gateway {core.bookkeeper} signed it")
        for each, key in signers:
            stamp = given.verify(key)
            refusal = register.standing(each, stamp)
            if refusal is None and stamp < core.time // 1000:
                refusal = QcotError(CHECKPOINT_UNSIGNED, f"it was signed at {stamp}, before its Qblock was closed")
            if refusal is None:
                return
        raise refusal or QcotError(CHECKPOINT_UNSIGNED, "nobody signed it")


def _log_key(gateway: Certificate, origin: str) -> VerifierKey:
    assert gateway.key is not None  # of this role, its parser saw to it
    return VerifierKey(origin, gateway.key)

"""The books: what a gateway does to its ledger, step by step, without threads, broker or waiting.

Every step leaves the ledger so that a process that begins anew after it, however the last one ended, goes on from
there: answers are given only for what is on disk, a header is stored before the tree that ends with it is signed, a
checkpoint before it is given out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from qcot.certificates.certificate import Certificate, Role
from qcot.certificates.problems import CERTIFICATE_UNKNOWN, CERTIFICATE_WRONG_NAME
from qcot.certificates.register import Register
from qcot.errors import QcotError
from qcot.gateway.config import GatewayConfig
from qcot.gateway.intake import Rejected
from qcot.gateway.limits import Limiter
from qcot.gateway.validator import Validator
from qcot.ledger import closing, receipts
from qcot.ledger.closing import Closing
from qcot.ledger.problems import LIMIT
from qcot.ledger.qblock import Header
from qcot.ledger.receipts import Answer, Status
from qcot.ledger.store import Ledger
from qcot.ledger.transactions import CheckpointEntry, FrameEntry, Transaction
from qcot.link.messages import Readings
from qcot.quantum.backends import named_backend

ANSWERS = 512
"""Most answers in one receipt, so that even with the longest reasons it stays under 1 MiB."""
_COUNT_AT = 10  # of a READINGS frame: type, flags, counter, first, then count


CHECKPOINT_COST = 450
"""What a board signed itself costs the gateway up to 12 ms, and finding its place the reading of a transaction: as much
as so many readings. A transaction that is full of them is still within the limit of a device."""


def readings_by_device(transaction: Transaction) -> Counter[bytes]:
    """How many readings the frames of each device say they hold; whether they do is for the ledger's rules.

    A checkpoint counts as :data:`CHECKPOINT_COST`.
    """
    counts: Counter[bytes] = Counter()
    for entry in transaction.entries:
        if isinstance(entry, FrameEntry) and entry.frame[0] == Readings.TYPE and len(entry.frame) > _COUNT_AT:
            counts[entry.device] += entry.frame[_COUNT_AT]
        elif isinstance(entry, CheckpointEntry):
            counts[entry.device] += CHECKPOINT_COST
    return counts


class Books:
    """One gateway's hand on its ledger; belongs to one thread at a time."""

    def __init__(self, config: GatewayConfig) -> None:
        """Open or make the ledger and complete what a crash left; raises what :meth:`Ledger.open_or_create` does."""
        self._config = config
        self._limiter = Limiter(config.limits)
        backend = named_backend(config.backend)
        self._own = own = own_certificate(config)
        self.validator = Validator(config.validation_keys, self._verifiers, backend)
        self._signer = closing.Bookkeeper(
            config.name, config.key, config.shots, self.validator, backend, own.not_before, own.not_after
        )
        self.ledger = Ledger.open_or_create(
            config.ledger, site=config.site, origin=config.origin, authority=config.authority
        )
        self._beside: tuple[Register, Register] | None = None  # that of the log, and with the gateway's own
        self._named: tuple[Register, frozenset[str]] | None = None
        try:
            self.checkpoint = closing.sign_tree(self.ledger, self._signer)
        except BaseException:
            self.ledger.close()
            raise

    def close(self) -> None:
        """Let go of the ledger."""
        self.ledger.close()

    @property
    def bridges(self) -> frozenset[str]:
        """The names of all bridges that have a certificate on the ledger."""
        register = self.ledger.register()
        if self._named is None or self._named[0] is not register:
            self._named = register, frozenset(each.name for each in register.of_role(Role.BRIDGE))
        return self._named[1]

    def _verifiers(self) -> list[str]:
        """The bridges that validate the bookkeeper: those whose certificates hold, or where none does, all."""
        register = self.ledger.register()
        holding = register.of_role(Role.BRIDGE, self.ledger.last_judged // 1000)
        return sorted({each.name for each in holding or register.of_role(Role.BRIDGE)})

    def not_certified(self, time: int) -> QcotError | None:
        """Why this gateway may not sign at ``time`` ms."""
        register = self.ledger.register()
        if self._beside is None or self._beside[0] is not register:
            self._beside = register, self._config.trust.beside(register)
        return self._beside[1].standing(self._own, time // 1000)

    def take(self, batch: Sequence[Transaction], now: float, time: int) -> list[Answer]:
        """Answer verified transactions, in order; on return what was accepted is on disk, in one commit.

        ``now`` is in seconds of a monotonic clock, ``time`` in ms since 1970. Raises what
        :meth:`Ledger.append_transactions` does, and then nothing was stored.
        """
        excess: dict[int, str] = {}
        wanted: dict[str, int] = {}
        for at, transaction in enumerate(batch):
            bridge = transaction.bridge
            # Only what may be new is charged; after a limited one, those that follow it are ahead of their sequence.
            if transaction.sequence == wanted.setdefault(bridge, self.ledger.wanted(bridge)):
                limit = self._limiter.excess(bridge, readings_by_device(transaction), now)
                if limit is None:
                    wanted[bridge] += 1
                else:
                    excess[at] = limit
        rest = [tx for at, tx in enumerate(batch) if at not in excess]
        answers = iter(self.ledger.append_transactions(rest, time))
        return [
            Answer(tx.hash, tx.sequence, Status.LATER, None, LIMIT.name, f"limit of {excess[at]} is met")
            if at in excess
            else next(answers)
            for at, tx in enumerate(batch)
        ]

    def reject(self, rejected: Rejected, now: float) -> Answer | None:
        """The answer to what is no transaction of a known bridge; None where too many such were answered of late."""
        if not self._limiter.may_answer_unsigned(now):
            return None
        reason = receipts.cut(rejected.reason)
        return Answer(rejected.hash, rejected.sequence, rejected.status, None, rejected.problem.name, reason)

    def receipts(self, answers: Mapping[str, Iterable[Answer]], time: int) -> list[tuple[str, bytes]]:
        """Signed receipts at ``time`` ms, as (bridge, bytes), for the answers to each bridge."""
        signed = []
        for bridge, all_answers in answers.items():
            wanted = self.ledger.wanted(bridge) if bridge in self.bridges else 1
            rest = list(all_answers)
            while rest:
                part, rest = rest[:ANSWERS], rest[ANSWERS:]
                raw = receipts.build(
                    self._config.key,
                    site=self._config.site,
                    bridge=bridge,
                    time=time,
                    next_sequence=wanted,
                    answers=part,
                )
                signed.append((bridge, raw))
        return signed

    def begin_qblock(self, time: int) -> Closing:
        """Fix the run to be closed at ``time`` ms; until :meth:`end_qblock` nothing may be appended.

        Raises `certificate-revoked` and the like where this gateway may not sign any more.
        """
        wrong = self.not_certified(min(time, self._own.not_after * 1000 - 1))
        if wrong is not None:
            raise wrong
        return closing.begin(self.ledger, self._signer, now=time, seed=self._config.seed())

    def end_qblock(self, header: Header) -> str:
        """Store header and checkpoint; on return that may be given out. To be called again where it failed."""
        self.checkpoint = closing.end(self.ledger, self._signer, header)
        return self.checkpoint


def own_certificate(config: GatewayConfig) -> Certificate:
    """The gateway's, from its own chain; raises `certificate-unknown` and the like where that does not certify it."""
    found = config.trust.register().certificate(config.key.public_key.kid)
    if found is None or found.role is not Role.GATEWAY or found.log is None:
        raise QcotError(
            CERTIFICATE_UNKNOWN, f"none of gateway {config.name} with key {config.key.public_key.kid.hex()}"
        )
    if (found.name, found.log.origin) != (config.name, config.origin):
        reason = f"it is of gateway {found.name}, log {found.log.origin}; this is {config.name}, {config.origin}"
        raise QcotError(CERTIFICATE_WRONG_NAME, reason)
    return found

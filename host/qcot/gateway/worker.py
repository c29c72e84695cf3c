"""What the ledger's thread does: verify, store in groups, answer, acknowledge, and close Qblocks on time.

The quantum part of a Qblock runs on another thread. Until it is there nothing is appended, because a header stands at
the tree size that it names; verifying goes on, and what was verified meanwhile is stored right behind the header.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from typing import Protocol

from qcot.certificates.problems import (
    CERTIFICATE_EXPIRED,
    CERTIFICATE_NOT_YET_VALID,
    CERTIFICATE_REVOKED,
    CERTIFICATE_ROTATED,
)
from qcot.channel.opener import Opener
from qcot.errors import QcotError
from qcot.gateway.books import Books
from qcot.gateway.config import GatewayConfig
from qcot.gateway.events import Event, Snapshot
from qcot.gateway.identities import Identities
from qcot.gateway.inbox import Message
from qcot.gateway.intake import UNKNOWN_SEQUENCE, Rejected, examine
from qcot.ledger.closing import Closing
from qcot.ledger.problems import BUSY, LEDGER_FULL, LEDGER_IO, QBLOCK_KEY_REUSED, SEQUENCE_REUSED
from qcot.ledger.qblock import Header
from qcot.ledger.receipts import Answer, Status
from qcot.ledger.transactions import Transaction

MAX_HELD = 1024
"""Most verified messages that wait for a Qblock's quantum part or for the disk."""
RETRY_S = 1.0
_DISK = (LEDGER_FULL, LEDGER_IO)
_UNCERTIFIED = (CERTIFICATE_EXPIRED, CERTIFICATE_NOT_YET_VALID, CERTIFICATE_REVOKED, CERTIFICATE_ROTATED)
"""Why this gateway may not sign; that passes when the authority has certified another key of it, or with time."""
_PASSING = (*_DISK, QBLOCK_KEY_REUSED, *_UNCERTIFIED)
_log = logging.getLogger(__name__)


@cache
def quantum_thread() -> Executor:
    """The one thread of this process for quantum parts: gateways in one process take turns on it."""
    return ThreadPoolExecutor(1, "quantum")


class Outlet(Protocol):
    """Where answers go; none of these blocks or raises. What does not arrive is asked for again."""

    def receipt(self, bridge: str, raw: bytes) -> None:
        """Send a receipt to a bridge."""

    def checkpoint(self, text: str) -> None:
        """Give out the newest checkpoint."""

    def tell(self, event: Event) -> None:
        """Say what happened."""


class _NoQblockError(QcotError):
    """The quantum part failed: run, validation, or its keys. It stops no transaction, and is tried again."""


@dataclass(frozen=True, slots=True)
class _Held:
    message: Message
    content: Transaction | Rejected


class Worker:
    """State of the ledger's thread; all methods but :meth:`turn_away` and :meth:`snapshot` belong to it."""

    def __init__(
        self,
        config: GatewayConfig,
        books: Books,
        outlet: Outlet,
        *,
        wake: Callable[[], None],
        clock: Callable[[], int],
    ) -> None:
        self._config, self._books, self._outlet = config, books, outlet
        self._wake, self._clock = wake, clock
        self._identities = Identities(books.ledger.register, wall=clock)
        self.opener = (
            Opener(
                config.site,
                config.name,
                config.unsealing,
                key=config.key,
                identity=self._identities.key,
                is_certified=lambda bridge: bridge in books.bridges,
                wall=clock,
            )
            if config.unsealing
            else None
        )
        self._held: list[_Held] = []
        self._closing: Future[Header] | None = None
        self._header: Header | None = None
        self._due = time.monotonic() + config.interval_s
        self._retry_at = 0.0
        self._trouble: QcotError | None = None
        self._lock = threading.RLock()  # around the books, the counts and those turned away
        self._turned_away: dict[str, set[bytes]] = defaultdict(set)
        # Those that are in the ledger, and those since the start that it has no place for.
        self._refused: Counter[str] = Counter(books.ledger.totals().refused)

    def snapshot(self, connected: bool) -> Snapshot:
        """The gateway now, between two steps; from memory alone, so also once the ledger is closed."""
        with self._lock:
            ledger = self._books.ledger
            totals = ledger.totals()
            return Snapshot(
                connected, totals.transactions, totals.readings, totals.qblocks, ledger.last_header,
                self._books.checkpoint, dict(self._refused), ledger.known_devices(),
                _said(self._trouble) if self._trouble else None,
            )  # fmt: skip

    def turn_away(self, bridge: str, payload: bytes) -> None:
        """Have a message for which there was no room answered with `busy`; of very many only some are answered."""
        with self._lock:
            if bridge in self._books.bridges and len(self._turned_away[bridge]) < MAX_HELD:
                self._turned_away[bridge].add(sha256(payload).digest())

    @property
    def room(self) -> int:
        """How many messages the next step may be given."""
        return MAX_HELD - len(self._held)

    def wait_s(self, stopping: bool) -> float:
        """How long nothing needs to be done unless a message comes or the quantum part is there."""
        now = time.monotonic()
        if self._closing is not None:
            return self._config.interval_s
        if self._trouble is not None:
            return self._retry_at - now
        return 0.0 if stopping else self._due - now

    def is_done(self, inbox: int) -> bool:
        """Whether a gateway may stop, with ``inbox`` messages waiting: all is stored and closed, or cannot be."""
        if self._closing is not None:
            return False
        open_ = inbox or self._held or self._header or self._books.ledger.unclosed
        return self._trouble is not None or not open_

    def step(self, messages: Sequence[Message], stopping: bool) -> None:
        """Verify ``messages``, then do what can be done now.

        A full disk or a failed quantum part is told and tried again after a second; no Qblock, and where the disk fails
        nothing at all, is given out meanwhile. Raises what cannot pass by itself, as `ledger-corrupt`.
        """
        for message in messages:
            content = examine(message.payload, bridge=message.bridge, identities=self._identities, opener=self.opener)
            if content is None:
                message.ack()
            else:
                self._held.append(_Held(message, content))
        if self._trouble is not None and time.monotonic() < self._retry_at:
            return
        try:
            self._advance(is_last=stopping and not messages)
            # A quantum part under way will tell whether what was wrong with the last one has passed.
            if self._closing is None or (self._trouble and self._trouble.problem in _DISK):
                self._trouble = None
        except QcotError as error:
            if not isinstance(error, _NoQblockError) and error.problem not in _PASSING:
                raise
            if self._trouble is None or self._trouble.problem != error.problem:
                _log.error("%s", _said(error))
                self._outlet.tell(Event("trouble", _said(error)))
            self._trouble = error
            self._retry_at = time.monotonic() + RETRY_S

    def _advance(self, is_last: bool) -> None:
        if self._closing is not None and self._closing.done():
            closing, self._closing = self._closing, None
            due, self._due = self._due, time.monotonic()  # so that one that failed is not left to the next interval
            header = self._closed(closing)
            self._books.ledger.require_new_key(header)
            self._header, self._due = header, due
        if self._header is not None:
            self._end_qblock(self._header)
        if self._closing is None:
            wrong = self._books.not_certified(self._clock())
            if self._held and wrong is None:
                self._store()
            if self._is_due(is_last):
                self._closing = quantum_thread().submit(self._begun().run)
                self._closing.add_done_callback(lambda _: self._wake())
            elif wrong is not None:  # what waits is kept until the gateway may sign again
                raise wrong
        self._answer_turned_away()

    def _begun(self) -> Closing:
        try:
            return self._books.begin_qblock(self._clock())
        except QcotError as error:
            if error.problem not in _UNCERTIFIED:
                raise
            raise _NoQblockError(error.problem, error.reason) from error

    def _closed(self, closing: Future[Header]) -> Header:
        try:
            return closing.result()
        except QcotError as error:
            raise _NoQblockError(error.problem, error.reason) from error

    def _is_due(self, is_last: bool) -> bool:
        unclosed, late = self._books.ledger.unclosed, time.monotonic() - self._due
        if late >= 0:
            # Whole intervals on, so that a slow Qblock does not shift those after it.
            self._due += self._config.interval_s * (1 + late // self._config.interval_s)
        before = self._books.ledger.closes_before
        has_to = before is not None and self._clock() >= before
        return unclosed > 0 and (late >= 0 or is_last or has_to or unclosed >= self._config.max_transactions)

    def _end_qblock(self, header: Header) -> None:
        with self._lock:
            text = self._books.end_qblock(header)
            self._header = None
        self._outlet.checkpoint(text)
        core, check = header.core, header.quantum.check
        told = (
            f"Qblock {core.height}: {core.transactions} transactions, {check.zeros_newest} zeros of {check.shots} shots"
        )
        if (record := header.quantum.validated) is not None:
            told += f", bookkeeper validated by {record.verifier}"
        self._outlet.tell(Event("qblock", f"{told}, on {check.backend}"))

    def _store(self) -> None:
        batch = [held.content for held in self._held if isinstance(held.content, Transaction)]
        answers: dict[str, list[Answer]] = defaultdict(list)
        now = time.monotonic()
        with self._lock:
            wanted = {each.bridge: self._books.ledger.wanted(each.bridge) for each in batch}
            taken = self._books.take(batch, now, self._clock())
            held, self._held = self._held, []
            self._count(batch, taken, wanted)
            rest = iter(taken)
            for each in held:
                if isinstance(each.content, Transaction):
                    answers[each.message.bridge].append(next(rest))
                elif (answer := self._rejection(each.message.bridge, each.content, now)) is not None:
                    answers[each.message.bridge].append(answer)
            receipts = self._books.receipts(answers, self._clock())
        for bridge, raw in receipts:
            self._outlet.receipt(bridge, raw)
        for each in held:
            each.message.ack()

    def _count(self, batch: Sequence[Transaction], answers: Sequence[Answer], wanted: Mapping[str, int]) -> None:
        """Count refusals that are new, and tell of all that is new: an answer given again changes nothing."""
        counted: set[bytes] = set()
        for transaction, answer in zip(batch, answers, strict=True):
            is_new = transaction.sequence >= wanted[transaction.bridge] or answer.name == SEQUENCE_REUSED.name
            if answer.status is Status.LATER or not is_new or transaction.hash in counted:
                continue
            counted.add(transaction.hash)
            if answer.status is Status.REFUSED:
                self._refused[answer.name] += 1
                where = f"{transaction.bridge} {transaction.sequence}"
                self._outlet.tell(Event("refused", f"{where}: {answer.name}: {answer.reason}"))
        if counted:
            self._outlet.tell(Event("stored", f"{len(counted)} transactions"))

    def _rejection(self, bridge: str, rejected: Rejected, now: float) -> Answer | None:
        # What was answered for good keeps that answer, though the key that signed it may have been revoked since.
        earlier = self._books.ledger.answer_to(bridge, rejected.hash)
        if earlier is not None:
            return earlier
        self._refused[rejected.problem.name] += 1
        answer = self._books.reject(rejected, now)
        if answer is not None:  # those not answered are not told either: anybody could make any number of them
            self._outlet.tell(Event("refused", f"{bridge}: {answer.name}: {answer.reason}"))
        return answer

    def _answer_turned_away(self) -> None:
        with self._lock:
            turned_away, self._turned_away = self._turned_away, defaultdict(set)
            answers = {
                bridge: [
                    Answer(digest, UNKNOWN_SEQUENCE, Status.LATER, None, BUSY.name, "too much is waiting")
                    for digest in digests
                ]
                for bridge, digests in turned_away.items()
            }
            receipts = self._books.receipts(answers, self._clock())
        for bridge, raw in receipts:
            self._outlet.receipt(bridge, raw)


def _said(error: QcotError) -> str:
    return f"{error}. {error.problem.remedy}"

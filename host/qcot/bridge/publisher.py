"""Transactions to the gateway, in order, until its signed receipt says that they are on its disk.

The broker is trusted with nothing: whatever it loses or repeats, the outbox is sent and answered again.
All methods belong to one thread; times are seconds on a clock that never goes back.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from qcot.bridge.intake import parts
from qcot.bridge.problems import BAD_RECEIPT, GATEWAY_BEHIND, HELD_UP, REFUSED, RENUMBERED
from qcot.bridge.store import Refusal, Settled, Store
from qcot.certificates.problems import (
    CERTIFICATE_EXPIRED,
    CERTIFICATE_REVOKED,
    CERTIFICATE_ROTATED,
    CERTIFICATE_UNKNOWN,
    POLICY_FOREIGN,
)
from qcot.channel import problems as channel
from qcot.crypto.signing import PublicKey
from qcot.errors import Problem, QcotError
from qcot.ledger import receipts, transactions
from qcot.ledger.problems import BUSY, LIMIT, QBLOCK_DUE, SEQUENCE_AHEAD, SEQUENCE_REUSED
from qcot.ledger.receipts import Answer, Receipt, Status

WINDOW = 16
RECEIPT_TIMEOUT = (5.0, 60.0)
LATER_DELAY = (0.5, 30.0)
PASSING = frozenset({SEQUENCE_AHEAD.name, LIMIT.name, BUSY.name, QBLOCK_DUE.name}) | channel.PASSING
"""Why a gateway says LATER when all is well; for any other reason somebody has to act."""

ENDED = frozenset({CERTIFICATE_EXPIRED.name, CERTIFICATE_REVOKED.name, CERTIFICATE_ROTATED.name, POLICY_FOREIGN.name})
"""Why a gateway says LATER for ever to what a key has signed that another is to follow."""
UNINTRODUCED = ENDED | {CERTIFICATE_UNKNOWN.name}
"""Why a gateway says LATER that does not have this bridge's newest certificate, which may wait behind all else."""
_log = logging.getLogger(__name__)


class Renumber(Protocol):
    """Signs the outbox anew (:meth:`qcot.bridge.intake.Intake.renumber`)."""

    def __call__(
        self, next_sequence: int, *, first: Sequence[bytes] = (), again: Mapping[bytes, str | None] | None = None
    ) -> None:
        """From ``next_sequence`` on."""


class Publisher:
    """What of the outbox is on its way. ``send`` takes one transaction, or raises QcotError when it can't.

    ``hear`` puts an answer in terms of the transactions in the outbox, where something else was sent in their place.
    ``introduction`` gives the bridge's certificates, for a gateway that does not have them. ``outlived`` has the new
    key sign all from a sequence on where transactions with these hashes are taken from no former key any more, and
    gives whether it did. ``settled`` is called with what has left the outbox.
    """

    def __init__(
        self,
        store: Store,
        gateway: PublicKey,
        *,
        site: str,
        bridge: str,
        send: Callable[[bytes], None],
        renumber: Renumber,
        trouble: Callable[[Problem, str], None],
        hear: Callable[[Answer], Answer] = lambda answer: answer,
        introduction: Callable[[], Sequence[bytes]] = tuple,
        outlived: Callable[[Sequence[bytes], int], bool] = lambda hashes, wanted: False,
        settled: Callable[[Settled], None] = lambda settled: None,
        window: int = WINDOW,
    ) -> None:
        self._store = store
        self._gateway = gateway
        self._names = (site, bridge)
        self._send = send
        self._renumber = renumber
        self._trouble = trouble
        self._hear = hear
        self._introduction = introduction
        self._outlived = outlived
        self._settled = settled
        self._introduced: Sequence[bytes] = ()
        self._again: dict[bytes, str | None] = {}  # refused for one board, to be sent again without it
        self._window = window
        self._backlog = store.counts()[1]
        self._next = 0
        self._flying: set[int] = set()
        self._deadline = 0.0
        self._timeout = RECEIPT_TIMEOUT[0]
        self._hold_until = 0.0
        self._delay = LATER_DELAY[0]
        self.accepted = 0
        self.readings = 0
        self.refused = len(store.refused())

    @property
    def backlog(self) -> int:
        """How many transactions have no receipt."""
        return self._backlog

    @property
    def waiting(self) -> int:
        """How many of them have not even been sent."""
        return self._backlog - len(self._flying)

    def added(self) -> None:
        """One more transaction is in the outbox."""
        self._backlog += 1

    def recount(self) -> None:
        """What was refused is in the outbox again."""
        _, self._backlog, self.refused = self._store.counts()

    def restart(self) -> None:
        """The connection is new: nothing is on its way."""
        self._start_over()
        self._hold_until = 0.0

    def pump(self, now: float) -> None:
        """Send what the window has room for, and again what was never answered."""
        if self._flying and now >= self._deadline:
            self._timeout = min(self._timeout * 2, RECEIPT_TIMEOUT[1])
            self._start_over()
        # Until the gateway has taken one, nobody knows whether the two agree on the sequence.
        room = (self._window if self.accepted else 1) - len(self._flying)
        if room <= 0 or now < self._hold_until or not self.waiting or self._again:
            return
        for sealed in self._store.outbox(self._next, room):
            try:
                self._send(sealed.raw)
            except QcotError as error:
                _log.info("not sent yet: %s", error)
                self._hold_until = now + LATER_DELAY[0]
                return
            if not self._flying:
                self._deadline = now + self._timeout
            self._flying.add(sealed.sequence)
            self._next = sealed.sequence + 1

    def receive(self, raw: bytes, now: float) -> None:
        """Act on a receipt, durably; what is not the gateway's word on this bridge is told as trouble and left."""
        try:
            receipt = self._checked(raw)
        except QcotError as error:
            self._trouble(BAD_RECEIPT, str(error))
            return
        answers = [self._hear(each) for each in receipt.answers]
        accepted = [each.hash for each in answers if each.status is Status.ACCEPTED]
        refused = [each for each in answers if each.status is Status.REFUSED]
        reused = {each.hash for each in refused if each.name == SEQUENCE_REUSED.name}
        if receipt.next_sequence > self._store.next_sequence or self._store.holds(reused):
            # The outbox is older than what the gateway has from this bridge: it was lost, or restored.
            self._count(self._store.settle(accepted, []))
            self._sign_anew(receipt.next_sequence)
            self._trouble(RENUMBERED, f"the gateway wants {receipt.next_sequence}")
            return
        for_good = [Refusal(each.hash, each.name, each.reason) for each in refused if not self._keep(each)]
        settled = self._store.settle(accepted, for_good)
        self._count(settled)
        for sequence, refusal in settled.refused.items():
            if refusal not in settled.statements.values():
                self._trouble(REFUSED, f"transaction {sequence}: {refusal.name}: {refusal.reason}")
        self._settled(settled)
        if settled.accepted or settled.refused:
            self._delay, self._timeout = LATER_DELAY[0], RECEIPT_TIMEOUT[0]
            self._deadline = now + self._timeout
            self._hold_until = 0.0
        # An answer to what somebody else sent by this bridge's topic is nothing to wait for.
        later = [each for each in answers if each.status is Status.LATER and self._store.holds([each.hash])]
        if later:
            self._come_again(later, receipt.next_sequence, now)
        if self._again and not self._flying:
            self._sign_anew(receipt.next_sequence, again=self._again)

    def _keep(self, refused: Answer) -> bool:
        """Whether a refused transaction is to be sent again: without the board for which it was refused.

        Those behind it were refused for want of it, so they come again too. It waits for the answers to all that is on
        its way, to know which sequence is wanted then.
        """
        raw = self._store.raw(refused.hash)
        if raw is None:
            return False
        entries = transactions.parse(raw).entries
        is_first = not self._again
        if len(parts(entries, refused.reason)) < 2 and (is_first or not refused.reason.startswith("entry ")):
            return False
        self._again[refused.hash] = refused.reason if is_first else None
        self._flying.discard(refused.sequence)
        return True

    def _sign_anew(self, next_sequence: int, **what: Any) -> None:
        self._renumber(next_sequence, **what)
        self._signed_anew()

    def _signed_anew(self) -> None:
        self._backlog = self._store.counts()[1]
        self._start_over()

    def _checked(self, raw: bytes) -> Receipt:
        receipt = receipts.parse(raw)
        if (receipt.site, receipt.bridge) != self._names:
            raise QcotError(BAD_RECEIPT, f"it is for bridge {receipt.bridge} of site {receipt.site}")
        receipt.verify(self._gateway)
        return receipt

    def _count(self, settled: Settled) -> None:
        self.accepted += len(settled.accepted)
        self.readings += sum(settled.accepted.values())
        self.refused += len(settled.refused)
        self._backlog -= len(settled.accepted) + len(settled.refused)
        self._flying -= settled.accepted.keys() | settled.refused.keys()

    def _come_again(self, later: list[Answer], wanted: int, now: float) -> None:
        self._rewind()
        if now < self._hold_until:
            return  # the same for all that were on their way together
        if any(each.name in UNINTRODUCED for each in later):
            introduction = self._introduction()
            if introduction and introduction != self._introduced:
                self._introduced = introduction
                self._sign_anew(wanted, first=introduction)
                return
            if self._outlived([each.hash for each in later if each.name in ENDED], wanted):
                self._signed_anew()
                return
        for name, reason in {(each.name, each.reason) for each in later if each.name not in PASSING}:
            self._trouble(channel.TELLS.get(name, HELD_UP), f"{name}: {reason}")
        if any(each.name == SEQUENCE_AHEAD.name for each in later) and self._fell_behind(wanted):
            return
        self._hold_until = now + self._delay
        self._delay = min(self._delay * 2, LATER_DELAY[1])

    def _fell_behind(self, wanted: int) -> bool:
        """Look into a gateway that wants what is not here any more; gives whether that is put right."""
        first = self._store.outbox(limit=1)[0].sequence
        if wanted < first and self._store.set_aside(wanted, first):
            # It refused those before it could read which sequence they use up, so it never will have them.
            self._sign_anew(wanted)
            self._trouble(RENUMBERED, f"the gateway wants {wanted}, which is set aside")
            return True
        if wanted < first:
            self._trouble(GATEWAY_BEHIND, f"it wants transaction {wanted}, the oldest here is {first}")
        return False

    def _start_over(self) -> None:
        self._again = {}
        self._rewind()

    def _rewind(self) -> None:
        self._flying.clear()
        self._next = 0

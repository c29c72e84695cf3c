"""What custody asks of a ledger: to take a statement, to tell that it has, and what it says of records."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from qcot.certificates.claims import Role
from qcot.certificates.register import Register
from qcot.crypto import merkle
from qcot.custody.problems import ACCESS_MISSING, NOT_ON_LEDGER
from qcot.errors import QcotError
from qcot.ledger import qblock, transactions
from qcot.ledger.checkpoint import Checkpoint, VerifierKey
from qcot.ledger.problems import CHECKPOINT_UNSIGNED, LEDGER_CORRUPT
from qcot.ledger.reader import Reader
from qcot.ledger.trust import Trust
from qcot.records.rules import RecordBook

_POLL_S = 0.05

Submit = Callable[[bytes], object]
"""Hand a statement to the bridge, durably."""
Refusal = Callable[[bytes], QcotError | None]
"""Why the statement with this SHA-256 was refused, if it was."""
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class View:
    """A ledger at one moment: its book of records, and the time of its newest Qblock in ms."""

    book: RecordBook
    time: int


@dataclass(frozen=True)
class LedgerFile:
    """The ledger at ``path``; its checkpoints count where a gateway signed them that ``trust`` leads to."""

    path: Path
    trust: Trust
    submit: Submit
    refusal: Refusal

    def view(self) -> View:
        """What the ledger says now, also beyond its newest checkpoint."""
        with Reader.open(self.path) as ledger, ledger.snapshot():
            return _view(ledger)

    def settle(self, statement: bytes, wait_s: float, say: Say = lambda _: None) -> int:
        """Submit a statement, unless it is there, and wait until a checkpoint covers it; gives its leaf.

        Raises what the gateway refused it for, or `not-on-ledger-yet` after ``wait_s`` seconds: it stays submitted.
        """
        (at, leaf), digest = self._place(statement), hashlib.sha256(statement).digest()
        if leaf is None:
            self.submit(statement)
        until = time.monotonic() + wait_s
        say("handed to the bridge; waiting for the ledger")
        while True:
            refused = self.refusal(digest)
            if refused is not None:
                raise refused
            if self.path.is_file():
                with Reader.open(self.path) as ledger, ledger.snapshot():
                    if leaf is None:
                        leaf, at = _find(ledger, statement, at)
                        if leaf is not None:
                            say(f"in the ledger at leaf {leaf}; waiting for its Qblock")
                    if leaf is not None and self._signed_over(ledger, leaf) is not None:
                        return leaf
            if time.monotonic() >= until:
                what = "not in the ledger" if leaf is None else f"in the ledger at leaf {leaf}, without a checkpoint"
                raise QcotError(NOT_ON_LEDGER, f"statement {digest.hex()[:16]} is {what} after {wait_s:g} s")
            time.sleep(_POLL_S)

    def witness(self, statement_hash: bytes, leaf: int) -> View:
        """What the ledger says now, if it holds the statement at ``leaf`` under a checkpoint; `access-missing` else.

        The path from the leaf's bytes to the checkpoint's root is walked: the index of the ledger is not believed.
        """
        with Reader.open(self.path) as ledger, ledger.snapshot():
            signed = self._signed_over(ledger, leaf)
            raw = ledger.leaf(leaf) if signed is not None else b""
            if signed is None or raw[0] == qblock.FIRST_BYTE or not _holds(raw, statement_hash):
                raise QcotError(ACCESS_MISSING, f"access {statement_hash.hex()[:16]} is not at leaf {leaf}")
            path = merkle.inclusion_path(leaf, signed.size, ledger.node)
            if merkle.root_from_inclusion(merkle.leaf_hash(raw), leaf, signed.size, path) != signed.root:
                raise QcotError(LEDGER_CORRUPT, f"{self.path}: leaf {leaf} is not in the tree that was signed")
            return _view(ledger)

    def _place(self, statement: bytes) -> tuple[int, int | None]:
        """How many leaves there are, and which of them holds ``statement``."""
        if not self.path.is_file():  # a bridge may come before the first gateway
            return 0, None
        with Reader.open(self.path) as ledger, ledger.snapshot():
            return ledger.size(), next((leaf for leaf, _, raw in ledger.statements() if raw == statement), None)

    def _signed_over(self, ledger: Reader, leaf: int) -> Checkpoint | None:
        """The newest checkpoint if it covers ``leaf``, its signature and the signer's certificate verified."""
        signed, last = ledger.signed(), ledger.header(ledger.height() - 1)
        if signed is None or last is None or leaf >= signed.size:
            return None
        gateways = self._register(ledger).of_role(Role.GATEWAY, last.core.time // 1000)
        keys = (
            VerifierKey(ledger.origin, each.key)
            for each in gateways
            if each.key is not None and each.log is not None and each.log.origin == ledger.origin
        )
        signer = next((key for key in keys if signed.is_signed_by(key)), None)
        if signer is None or (signed.origin, ledger.authority) != (ledger.origin, self.trust.root):
            raise QcotError(CHECKPOINT_UNSIGNED, f"no gateway that is certified here signed the tree of {signed.size}")
        signed.verify(signer)
        return signed

    @cached_property
    def _trusted(self) -> Trust:
        """The same, its certificates checked."""
        self.trust.register()
        return self.trust

    def _register(self, ledger: Reader) -> Register:
        """What the log says of certificates, and what is known from outside it."""
        return self._trusted.beside(ledger.register())


def _view(ledger: Reader) -> View:
    last = ledger.header(ledger.height() - 1)
    return View(ledger.record_book(), last.core.time if last else 0)


def _find(ledger: Reader, statement: bytes, start: int) -> tuple[int | None, int]:
    """The leaf from ``start`` on whose transaction holds ``statement``, and where to look on if there is none."""
    size = ledger.size()
    for leaf, raw in ledger.leaves(start, size):
        if statement in raw and raw[0] != qblock.FIRST_BYTE and statement in transactions.parse(raw).statements:
            return leaf, leaf
    return None, size


def _holds(raw: bytes, statement_hash: bytes) -> bool:
    statements = transactions.parse(raw).statements
    return any(hashlib.sha256(each).digest() == statement_hash for each in statements)

"""The custodian of a home: its folders records and identities, its ledger, and its bridge's spool."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from qcot.bridge import spool
from qcot.bridge.problems import STATEMENT_REFUSED
from qcot.custody.custodian import Custodian
from qcot.custody.holder import Holder
from qcot.custody.identities import Identities
from qcot.custody.ledgers import LedgerFile, Say
from qcot.custody.store import Store
from qcot.errors import Problem, QcotError
from qcot.home import Home
from qcot.ledger.trust import Trust
from qcot.records import problems

_PROBLEMS = {each.name: each for each in vars(problems).values() if isinstance(each, Problem)}


def ledger_of(home: Home) -> LedgerFile:
    """The ledger of ``home`` with what its authority vouches for; raises `no-home`, `no-authority`, `not-certified`."""
    settings = home.settings()
    trust = Trust(home.root(), settings.site, home.chain("gateway"))
    return LedgerFile(home.ledger, trust, partial(_submit, home), partial(_refusal, home))


def _submit(home: Home, statement: bytes) -> None:
    spool.forget_refusal(home.path, hashlib.sha256(statement).digest())  # of an earlier try
    spool.submit(home.path, statement)


def _refusal(home: Home, digest: bytes) -> QcotError | None:
    """Why the gateway refused a statement, with the remedy that the rule has."""
    text = spool.refusal(home.path, digest)
    if not text:
        return None
    name, _, reason = text.partition(": ")
    return QcotError(_PROBLEMS.get(name, Problem(name, STATEMENT_REFUSED.remedy)), reason)


@contextmanager
def holder_of(home: Home) -> Iterator[Holder]:
    """Who has identities in ``home`` while the context lasts; it needs no site and no ledger."""
    with Store(home.path / "records" / "custody.sqlite") as store:
        yield Holder(store=store, identities=Identities(home.path / "identities"))


@contextmanager
def custodian_of(home: Home, wait_s: float = 0.0, say: Say = lambda _: None) -> Iterator[Custodian]:
    """The custodian of ``home`` while the context lasts."""
    ledger = ledger_of(home)
    with holder_of(home) as holder:
        yield Custodian(store=holder.store, identities=holder.identities, ledger=ledger, wait_s=wait_s, say=say)

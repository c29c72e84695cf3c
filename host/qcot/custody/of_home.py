"""The custodian of a home: its folders records and identities, its ledger, and its bridge's spool."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from qcot.bridge import spool
from qcot.custody.custodian import Custodian
from qcot.custody.holder import Holder
from qcot.custody.identities import Identities
from qcot.custody.ledgers import LedgerFile, Say
from qcot.custody.store import Store
from qcot.home import Home
from qcot.ledger.trust import Trust


def ledger_of(home: Home) -> LedgerFile:
    """The ledger of ``home`` with what its authority vouches for; raises `no-home`, `no-authority`, `not-certified`."""
    settings = home.settings()
    trust = Trust(home.root(), settings.site, home.chain("gateway"))
    return LedgerFile(home.ledger, trust, partial(spool.submit, home.path), lambda _: None)


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

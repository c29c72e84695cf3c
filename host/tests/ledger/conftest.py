"""A site for tests: boards that chain real frames, a bridge and a gateway with fixed keys, and ledgers of them."""

from functools import cache

import pytest
from ledger_site import Site
from qcot.ledger import qblock

qblock.walk_hash = cache(qblock.walk_hash)  # milliseconds each, of the same headers again and again


@pytest.fixture
def site():
    return Site()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "ledger" / "ledger.sqlite"


@pytest.fixture
def ledger(path, site):
    with site.open(path) as opened:
        yield opened


@pytest.fixture
def closed(ledger, site):
    """A ledger of two Qblocks over two boards, and one transaction that waits for the third."""
    site.fill(ledger, qblocks=2, transactions=2)
    site.append(ledger, [site.readings(site.boards[0])])
    return ledger

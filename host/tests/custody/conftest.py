"""A home with custody beside a real ledger."""

import pytest
from custody_site import CustodySite


@pytest.fixture
def site(tmp_path):
    made = CustodySite(tmp_path)
    yield made
    made.close()

"""Records over a real broker, bridge and gateway: what a statement goes through on its way to the ledger and back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from patience import PATIENCE_S
from qcot.authority.registration import found
from qcot.bridge import spool
from qcot.broker import EmbeddedBroker
from qcot.custody.of_home import custodian_of
from qcot.errors import QcotError
from qcot.home import Home
from qcot.ledger.reader import Reader
from qcot.ledger.trust import Trust
from qcot.ledger.verify import verify
from qcot.records import statements
from qcot.records.statements import Erase, Withdraw
from qcot.services import make_bridge, make_gateway
from qcot.settings import BrokerSettings, GatewaySettings, Settings


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """A home that runs, as `qcot up` has it, with a Qblock as soon as there is something to close."""
    with ExitStack() as stack:
        broker = stack.enter_context(EmbeddedBroker())
        settings = Settings(
            broker=BrokerSettings(port=broker.port), gateway=GatewaySettings(interval_s=0.2, shots=64)
        )  # fmt: skip
        made = found(tmp_path / "home", settings, time.time_ns() // 10**9)
        gateway = make_gateway(made)
        stack.callback(gateway.stop)
        gateway.start()
        bridge = make_bridge(made, ports=())
        stack.callback(bridge.stop)
        bridge.start()
        yield made


def test_a_record_goes_its_way_and_the_whole_ledger_verifies(home: Home) -> None:
    with custodian_of(home, PATIENCE_S) as custodian:
        for name in ("ada", "doctor"):
            custodian.identities.create(name)
        record = custodian.publish("ada", [("note.txt", b"no known allergies")], "text/plain")
        doctor = custodian.fresh("doctor")
        custodian.share(record, doctor.public, "treatment", None)
        opened = custodian.open(record, "doctor", "treatment")
        assert opened.items[0].content == b"no known allergies"
        custodian.revoke(record, doctor.kid)
        with pytest.raises(QcotError, match="consent-missing"):
            custodian.open(record, "doctor", "treatment")
        custodian.erase(record)
        assert [type(event.body).__name__ for event in custodian.ledger.view().book.log(record)] == [
            "Publish", "Consent", "Access", "Withdraw", "Erase",
        ]  # fmt: skip
        assert opened.item(0).check().body.record == record
        # What the ledger refuses is told to whoever waits for it, and nothing else is held up.
        owner = custodian.own("ada", custodian.store.pseudonyms("ada")[0][1])
        for late in (Withdraw(record, 4, doctor.kid), Erase(record, 4)):
            with pytest.raises(QcotError, match="record-erased"):
                custodian.ledger.settle(statements.build(owner.key, late, custodian.now()), PATIENCE_S)
        custodian.publish("ada", [("next.txt", b"")], "text/plain")
    assert not list(spool.folder(home.path).glob("*.cbor"))
    with Reader.open(home.ledger) as ledger:
        result = verify(ledger, Trust(home.root(), home.settings().site, home.chain("gateway")))
    assert result.holds, result.failure

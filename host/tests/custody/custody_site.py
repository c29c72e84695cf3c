"""A home with custody, and a real ledger that takes its statements; no part of it is a mock.

``bridge_runs`` and ``gateway_closes`` say how far a statement comes that is submitted.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from qcot.crypto.signing import ML_DSA_44, ML_DSA_65, SigningKey
from qcot.custody.custodian import Custodian
from qcot.custody.identities import Identities
from qcot.custody.ledgers import LedgerFile
from qcot.custody.store import Store
from qcot.errors import Problem, QcotError
from qcot.ledger import closing, transactions
from qcot.ledger.receipts import Status
from qcot.ledger.store import Ledger
from qcot.ledger.transactions import StatementEntry
from qcot.ledger.trust import Trust
from trust_site import Authority

SITE, ORIGIN = "clinic", "qcot/clinic/gateway"
BRIDGE_KEY, GATEWAY_KEY = SigningKey(ML_DSA_65, b"\x0b" * 32), SigningKey(ML_DSA_44, b"\x06" * 32)
ECG, NOTE = b"sinus rhythm, 71 beats a minute; " * 40, b"no known allergies of the patient"
CONTENTS = (("ecg.txt", ECG), ("note.txt", NOTE))


class CustodySite:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now = 1_790_000_000_000
        self.bridge_runs = self.gateway_closes = True
        self.submitted: list[bytes] = []
        self.refused: dict[bytes, QcotError] = {}
        self.sequence = 0
        authority = Authority(SITE)
        self.ledger = Ledger.open_or_create(
            folder / "ledger.sqlite", site=SITE, origin=ORIGIN, authority=authority.root
        )
        self.keeper = closing.Bookkeeper("gateway", GATEWAY_KEY, shots=64)
        self.append(authority.certificate, authority.bridge(BRIDGE_KEY))
        self.identities = Identities(folder / "identities")
        self.store = Store(folder / "records" / "custody.sqlite")
        trust = Trust(authority.root, SITE, (authority.certificate, authority.gateway(GATEWAY_KEY, origin=ORIGIN)))
        self.file = LedgerFile(self.ledger.path, trust, self.submit, self.refused.get)
        self.custodian = Custodian(
            store=self.store, identities=self.identities, ledger=self.file, wait_s=0.2, now=lambda: self.now
        )
        for name in ("ada", "doctor", "stranger"):
            self.identities.create(name)

    def close(self) -> None:
        self.store.close()
        self.ledger.close()

    def submit(self, statement: bytes) -> None:
        self.submitted.append(statement)
        if self.bridge_runs:
            self.append(statement)

    def append(self, *statements: bytes) -> None:
        """What bridge and gateway do with statements."""
        self.sequence += 1
        raw = transactions.build(
            BRIDGE_KEY, site=SITE, bridge="bridge", sequence=self.sequence, time=self.now, policy="default",
            entries=[StatementEntry(each) for each in statements],
        )  # fmt: skip
        (answer,) = self.ledger.append_transactions([transactions.parse(raw)], self.now)
        if answer.status is Status.REFUSED:
            problem = QcotError(Problem(answer.name, "See the ledger."), answer.reason)
            self.refused |= {hashlib.sha256(each).digest(): problem for each in statements}
        elif self.gateway_closes:
            closing.close_run(self.ledger, self.keeper, now=self.now, seed=7)

    def shared(self, purpose: str = "treatment", until: int | None = None) -> bytes:
        """A record of ada's that the doctor may open; gives its id."""
        record = self.custodian.publish("ada", CONTENTS, "text/plain")
        self.doctor = self.custodian.fresh("doctor")
        self.custodian.share(record, self.doctor.public, purpose, until)
        return record

"""How fast a ledger is recomputed from its stored bytes."""

from __future__ import annotations

import sys
import tempfile
import time
from hashlib import sha256
from pathlib import Path

from qcot.crypto.signing import ML_DSA_44, SigningKey
from qcot.ledger import closing
from qcot.ledger.reader import Reader
from qcot.ledger.store import Ledger
from qcot.ledger.transactions import parse
from qcot.ledger.trust import Trust
from qcot.ledger.verify import verify

from benchmarks.figure import Figure

sys.path += [str(Path(__file__).parents[1] / "tests" / each) for each in ("", "gateway")]
from boards import Board, BridgeSide
from trust_site import Authority

TRANSACTIONS = 1500
QBLOCK_EVERY = 100
FRAMES = (14, 14, 14, 14, 8)


def measure() -> list[Figure]:
    """Verify a ledger of transactions of 64 readings, with a Qblock at every 100."""
    bridge, boards, key = BridgeSide(site="bench"), [Board(n) for n in range(1, 9)], SigningKey(ML_DSA_44, bytes(32))
    authority = Authority("bench")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.sqlite"
        ledger = Ledger.open_or_create(path, site="bench", origin="qcot.local/bench", authority=authority.root)
        keeper = closing.Bookkeeper("gw", key, 256)
        ledger.append_transactions([parse(bridge.sign(*(board.enrolment() for board in boards)))])
        for number in range(TRANSACTIONS):
            board = boards[number % len(boards)]
            ledger.append_transactions([parse(bridge.sign(*(board.entry(board.readings(n)) for n in FRAMES)))])
            if number % QBLOCK_EVERY == QBLOCK_EVERY - 1:
                closing.end(
                    ledger, keeper, closing.begin(ledger, keeper, now=1_700_000_000_000 + number, seed=number).run()
                )
        ledger.close()
        trust = Trust(
            authority.root, "bench", (authority.certificate, authority.gateway(key, "gw", "qcot.local/bench"))
        )
        with Reader.open(path) as reader:
            leaves = [raw for _, raw in reader.leaves()]
            begun = time.perf_counter()
            result = verify(reader, trust)
            seconds = time.perf_counter() - begun
        assert result.holds, result.failure
    begun = time.perf_counter()
    for raw in leaves:
        sha256(raw).digest()
    hashing = time.perf_counter() - begun
    return [
        Figure(
            "ledger verify",
            round(result.counts.readings / seconds),
            "readings/s",
            "at least",
            50_000,
            f"SHA-256 over the same leaves alone: {result.counts.readings / hashing:,.0f} readings/s",
        )
    ]

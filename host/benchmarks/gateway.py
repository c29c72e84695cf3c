"""What a gateway takes on one core, and what the quantum part of a Qblock costs."""

import statistics
import sys
import tempfile
import time
from pathlib import Path

from qcot.crypto.signing import ML_DSA_44, SigningKey
from qcot.gateway import GatewayConfig
from qcot.gateway.books import Books
from qcot.gateway.inbox import Message
from qcot.gateway.worker import Worker

sys.path.append(str(Path(__file__).parents[1] / "tests" / "gateway"))
from boards import Board, BridgeSide

READINGS = (14, 14, 14, 14, 8)
"""Frames of a transaction of 64 readings."""
GROUP = 64


class Nowhere:
    def receipt(self, bridge, raw):
        pass

    def checkpoint(self, text):
        pass

    def tell(self, event):
        pass


def measure(transactions: int = 2048, qblocks: int = 30) -> dict[str, float]:
    """Transactions and readings a second through verification, judgement, fsynced storage and signed receipts."""
    bridge, boards = BridgeSide(site="bench"), [Board(number) for number in range(1, 9)]
    raws = [bridge.sign(*(board.enrolment() for board in boards))]
    for number in range(transactions):
        board = boards[number % len(boards)]
        raws.append(bridge.sign(*(board.entry(board.readings(count)) for count in READINGS)))
    with tempfile.TemporaryDirectory() as folder:
        config = GatewayConfig(
            "bench", "gw", "qcot.local/bench", Path(folder) / "ledger.db", SigningKey(ML_DSA_44, bytes(32)),
            {bridge.name: bridge.key.public_key}, interval_s=3600, max_transactions=1 << 30,
        )  # fmt: skip
        books = Books(config)
        worker = Worker(config, books, Nowhere(), wake=lambda: None, clock=lambda: time.time_ns() // 1_000_000)
        messages = [Message(bridge.name, raw, lambda: None) for raw in raws]
        worker.step(messages[:1], False)
        start = time.perf_counter()
        for at in range(1, len(messages), GROUP):
            worker.step(messages[at : at + GROUP], False)
        seconds = time.perf_counter() - start
        books.validator.prepare()
        quantum, whole = [], []
        for number in range(qblocks):
            board = boards[0]
            worker.step([Message(bridge.name, bridge.sign(board.entry()), lambda: None)], False)
            begun = time.perf_counter()
            closing = books.begin_qblock(1_700_000_000_000 + 1000 * number)
            before = time.perf_counter()
            header = closing.run()
            quantum.append(time.perf_counter() - before)
            books.end_qblock(header)
            whole.append(time.perf_counter() - begun)
        stored = worker.snapshot(True)
        assert stored.transactions == len(raws) + qblocks
        books.close()
    return {
        "transactions_s": transactions / seconds,
        "readings_s": transactions * sum(READINGS) / seconds,
        "bytes_per_transaction": statistics.mean(map(len, raws[1:])),
        "quantum_part_ms": 1000 * statistics.median(quantum[3:]),
        "quantum_part_worst_ms": 1000 * max(quantum[3:]),
        "qblock_ms": 1000 * statistics.median(whole[3:]),
    }


if __name__ == "__main__":
    print(measure())

"""What a gateway takes on one core, and what the quantum part of a Qblock costs."""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qcot.channel.opener import Unsealing
from qcot.channel.sealer import Rekey, Sealer, Sealing
from qcot.channel.secret import Names
from qcot.crypto.cose import Sign1
from qcot.crypto.kem import ML_KEM_768
from qcot.gateway import GatewayConfig
from qcot.gateway.books import Books
from qcot.gateway.inbox import Message
from qcot.gateway.intake import examine
from qcot.gateway.worker import Worker
from qcot.ledger.transactions import Transaction, envelope
from qcot.mqtt import tx_topic

from benchmarks.figure import Figure

sys.path += [str(Path(__file__).parents[1] / "tests"), str(Path(__file__).parents[1] / "tests" / "gateway")]
from boards import Board, BridgeSide
from gateway_site import GATEWAY_KEY
from trust_site import Authority

SITE, ORIGIN = "bench", "qcot.local/bench"
READINGS = (14, 14, 14, 14, 8)
"""Frames of a transaction of 64 readings."""
TRANSACTIONS, GROUP, ROUNDS = 1024, 64, 3
QBLOCKS = 30


class Nowhere:
    def receipt(self, bridge, raw):
        pass

    def checkpoint(self, text):
        pass

    def tell(self, event):
        pass


@dataclass(frozen=True)
class Rate:
    """Things a second: median and quartiles over groups of them."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, rates: Sequence[float]) -> Rate:
        low, median, high = statistics.quantiles(rates, n=4)
        return cls(median, low, high)

    def __str__(self) -> str:
        return f"{self.low:,.0f} to {self.high:,.0f} are its quartiles"


@contextmanager
def one_core() -> Iterator[None]:
    """Keep this process, whatever threads it has, on one core."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def rate(work: Callable[[Sequence[Any]], None], group: Sequence[Any], clock: Callable[[], float]) -> float:
    """How many of ``group`` are done in a second of ``clock``."""
    begun = clock()
    work(group)
    return len(group) / (clock() - begun)


def grouped(payloads: Sequence[Any]) -> list[Sequence[Any]]:
    return [payloads[at : at + GROUP] for at in range(0, len(payloads), GROUP)]


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Site:
    """A gateway without a broker, and a bridge that has enrolled its boards and opened its channel."""

    def __init__(self, folder: Path, *, sealed: bool) -> None:
        authority = Authority(SITE)
        chain = (authority.certificate, authority.gateway(GATEWAY_KEY, "gw", ORIGIN))
        config = GatewayConfig(
            SITE, "gw", ORIGIN, folder / "ledger.db", GATEWAY_KEY, authority.root, chain,
            interval_s=3600, max_transactions=1 << 30, unsealing=Unsealing() if sealed else None,
        )  # fmt: skip
        self.bridge, self.boards = BridgeSide(site=SITE), [Board(number) for number in range(1, 9)]
        self.books = Books(config)
        self.worker = Worker(
            config, self.books, Nowhere(), wake=lambda: None, clock=lambda: time.time_ns() // 1_000_000
        )
        self.sealer = self._sealer() if sealed else None
        self.step(self.seal([self.bridge.sign(*(board.enrolment() for board in self.boards))]))

    def _sealer(self) -> Sealer:
        chain = (Authority(SITE).certificate, self.bridge.certificate)
        sealing = Sealing(ML_KEM_768, rekey=Rekey(seconds=3600.0), certificates=lambda: chain)
        sealer = Sealer(
            Names(SITE, self.bridge.name, "gw"), tx_topic(SITE, self.bridge.name), sealing,
            gateway=GATEWAY_KEY.public_key, key=lambda: self.bridge.key,
            clock=time.monotonic, changed=lambda: None, failed=lambda *_: None,
        )  # fmt: skip
        sealer.offered(self.worker.opener.offer())
        assert sealer.ready()
        return sealer

    def seal(self, raws: Sequence[bytes]) -> list[bytes]:
        """What the bridge sends for them."""
        return [payload for raw in raws for payload in self.sealer.seal(raw)] if self.sealer else list(raws)

    def sign(self, count: int) -> list[bytes]:
        """Transactions of 64 readings."""
        made = []
        for number in range(count):
            board = self.boards[number % len(self.boards)]
            made.append(self.bridge.sign(*(board.entry(board.readings(count)) for count in READINGS)))
        return made

    def examine(self, payloads: Sequence[bytes]) -> None:
        """Open, read and verify, and no more."""
        identities, opener = self.worker._identities, self.worker.opener
        for payload in payloads:
            assert isinstance(
                examine(payload, bridge=self.bridge.name, identities=identities, opener=opener), Transaction
            )

    def verify(self, signed: Sequence[Sign1]) -> None:
        """The signatures alone: what no way of reading can save."""
        for each in signed:
            each.verify(self.bridge.key.public_key)

    def step(self, payloads: Sequence[bytes]) -> None:
        """Open, read, verify, judge, store and answer."""
        self.worker.step([Message(self.bridge.name, payload, lambda: None) for payload in payloads], False)

    def qblocks(self, count: int) -> tuple[list[float], list[float]]:
        """Milliseconds of the quantum part, and of the whole, of Qblocks with one transaction each."""
        self.books.validator.prepare()
        quantum, whole = [], []
        for number in range(count):
            self.step(self.seal([self.bridge.sign(self.boards[0].entry())]))
            begun = time.perf_counter()
            closing = self.books.begin_qblock(1_700_000_000_000 + 1000 * number)
            before = time.perf_counter()
            header = closing.run()
            quantum.append(1000 * (time.perf_counter() - before))
            self.books.end_qblock(header)
            whole.append(1000 * (time.perf_counter() - begun))
        return quantum[3:], whole[3:]


def transactions(*, sealed: bool, count: int = TRANSACTIONS) -> tuple[Rate, Rate, Rate]:
    """Transactions a second on one core: opened and verified; their signatures alone; judged, stored and answered, too.

    The former two in turns, by the processor time of this process, which waits for nothing; the last by the wall clock.
    """
    with tempfile.TemporaryDirectory() as folder, one_core():
        site = Site(Path(folder), sealed=sealed)
        raws = site.sign(count)
        signed = [envelope(raw) for raw in raws]
        examined, verified = [], []
        for _ in range(ROUNDS):
            for payloads, alone in zip(grouped(site.seal(raws)), grouped(signed), strict=True):
                examined.append(rate(site.examine, payloads, time.process_time))
                verified.append(rate(site.verify, alone, time.process_time))
        stored = [rate(site.step, payloads, time.perf_counter) for payloads in grouped(site.seal(raws))]
        assert site.worker.snapshot(True).transactions == count + 1
        site.books.close()
    return Rate.of(examined), Rate.of(verified), Rate.of(stored)


def measure(count: int = TRANSACTIONS, qblocks: int = QBLOCKS) -> list[Figure]:
    """All figures of the gateway without its broker."""
    opened, verified, stored = transactions(sealed=True, count=count)
    plain, _, plain_stored = transactions(sealed=False, count=count)
    with tempfile.TemporaryDirectory() as folder:
        site = Site(Path(folder), sealed=True)
        quantum, whole = site.qblocks(qblocks)
        site.books.close()
    return [
        Figure(
            "gateway, one core: open (AES-256-GCM), read and verify (ML-DSA-65) a transaction of 64 readings; median",
            round(opened.median), "transactions/s", "at least", 1500,
            f"{opened}; its signature alone {verified.median:,.0f}; {plain.median:,.0f} with the channel off; "
            "processor time, pinned to one core",
        ),
        Figure(
            "gateway, one core: the same, judged, stored and answered in groups of 64; median",
            round(stored.median), "transactions/s",
            baseline=f"{stored}; {64 * stored.median:,.0f} readings/s by the wall clock; "
            f"{plain_stored.median:,.0f} transactions/s with the channel off",
        ),
        Figure(
            "quantum part of a Qblock in the live gateway: bookkeeper validated, walk hash, local check; median",
            round(statistics.median(quantum), 1), "ms", "at most", 50,
            f"whole Qblock with its commits {statistics.median(whole):.1f} ms",
        ),
    ]  # fmt: skip


if __name__ == "__main__":
    for figure in measure():
        print(figure.row())

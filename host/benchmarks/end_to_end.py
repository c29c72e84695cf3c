"""100 native boards x 100 readings/s through bridge, Mosquitto and gateway: is anything lost, and how late is it?"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from qcot.authority.registration import found, register_board
from qcot.boards.emulator import EmulatedBoard
from qcot.boards.enroll import enroll
from qcot.boards.registry import BoardRegistry
from qcot.broker import Mosquitto
from qcot.errors import QcotError
from qcot.home import Home
from qcot.ledger import transactions
from qcot.ledger.reader import Reader
from qcot.ledger.transactions import FrameEntry
from qcot.link import frames, messages
from qcot.settings import BridgeSettings, BrokerSettings, ChannelSettings, GatewaySettings, Settings

from benchmarks import broker as raw_broker
from benchmarks.figure import Figure

BOARDS = 100
RATE_HZ = 100
QBLOCK_S = 1.0
DRAIN_S = 60.0
MARGIN_S = 5.0
"""Left out of the latencies, not of the losses, at either end: boards that are being opened or wait to be stopped."""
QCOT = [sys.executable, "-c", "from qcot.cli.main import main; main()"]


@dataclass(frozen=True)
class Outcome:
    """What came of one run; ``latencies`` in seconds from sample to Qblock on disk, ascending, of ``seconds`` of it.

    ``cpu_us``: of bridge and gateway together for each reading of that time.
    """

    sampled: int
    recorded: int
    told_lost: int
    latencies: list[float]
    seconds: float
    leaves: list[bytes]
    cpu_us: float

    @property
    def lost(self) -> int:
        """Readings that are not in the ledger as they were sampled."""
        return self.sampled - self.recorded + self.told_lost

    def percentile(self, share: float) -> float:
        return self.latencies[min(len(self.latencies) - 1, int(share * len(self.latencies)))]


@contextmanager
def _daemon(home: Home, *words: str, **settings: str) -> Iterator[int]:
    environment = os.environ | {"QCOT_HOME": str(home.path)} | settings
    process = subprocess.Popen([*QCOT, *words], env=environment, stdout=subprocess.DEVNULL)
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait(60)


def _cpu_s(*pids: int) -> float:
    """CPU time, in user and kernel mode, of these processes so far (proc(5), fields 14 and 15 of stat)."""
    fields = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in pids]
    return sum(int(each[11]) + int(each[12]) for each in fields) / os.sysconf("SC_CLK_TCK")


def _watch(home: Home, seen: dict[int, float], stopped: threading.Event) -> None:
    """Note when each Qblock was first seen on disk."""
    while not stopped.wait(0.02):
        try:
            with Reader.open(home.ledger) as ledger:
                while not stopped.wait(0.02):
                    height = ledger.height()
                    for each in range(len(seen), height):
                        seen[each] = time.time()
        except QcotError:  # not made yet
            continue


def run(seconds: float = 60.0, boards: int = BOARDS, channel: str = "ML-KEM-768") -> Outcome:
    """Run for ``seconds``, drain, and settle every reading against the boards' own logs.

    ``channel`` is how transactions are sealed, as in the settings.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="qcot-bench-")))
        (folder / "mosquitto").mkdir()
        broker = stack.enter_context(Mosquitto(folder / "mosquitto"))
        settings = Settings(
            site="bench",
            broker=BrokerSettings(port=broker.port),
            bridge=BridgeSettings(ports=()),
            gateway=GatewaySettings(interval_s=QBLOCK_S),
            channel=ChannelSettings(kem=channel),
        )
        home = found(folder / "home", settings, int(time.time()))
        running = [
            stack.enter_context(EmulatedBoard.start("native", state_dir=folder / f"board-{n}", seed=n))
            for n in range(boards)
        ]
        registry = BoardRegistry(home.path)
        with ThreadPoolExecutor(16) as pool:
            enrolled = list(pool.map(lambda board: enroll(board.port, registry), running))
        for each in enrolled:
            register_board(home, each.board, int(time.time()))
        ports = {"QCOT_BRIDGE__PORTS": json.dumps([board.port for board in running])}
        seen: dict[int, float] = {}
        stopped = threading.Event()
        watcher = threading.Thread(target=_watch, args=(home, seen, stopped))
        watcher.start()
        stack.callback(watcher.join)
        stack.callback(stopped.set)
        with _daemon(home, "gateway") as gateway:
            sampling = json.dumps({"*": {"A0": RATE_HZ}})
            with _daemon(home, "bridge", **ports, QCOT_BRIDGE__RATES=sampling) as bridge:
                time.sleep(MARGIN_S)
                begun, before_s = time.time(), _cpu_s(gateway, bridge)
                time.sleep(seconds)
                ended, cpu_s = time.time(), _cpu_s(gateway, bridge) - before_s
                time.sleep(MARGIN_S)
            with _daemon(home, "bridge", **ports, QCOT_BRIDGE__RATES=json.dumps({"*": {"A0": 0}})):
                sampled = _drain(home, running)
        return _settle(home, seen, sampled, (begun, ended), cpu_s)


def _drain(home: Home, running: list[EmulatedBoard]) -> int:
    end, before = time.monotonic() + DRAIN_S, -1
    while True:
        time.sleep(1.0)
        sampled = sum(len(board.adc_log()) for board in running)
        with Reader.open(home.ledger) as ledger:
            recorded = sum(device.next_seq for device in ledger.devices().values())
        if (sampled == before and recorded >= sampled) or time.monotonic() > end:
            return sampled
        before = sampled


def _settle(home: Home, seen: dict[int, float], sampled: int, window: tuple[float, float], cpu_s: float) -> Outcome:
    recorded = lost = 0
    lines: dict[bytes, list[tuple[int, int, float]]] = {}
    leaves = []
    with Reader.open(home.ledger) as ledger:
        headers = [header for n in range(ledger.height()) if (header := ledger.header(n))]
        for header in headers:
            closed = seen[header.core.height]
            for _, raw in ledger.leaves(header.core.first_leaf, header.core.tree_size):
                leaves.append(raw)
                for entry in transactions.parse(raw).entries:
                    frame = frames.parse(entry.frame) if isinstance(entry, FrameEntry) else None
                    if not isinstance(entry, FrameEntry) or frame is None or frame.type != messages.Readings.TYPE:
                        continue
                    for reading in messages.Readings.decode(frame.body).readings():
                        recorded += 1
                        lost += reading.value if reading.is_loss else 0
                        lines.setdefault(entry.device, []).append((reading.time, entry.received, closed))
    latencies = []
    for line in lines.values():
        # A board's clock against ours: no frame can come before its last reading, and the quickest shows the offset.
        offset = min(received - time_ms for time_ms, received, _ in line)
        at = [(closed, (time_ms + offset) / 1000) for time_ms, _, closed in line]
        latencies += [closed - taken for closed, taken in at if window[0] <= taken < window[1]]
    cpu_us = 1e6 * cpu_s / len(latencies)
    return Outcome(sampled, recorded, lost, sorted(latencies), window[1] - window[0], leaves, cpu_us)


def measure(seconds: float = 60.0) -> list[Figure]:
    """The end-to-end figures, and the ceiling of the same broker for the same bytes in the same run."""
    outcome = run(seconds)
    rate = len(outcome.latencies) / outcome.seconds
    ceiling = _ceiling(outcome) * outcome.recorded
    return [
        Figure(
            "end to end, 100 boards x 100 Hz: lost",
            outcome.lost,
            "readings",
            "at most",
            0,
            f"{outcome.sampled:,} sampled, {outcome.recorded:,} in the ledger",
        ),
        Figure(
            "end to end: p99 from sample to Qblock on disk",
            round(outcome.percentile(0.99), 3),
            "s",
            "at most",
            2.5,
            f"median {outcome.percentile(0.5):.3f} s, worst {outcome.latencies[-1]:.3f} s, 1 s Qblocks",
        ),
        Figure("end to end: carried", round(rate), "readings/s", baseline=f"{rate / ceiling:.1%} of the raw ceiling"),
        Figure(
            "raw ceiling: the same bytes through the same broker",
            round(ceiling),
            "readings/s",
            baseline=f"Mosquitto, QoS 1, {len(outcome.leaves):,} messages with nothing done to them",
        ),
    ]


def _ceiling(outcome: Outcome) -> float:
    """How often a second all those bytes go through Mosquitto from one client to another."""
    with tempfile.TemporaryDirectory() as folder, Mosquitto(Path(folder)) as mosquitto:
        return 1 / raw_broker.carry(mosquitto.host, mosquitto.port, outcome.leaves)

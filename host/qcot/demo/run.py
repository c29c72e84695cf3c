"""The demonstration: simulated Unos, flashed and enrolled like real ones, through to a verified ledger."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from qcot.authority.registration import found, register_board
from qcot.boards.avr import AvrBoard
from qcot.boards.build import build
from qcot.boards.emulator import EmulatedBoard, build_emulator
from qcot.boards.enroll import enroll
from qcot.boards.flash import upload
from qcot.boards.recording import heartpy_recordings
from qcot.boards.registry import BoardRegistry, EnrolledBoard
from qcot.bridge import signing
from qcot.bridge.cable import Cable
from qcot.bridge.daemon import Bridge
from qcot.bridge.snapshot import BridgeView
from qcot.broker import EmbeddedBroker
from qcot.certificates import certificate
from qcot.certificates.certificate import Certificate
from qcot.demo.account import Account, readings_of, settle
from qcot.demo.tamper import Caught, Detection, alter_evidence, flip_reading, forge_phase
from qcot.errors import Problem, QcotError
from qcot.gateway.events import Snapshot
from qcot.gateway.gateway import Gateway
from qcot.home import Home
from qcot.ledger import proving
from qcot.ledger.case import Given
from qcot.ledger.reader import Reader
from qcot.ledger.report import Report, check
from qcot.ledger.verify import Result, verify
from qcot.services import make_bridge, make_gateway
from qcot.settings import BridgeSettings, BrokerSettings, GatewaySettings, Settings

ENV = "uno_h5"  # an Uno with a tree of 32 leaves: 1,024 take it 20 minutes, and its emulator four
CHANNEL = "A0"
RATE_HZ = 100.0
# What qcot.boards.flash runs against a bootloader; each board's own HELLO then has to name the uploaded image.
UPLOADED_WITH = "platformio, avrdude -c arduino, optiboot"
NOT_EMPTY = Problem("folder-not-new", "Name a folder with --keep that is empty or not there yet.")
OTHER_IMAGE = Problem("other-image", "Run it again; the upload was read back, yet the board runs something else.")
STALLED = Problem("demo-stalled", "Run it again on a machine that is less busy; the table shows what did not move.")
STALL_S = 120.0
LOOK_EVERY_S = 0.25

Say = Callable[[str], None]
Watch = Callable[[BridgeView, Snapshot], None]


@dataclass
class Demo:
    """What is asked for, and as it goes on, what is found. ``folder`` must be empty or not there.

    ``say`` hears of each step, ``detail`` what the tools of a long one print, ``watch`` sees the running site.
    """

    folder: Path
    qblocks: int = 5
    boards: int = 2
    interval_s: float = 2.0
    say: Say = print
    detail: Say = lambda line: None
    watch: Watch = lambda bridge, gateway: None
    accounts: list[Account] = field(default_factory=list)
    chain: list[str] = field(default_factory=list)
    verified: Result | None = None
    evidence: Report | None = None
    caught: list[Caught] = field(default_factory=list)
    detection: Detection | None = None
    seconds: float = 0.0

    def run(self, until: Callable[[], bool] | None = None) -> None:
        """Do all of it. ``until``, where given, says when to stop recording, in place of ``qblocks``."""
        begun = time.monotonic()
        self._claim_folder()
        with ExitStack() as stack:
            boards = self._flashed_boards(stack)
            home = self._home(stack)
            devices = [self._enrol(board, home) for board in boards]
            self._own_keys(home, boards)
            with self._site(home, boards) as (bridge, gateway):
                self._record(home, bridge, gateway, devices, until)
        self._judge(home, boards, devices)
        self.seconds = time.monotonic() - begun

    def _claim_folder(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if any(self.folder.iterdir()):
                raise QcotError(NOT_EMPTY, f"{self.folder} holds something already")
        except OSError as error:
            raise QcotError(NOT_EMPTY, f"{self.folder}: {error.strerror}") from error

    # The boards

    def _flashed_boards(self, stack: ExitStack) -> list[EmulatedBoard]:
        self.say("building the firmware and the emulator")
        build(ENV, self.detail)
        build_emulator()
        recordings = heartpy_recordings()
        boards = []
        for number in range(self.boards):
            recording = recordings[number % len(recordings)]
            board = EmulatedBoard.start(
                ENV, state_dir=self.folder / f"board-{number}", signal=recording, blank=True, seed=number
            )
            boards.append(stack.enter_context(board))
            self.say(f"simulated {ENV} {board.port}, {CHANNEL}: pulse {recording.name}")
        self.say("uploading through the bootloaders: pio run -e uno -t upload")
        with ThreadPoolExecutor(len(boards)) as pool, _stopped_on_error(boards):
            for image in pool.map(lambda board: upload(ENV, board.port, self.detail), boards):
                self.say(f"uploaded {image.flash:,} bytes, image {image.image.hex()[:16]}, verified by avrdude")
        return boards

    def _enrol(self, board: EmulatedBoard, home: Home) -> bytes:
        done = enroll(board.port, BoardRegistry(home.path)).board
        if done.image != build(ENV).image:
            raise QcotError(OTHER_IMAGE, f"board {done.device.hex()} says that it runs {done.image.hex()}")
        self.say(f"enrolled board {done.device.hex()} ({done.model}, {len(done.channels)} channels), runs that image")
        made = register_board(home, done, int(time.time()))
        assert isinstance(made, Certificate)  # the authority is in the demonstration's home
        self.chain.append(f"board {made.name}")
        self.say(f"it proved that it has its key: certificate {made.serial.hex()[:16]} under policy {made.policy}")
        return done.device

    def _own_keys(self, home: Home, boards: list[EmulatedBoard]) -> None:
        self.say("each board makes a signing key of its own (LMS, 32 leaves), simulated faster than real time")
        with ThreadPoolExecutor(len(boards)) as pool, _stopped_on_error(boards):
            for each in pool.map(lambda board: self._own_key(home, board), boards):
                made = register_board(home, each, int(time.time()))  # in turn: each opens a window of its own
                assert isinstance(made, Certificate)
                self.say(f"certificate {made.serial.hex()[:16]} holds {made.name}'s own key, which signed for it")

    def _own_key(self, home: Home, board: EmulatedBoard) -> EnrolledBoard:
        assert isinstance(board, AvrBoard)
        board.full_speed()
        with Cable(board.port, BoardRegistry(home.path)) as cable:
            cable.make_key(lambda step: self.detail(f"{board.port}: {step.done} of {step.total} leaves"))
            cable.prove()
            cable.note()
        board.real_time()
        return cable.board

    # The site

    def _home(self, stack: ExitStack) -> Home:
        broker = stack.enter_context(EmbeddedBroker())
        settings = Settings(
            site="demo",
            broker=BrokerSettings(port=broker.port),
            bridge=BridgeSettings(ports=()),
            gateway=GatewaySettings(interval_s=self.interval_s),
        )
        home = found(self.folder / "home", settings, int(time.time()))
        root = home.authority_keys()
        self.chain = [f"root {root.root.algorithm.name}"]
        for part in ("issuer", "bridge", "gateway"):
            made = certificate.parse(home.certificate(part))
            assert made.key is not None  # only a board has none
            self.chain.append(f"{made.role} {made.key.algorithm.name}")
        self.say(f"authority {root.fingerprint}: " + ", ".join(self.chain))
        return home

    @contextmanager
    def _site(self, home: Home, boards: list[EmulatedBoard]) -> Iterator[tuple[Bridge, Gateway]]:
        gateway = make_gateway(home)
        gateway.start()
        try:
            bridge = make_bridge(home, ports=tuple(board.port for board in boards), rates={"*": {CHANNEL: RATE_HZ}})
            bridge.start()
            try:
                yield bridge, gateway
            finally:
                bridge.stop()
        finally:
            gateway.stop()

    def _record(
        self, home: Home, bridge: Bridge, gateway: Gateway, devices: list[bytes], until: Callable[[], bool] | None
    ) -> None:
        self.say(
            f"recording {CHANNEL} at {RATE_HZ:.0f} readings/s, a Qblock every {self.interval_s:g} s, "
            + (f"until there are {self.qblocks}" if until is None else "until Ctrl-C")
        )

        self._wait(bridge, gateway, lambda _, log: log.readings > 0, "no reading")
        before = gateway.snapshot().qblocks  # with certificates only

        def enough(log: Snapshot) -> bool:
            return log.qblocks >= before + self.qblocks if until is None else until() and log.qblocks > before

        self._wait(bridge, gateway, lambda _, log: enough(log), "no new Qblock")
        bridge.set_rates({"*": {CHANNEL: 0}})
        self._wait(bridge, gateway, lambda site, _: _all_on_disk(site), "a board keeps readings")
        self.say("each board signs its whole chain itself")
        for device in devices:
            signing.request(home.path, device, "sign")
        self._wait(bridge, gateway, lambda *_: _signers(home) == set(devices), "no board signs")
        if not bridge.drain():
            raise QcotError(STALLED, "the gateway did not take all transactions")

    def _wait(
        self, bridge: Bridge, gateway: Gateway, done: Callable[[BridgeView, Snapshot], bool], stalled: str
    ) -> None:
        seen, since = -1, time.monotonic()
        while True:
            site, log = self._look(bridge, gateway)
            if done(site, log):
                return
            if log.qblocks != seen:
                seen, since = log.qblocks, time.monotonic()
            elif time.monotonic() - since > STALL_S:
                raise QcotError(STALLED, f"{stalled} in {STALL_S:.0f} s")

    def _look(self, bridge: Bridge, gateway: Gateway) -> tuple[BridgeView, Snapshot]:
        time.sleep(LOOK_EVERY_S)
        site, log = bridge.snapshot(), gateway.snapshot()
        self.watch(site, log)
        return site, log

    # The judgement

    def _judge(self, home: Home, boards: list[EmulatedBoard], devices: list[bytes]) -> None:
        trust, file = home.trust(), self.folder / "reading.qcot"
        self.say("verifying the ledger from its stored bytes")
        with Reader.open(home.ledger) as ledger:
            self.verified = verify(ledger, trust)
            for board, device in zip(boards, devices, strict=True):
                sampled = [each.value for each in board.adc_log() if each.channel == 0]
                self.accounts.append(settle(device, sampled, readings_of(ledger, device), channel=0))
            epoch = ledger.devices()[devices[0]].epoch
            file.write_bytes(proving.for_reading(ledger, trust, devices[0], epoch, 0).encode())
        self.evidence = check(file.read_bytes(), Given(home.root()))
        self.say(
            f"evidence for one reading: {file.stat().st_size:,} bytes with its whole chain of certificates, "
            + ("verified under the root key alone" if self.evidence.holds else str(self.evidence.failure))
        )
        self.say("tampering with two copies of the ledger and one of the evidence")
        self.caught.append(flip_reading(home.ledger, self.folder / "flipped.sqlite", trust))
        forged, self.detection = forge_phase(
            home.ledger, self.folder / "forged.sqlite", trust, seed=secrets.randbits(31)
        )
        self.caught.append(forged)
        self.caught.append(alter_evidence(file, Given(home.root())))

    @property
    def holds(self) -> bool:
        """Whether the ledger and a reading's evidence verify, no loss is untold, and each forgery was caught."""
        return (
            self.verified is not None
            and self.verified.holds
            and len(self.verified.boards) == self.boards
            and self.evidence is not None
            and self.evidence.holds
            and all(each.accounted and each.recorded for each in self.accounts)
            and all(each.finding for each in self.caught)
        )

    def report(self) -> dict[str, Any]:
        """What ``--report`` writes."""
        return {
            "boards": len(self.accounts),
            "board_kind": f"{ENV}, simulated (simavr)",
            "uploaded_with": UPLOADED_WITH,
            "readings_sampled": sum(each.sampled for each in self.accounts),
            "readings_in_ledger": sum(each.recorded for each in self.accounts),
            "readings_told_lost": sum(each.told_lost for each in self.accounts),
            "every_value_accounted": all(each.accounted for each in self.accounts),
            "transactions": self.verified.counts.transactions if self.verified else 0,
            "qblocks": self.verified.counts.qblocks if self.verified else 0,
            "ledger_verified": self.verified is not None and self.verified.holds,
            "certified": self.chain,
            "signed_by_boards": sum(each.checkpoints for each in self.verified.boards) if self.verified else 0,
            "evidence_verified": self.evidence is not None and self.evidence.holds,
            "tampering_detected": all(each.finding for each in self.caught),
            "tampering": [asdict(each) for each in self.caught],
            "quantum_backend": self.detection.backend if self.detection else None,
            "quantum_check": asdict(self.detection) if self.detection else None,
            "accounts": [asdict(each) for each in self.accounts],
            "seconds": round(self.seconds, 1),
        }


@contextmanager
def _stopped_on_error(boards: list[EmulatedBoard]) -> Iterator[None]:
    """An upload ends when its board does; who interrupts one does not want to wait for the other."""
    try:
        yield
    except BaseException:
        for board in boards:
            board.unplug()
        raise


def _signers(home: Home) -> set[bytes]:
    """The boards whose own signature is in the ledger."""
    with Reader.open(home.ledger) as ledger:
        return {each.device for each in ledger.signed_by_boards()}


def _all_on_disk(site: BridgeView) -> bool:
    """Whether every board says that it keeps nothing that the bridge does not have on disk."""
    return all(board.base == board.head == board.stored for board in site.boards)

"""What LMS signatures cost on a Uno: exact, since simavr counts cycles and the emulator has an EEPROM byte take 3.4 ms.

The default set's key is generated to its last leaf by the firmware itself, in the board's own time, while it is sampled
at 10 Hz; the host answers at once, as far as the line lets it. The other sets' times are those of the signer's steps
alone, and their key generation is computed from one leaf.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from binascii import crc_hqx
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean

from qcot.boards.avr import AvrBoard
from qcot.boards.build import build, firmware, pio_environment, project_root
from qcot.boards.emulator import EmulatedBoard
from qcot.boards.nodes import NodeStore
from qcot.boards.stepped import CLOCK_HZ, SteppedBoard
from qcot.bridge.making import KeyReady, Outcome, Signed
from qcot.bridge.signer import SignerDriver
from qcot.link.events import Event, Resume, SawHello, SawResult, SawStatus, SessionOpened, TookReadings
from qcot.link.session import Session

from benchmarks.figure import Figure

DEVICE, KEY = bytes(range(1, 9)), bytes(range(32))
RATE_MHZ = 10_000
SIGNATURES = 24
SIGNER_AT = 640, 1024  # docs/board.md, EEPROM
ENDURANCE, PAIRS = 100_000, 13  # of a cell; that take turns, a pair of copies each generation
AROUND = 11
"""Bytes of static RAM that the signer has outside of its class: 8 in Board, 3 beside the watchdog."""


@dataclass
class Run:
    """A host that holds the board's time. ``began`` is when a SIGN went out, ``took`` how long signatures took."""

    board: SteppedBoard
    folder: Path
    session: Session = field(default_factory=lambda: Session(listen=0.0))
    position: Resume = field(default_factory=Resume)
    readings: int = 0
    lost: int = 0
    free_ram: int = 0
    free_before: int = 0
    cycle: int = 0
    began: int = 0
    took: list[int] = field(default_factory=list)
    writes: int = 0
    worn: tuple[int, int] = (0, 0)

    def __post_init__(self) -> None:
        self.driver = SignerDriver(DEVICE, self.session, lambda name: NodeStore(self.folder, name))
        self._sign = self.session.sign
        self.session.sign = self._timed  # type: ignore[method-assign]

    def _timed(self, leaf: int) -> None:
        self.began = -1
        self._sign(leaf)

    def until(self, done: Callable[[Event | Outcome], bool]) -> None:
        """Serve the board until an event or an outcome is the one that is waited for."""
        while True:
            now = self.cycle / CLOCK_HZ
            data = self.session.poll(now)
            if data and self.began < 0:
                self.began = self.cycle
            wait = min(self.session.wake(now), self.driver.deadline) - now
            step = self.board.run(max(int(min(wait, 1.0) * CLOCK_HZ), 2_000), data)
            self.cycle, self.writes = step.cycle, step.writes
            for event in self.session.receive(step.said, step.cycle / CLOCK_HZ):
                self._event(event)
                outcomes = self.driver.take(event, step.cycle / CLOCK_HZ)
                for outcome in outcomes:
                    if isinstance(outcome, Signed):
                        self.took.append(step.cycle - self.began)
                if any(done(found) for found in (event, *outcomes)):
                    return
            if self.session.device is not None:
                self.driver.tick(self.cycle / CLOCK_HZ)

    def rest(self, seconds: float) -> None:
        """Serve the board for so long."""
        end = self.cycle + int(seconds * CLOCK_HZ)
        self.until(lambda found: isinstance(found, SawStatus) and self.cycle >= end)

    def _event(self, event: Event) -> None:
        match event:
            case SawHello(hello=hello) if self.session.device is None:
                self.session.open(hello, KEY, self.position, bytes(16))
            case TookReadings(readings=readings, position=position):
                self.position = position
                self.session.acknowledge(position.epoch, position.seq)
                self.readings += len(readings.readings())
                self.lost += sum(each.value for each in readings.readings() if each.is_loss)
            case SawStatus(status=status):
                self.free_ram = status.free_ram
            case _:
                pass


def _identity() -> bytes:
    record = DEVICE + KEY
    return record + crc_hqx(record, 0xFFFF).to_bytes(2, "little") + b"\xa5"


def whole(folder: Path, env: str = "uno") -> tuple[Run, float, int]:
    """A key from nothing and signatures under it; the run, seconds and readings of the key generation."""
    built = build(env)
    with EmulatedBoard.start(env, state_dir=folder / "board", elf=built.elf, stepped=True) as board:
        assert isinstance(board, AvrBoard)
        with board.stepped() as stepped:
            stepped.power_off()
            stepped.put_eeprom(0, _identity())
            stepped.power_on()
            run = Run(stepped, folder)
            run.until(lambda found: isinstance(found, SessionOpened))
            run.session.configure(0, RATE_MHZ)
            run.until(lambda found: isinstance(found, SawResult))
            run.rest(2.5)
            run.free_before = run.free_ram
            run.driver.start()
            begun, readings = run.cycle, run.readings
            run.driver.want_key()
            run.until(lambda found: isinstance(found, KeyReady))
            seconds, sampled = (run.cycle - begun) / CLOCK_HZ, run.readings - readings
            grown = stepped.writes(*SIGNER_AT)
            run.session.configure(0, 0)
            run.until(lambda found: isinstance(found, SawResult))
            for _ in range(SIGNATURES):
                # The next leaf is prepared by then, and all readings are with the host.
                run.rest(3.0)
                run.driver.want_signature()
                run.until(lambda found: isinstance(found, Signed))
            run.until(lambda found: isinstance(found, SawStatus))
            run.worn = grown, stepped.writes(*SIGNER_AT) - grown
    return run, seconds, sampled


def flash(n: int, w: int, h: int, folder: Path) -> tuple[int, int]:
    """Bytes of flash and of static RAM of the whole program with that set."""
    root = project_root()
    flags = f"-D QCOT_LMS_N={n} -D QCOT_LMS_W={w} -D QCOT_LMS_H={h}"
    environment = {**os.environ, **pio_environment(root), "PLATFORMIO_BUILD_FLAGS": flags}
    environment["PLATFORMIO_BUILD_DIR"] = str(folder)
    command = [sys.executable, "-m", "platformio", "run", "-e", "uno"]
    subprocess.run(command, cwd=root, env=environment, check=True, capture_output=True)
    built = firmware("uno", folder / "uno" / "firmware.elf")
    return built.flash, built.ram


def steps() -> dict[str, dict[str, int]]:
    """Cycles of a leaf, a signature and the longest step, and bytes of RAM, by "N W": of the signer alone."""
    script = project_root() / "firmware" / "test" / "run.py"
    done = subprocess.run([sys.executable, script, "lms"], check=True, capture_output=True, text=True)
    found: dict[str, dict[str, int]] = json.loads(done.stdout)
    return found


def measure() -> list[Figure]:
    """Key generation, signing, RAM and flash; the default set on the whole board, the others by their parts."""
    with tempfile.TemporaryDirectory() as folder:
        run, seconds, sampled = whole(Path(folder))
        sizes = {
            (n, w, h): flash(n, w, h, Path(folder) / f"{n}-{w}-{h}") for n in (24, 32) for w in (4, 8) for h in (5, 10)
        }
    times = [cycles / CLOCK_HZ for cycles in run.took]
    found = [
        Figure("LMS mean signing time, n=24 W=4 H=10", round(mean(times), 3), "s", "at most", 0.8,
            f"SIGN to the last byte, {len(times)} messages, no other load; {min(times):.3f} to {max(times):.3f} s"),
        Figure("LMS key generation, n=24 W=4 H=10", round(seconds / 60, 1), "min", "at most", 30,
            f"measured whole, 1,024 leaves; {sampled} readings at 10 Hz meanwhile, {run.lost} lost"),
        Figure("LMS RAM", steps_of(24, 4)["ram"] + AROUND + run.free_before - run.free_ram, "B", "at most", 350,
            f"static, and {run.free_before - run.free_ram} B that the stack is deeper; {run.free_ram} B never touched"),
        wear(run),
    ]  # fmt: skip
    for (n, w, h), (flash_bytes, ram_bytes) in sizes.items():
        part = steps_of(n, w)
        leaf, signature = part["leaf"] / CLOCK_HZ, part["signature"] / CLOCK_HZ
        told = (
            f"computed from a leaf of {leaf:.2f} s; a signature {signature:.2f} s of the signer alone; "
            f"flash {flash_bytes} B, static RAM {ram_bytes} B in all"
        )
        name = f"LMS key generation, n={n} W={w} H={h}"
        found.append(Figure(name, round(leaf * (1 << h) / 60, 1), "min", "told", baseline=told))
    return found


def wear(run: Run) -> Figure:
    """How many signatures an EEPROM is good for, from the writes of the byte that was written most."""
    key, signing = run.worn
    generation = key + (1 << 10) * signing / SIGNATURES
    told = f"{key} writes of one byte by the key, {signing} by {SIGNATURES} signatures; {PAIRS} places take turns"
    return Figure("LMS wear, n=24 H=10", round(ENDURANCE * PAIRS / generation) << 10, "signatures", baseline=told)


_STEPS: dict[str, dict[str, int]] = {}


def steps_of(n: int, w: int) -> dict[str, int]:
    """The cycles of one pair, measured once."""
    if not _STEPS:
        _STEPS.update(steps())
    return _STEPS[f"{n} {w}"]


if __name__ == "__main__":
    begun = time.monotonic()
    for figure in measure():
        print(*figure.row(), sep="  ")
    print(f"{time.monotonic() - begun:.1f} s")

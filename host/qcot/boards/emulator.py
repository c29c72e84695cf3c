"""Simulated boards: an AVR in a process of its own, or the native build, with a port that a host opens as a real one.

A board's state (EEPROM, flash, logs) is in its state folder and outlives the process, even a kill -9: starting again on
the same folder is the same board powered up again.
"""

from __future__ import annotations

import fcntl
import signal as signals
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from qcot.boards.build import Say, build, project_root, say_nothing, target_of
from qcot.boards.errors import (
    BAD_SIGNAL,
    EMULATOR_FAILED,
    EMULATOR_GONE,
    EMULATOR_SILENT,
    NO_EMULATOR,
    STATE_IN_USE,
    UNKNOWN_BOARD,
    BoardError,
)
from qcot.boards.recording import Signal, read_signal

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 5.0
ADC_INPUTS = tuple(f"A{number}" for number in range(8))

Signals = Signal | Path | Mapping[str, Signal | Path]


@dataclass(frozen=True, slots=True)
class Conversion:
    """What an ADC read: ``at`` in cycles (AVR) or milliseconds (native), the input's number, and counts.

    On an AVR input 8 is the chip's temperature and 14 (Uno) or 30 (Mega) the bandgap.
    """

    at: int
    channel: int
    value: int


@dataclass(frozen=True, slots=True)
class Network:
    """A broker that a native board uses while nobody has its port open: ``broker`` is HOST:PORT."""

    broker: str
    name: str
    site: str = "home"
    bridge: str = "bridge"
    password_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Setup:
    """How a board is started; see :meth:`EmulatedBoard.start`."""

    env: str
    state_dir: Path
    signals: Mapping[str, Path] = field(default_factory=dict)
    blank: bool = False
    real_time: bool = True
    once: bool = False
    dtr: bool = True
    seed: int | None = None
    elf: Path | None = None
    powered: bool = True
    ppm: int = 0
    devices: tuple[str, ...] = ()
    uart_log: bool = False
    stepped: bool = False
    network: Network | None = None


class EmulatedBoard(ABC):
    """A simulated board. Use as a context manager, or call :meth:`stop`.

    Invariant: ``port`` stays the same path for the life of the object, whatever happens to the board.
    """

    def __init__(self, setup: Setup) -> None:
        """Start the board that ``setup`` describes."""
        self.setup = setup
        self.port = str(setup.state_dir / "tty")
        self._log = setup.state_dir / "board.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._claim = _claim(setup.state_dir)

    @classmethod
    def start(
        cls,
        env: str,
        *,
        state_dir: Path,
        signal: Signals | None = None,
        blank: bool = False,
        real_time: bool = True,
        once: bool = False,
        dtr: bool = True,
        seed: int | None = None,
        elf: Path | None = None,
        powered: bool = True,
        ppm: int = 0,
        devices: Sequence[str] = (),
        uart_log: bool = False,
        stepped: bool = False,
        network: Network | None = None,
        say: Say = say_nothing,
    ) -> EmulatedBoard:
        """Start a board of kind ``env`` ('uno', 'megaatmega2560', 'native').

        signal: what is on A0, or a mapping of inputs to what is on them. It begins anew at its end unless ``once``.
        blank: the chip holds what was uploaded to it before in ``state_dir``, or nothing but its bootloader.
        real_time: keep to the wall's clock; else as fast as it goes (a bootloader runs in real time in either case).
        dtr: opening the port resets the board, as on a real one.
        seed: makes random what is random on a board (entropy, RAM at power-on, torn writes) the same each time.
        elf: run this program and not the one that ``build(env)`` makes.
        powered: False leaves the board off until :meth:`power_on`.
        ppm: how many parts per million the crystal is too fast, or below 0 too slow, on the wall's clock.
        devices: simulated parts on the pins, each NAME or NAME=ARGS (docs/board.md, Simulated sensors).
        uart_log: keep the cycle of each byte that the board says (:meth:`AvrBoard.uart_log`).
        stepped: no port; time passes by :class:`~qcot.boards.stepped.SteppedBoard` alone.
        network: a broker that stands in for the cable, on a native board that has an identity.
        """
        target = target_of(env)
        if target.mcu is None and blank:
            raise BoardError(UNKNOWN_BOARD, f"{env} has no bootloader: it cannot start blank")
        if target.mcu is None and (ppm or uart_log or stepped):
            raise BoardError(UNKNOWN_BOARD, f"{env} has neither crystal nor UART: it runs on this machine's")
        if target.mcu is not None and network:
            raise BoardError(UNKNOWN_BOARD, f"{env} has no network")
        state_dir.mkdir(parents=True, exist_ok=True)
        _claim(state_dir).close()  # before anything in it changes
        if not blank:
            elf = elf or build(env, say).elf
        setup = Setup(
            env,
            state_dir.resolve(),
            _lay_signals(signal, state_dir),
            blank=blank,
            real_time=real_time,
            once=once,
            dtr=dtr,
            seed=seed,
            elf=elf,
            powered=powered,
            ppm=ppm,
            devices=tuple(devices),
            uart_log=uart_log,
            stepped=stepped,
            network=network,
        )
        # Here, since both are kinds of this class.
        from qcot.boards.avr import AvrBoard
        from qcot.boards.native import NativeBoard

        return NativeBoard(setup) if target.mcu is None else AvrBoard(setup)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def running(self) -> bool:
        """Whether the board's process runs (an AVR's does also while the board is off)."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The process; for tests that kill it."""
        if self._process is None:
            raise BoardError(EMULATOR_GONE, f"{self.setup.env}: it is off")
        return self._process.pid

    def kill(self) -> None:
        """End the process with SIGKILL: a power cut that nobody announces. ``power_on`` starts it again."""
        self._end(signals.SIGKILL)

    def stop(self) -> None:
        """End the board; its state folder stays."""
        self._end(signals.SIGTERM)
        self._claim.close()

    @abstractmethod
    def reset(self) -> None:
        """Press the reset button."""

    @abstractmethod
    def power_off(self) -> None:
        """Cut the power."""

    @abstractmethod
    def power_on(self) -> None:
        """Give power again."""

    def power_cycle(self) -> None:
        """Cut the power and give it again."""
        self.power_off()
        self.power_on()

    @abstractmethod
    def unplug(self) -> None:
        """Pull the cable: power and port go, and who has the port open sees a hang-up."""

    @abstractmethod
    def plug(self) -> None:
        """Plug the cable in again: the port is back under its name."""

    @abstractmethod
    def press_erase(self) -> None:
        """Erase the EEPROM physically: hold D12 to GND through a reset (docs/link-protocol.md, Enrolment)."""

    @abstractmethod
    def adc_log(self) -> list[Conversion]:
        """Every conversion so far of this object's board, in order."""

    def _launch(self, command: list[str], environment: Mapping[str, str] | None = None) -> None:
        """Start the process and wait until it has told its port."""
        if self._claim.closed:
            self._claim = _claim(self.setup.state_dir)
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                pass_fds=[self._claim.fileno()],  # the claim lasts as long as either of us
                start_new_session=True,  # Ctrl-C is the parent's to handle, in its own order
            )
        wait_for(lambda: b"port: " in self._log.read_bytes() or not self.running, START_TIMEOUT_S, self.setup.env)
        if not self.running:
            said = self._log.read_text(errors="replace").strip().splitlines()
            self._process = None
            self._claim.close()
            raise BoardError(EMULATOR_FAILED, f"{self.setup.env}: {said[-1] if said else 'it ended without a word'}")

    def _end(self, how: signals.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(how)
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdin:
            process.stdin.close()
        if how is signals.SIGKILL:
            Path(self.port).unlink(missing_ok=True)


def _claim(state_dir: Path) -> BinaryIO:
    """Take the folder for one board: two on one EEPROM would write over each other's identity and epoch."""
    lock = (state_dir / ".lock").open("wb")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.close()
        raise BoardError(STATE_IN_USE, f"{state_dir}: another board runs on it") from error
    return lock


def build_emulator() -> Path:
    """The emulator's program, built when it is not there or older than its source (firmware/emulator/Makefile)."""
    root = project_root()
    folder = root / "build" / "emulator"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            command: list[str | Path] = ["make", "-C", root / "firmware" / "emulator", f"BUILD={folder}"]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except OSError as error:
            raise BoardError(NO_EMULATOR, f"make does not start: {error}") from error
    if done.returncode:
        raise BoardError(NO_EMULATOR, "it does not build:\n" + "\n".join(done.stderr.strip().splitlines()[:6]))
    return folder / "qcot-emulator"


def _lay_signals(signal: Signals | None, state_dir: Path) -> dict[str, Path]:
    """Check the recordings and write each as the emulators read them."""
    chosen = {} if signal is None else {"A0": signal} if isinstance(signal, Signal | Path) else dict(signal)
    laid = {}
    for name, source in chosen.items():
        if name not in ADC_INPUTS:
            raise BoardError(BAD_SIGNAL, f"{name}: a simulated board has the inputs {', '.join(ADC_INPUTS)}")
        recording = source if isinstance(source, Signal) else read_signal(source)
        laid[name] = (state_dir / f"signal-{name}.csv").resolve()
        fresh = laid[name].with_suffix(".new")
        fresh.write_text(recording.to_csv())
        fresh.replace(laid[name])
    return laid


def wait_for(happened: Callable[[], bool], timeout_s: float, env: str) -> None:
    """Wait until ``happened``; a board that takes longer than ``timeout_s`` is refused."""
    deadline = time.monotonic() + timeout_s
    while not happened():
        if time.monotonic() > deadline:
            raise BoardError(EMULATOR_SILENT, f"{env}: nothing within {timeout_s:.0f} s")
        time.sleep(0.005)

"""A simulated AVR board: the emulator of firmware/emulator as a process, and the commands that it takes."""

from __future__ import annotations

import shutil
import socket
import tempfile
from pathlib import Path

from qcot.boards.build import target_of
from qcot.boards.emulator import START_TIMEOUT_S, Conversion, EmulatedBoard, Setup, build_emulator, wait_for
from qcot.boards.errors import EMULATOR_FAILED, EMULATOR_GONE, EMULATOR_SILENT, BoardError
from qcot.boards.stepped import SteppedBoard

CLOCK_HZ = 16_000_000
ANSWER_TIMEOUT_S = 20.0
ERASE_PIN = "12"
ERASE_HOLD_CYCLES = CLOCK_HZ // 2
BOOTLOADER_CYCLES = 2 * CLOCK_HZ  # it waits for an upload before it starts the program
ARDUINO_PACKAGE = Path("/usr/share/arduino/hardware/arduino/avr")


class AvrBoard(EmulatedBoard):
    """An Uno or Mega in simavr: the very program of a real board, to the cycle."""

    def __init__(self, setup: Setup) -> None:
        """Start the emulator, which is built first where it must."""
        super().__init__(setup)
        self._emulator = build_emulator()
        self._sockets = Path(tempfile.mkdtemp(prefix="qcot-"))  # a socket's name has room for about 100 characters
        self.socket = self._sockets / "control"
        self._adc_logs, self._uart_logs = _Logs(setup.state_dir / "adc"), _Logs(setup.state_dir / "uart")
        self.marks_file = setup.state_dir / "marks.log"
        self._begin()

    def _begin(self) -> None:
        setup = self.setup
        options: list[str | Path] = ["-m", target_of(setup.env).mcu or "", "--until-eof"]
        options += ["--link", self.port, "--control", self.socket, "--eeprom", setup.state_dir / "eeprom.bin"]
        options += ["--adc-log", self._adc_logs.new(), "--marks", self.marks_file]
        if setup.blank:
            options += ["--flash", setup.state_dir / "flash.bin", "--bootloader", bootloader(setup.env, self._emulator)]
        elif setup.elf:
            options += ["--elf", setup.elf]
        options += [] if setup.seed is None else ["--seed", str(setup.seed)]
        options += ["--once"] if setup.once else []
        options += ["--stepped"] if setup.stepped else [] if setup.real_time else ["--full-speed"]
        options += ["--ppm", str(setup.ppm)] if setup.ppm else []
        options += ["--uart-log", self._uart_logs.new()] if setup.uart_log else []
        options += [] if setup.dtr else ["--no-dtr"]
        options += [] if setup.powered else ["--off"]
        for spec in setup.devices:
            options += ["--device", spec]
        for name, path in setup.signals.items():
            options += ["--signal", f"{name}={path}"]
        self._launch([str(self._emulator), *map(str, options)])

    def stop(self) -> None:
        """End the board; its state folder stays."""
        super().stop()
        shutil.rmtree(self._sockets, ignore_errors=True)

    def command(self, text: str) -> str:
        """Send one command to the emulator (firmware/emulator/control.c); returns what follows its `ok`."""
        if not self.running:
            raise BoardError(EMULATOR_GONE, f"{self.setup.env}: the process has ended")
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(ANSWER_TIMEOUT_S)
            try:
                link.connect(str(self.socket))
                link.sendall(text.encode() + b"\n")
                answer = link.makefile("r").readline().strip()
            except OSError as error:
                raise BoardError(EMULATOR_SILENT, f"{self.setup.env}: {text}: {error}") from error
        verdict, _, rest = answer.partition(" ")
        if verdict != "ok":
            raise BoardError(EMULATOR_FAILED, f"{self.setup.env}: {text}: {rest or 'no answer'}")
        return rest

    def full_speed(self) -> None:
        """Go as fast as it goes from now on; a bootloader keeps real time."""
        self.command("full-speed")

    def real_time(self) -> None:
        """Keep to the wall's clock from now on."""
        self.command("real-time")

    def stepped(self) -> SteppedBoard:
        """The one hold on the time of a board that was started with ``stepped``."""
        return SteppedBoard(self.socket)

    def reset(self) -> None:
        """Press the reset button."""
        self.command("reset")

    def power_off(self, after_cycles: int = 0) -> None:
        """Cut the power, now or ``after_cycles`` from now; an EEPROM byte that is being written is torn."""
        self.command(f"power-off {after_cycles or ''}")

    def power_off_at_page(self, page: int) -> None:
        """Cut the power when the ``page``-th page of the flash from now (from 1) is to be written: it is erased."""
        self.command(f"cut-page {page}")

    def power_on(self, cut_after_cycles: int = 0) -> None:
        """Give power again, and cut it ``cut_after_cycles`` later if that is not 0."""
        if self._process is None:
            self._begin()
        self.command(f"power-on {cut_after_cycles or ''}")

    def unplug(self) -> None:
        """Pull the cable: power and port go, and who has the port open sees a hang-up."""
        self.command("unplug")

    def plug(self) -> None:
        """Plug the cable in again: the port is back under its name."""
        self.command("plug")

    def press_erase(self) -> None:
        """Hold D12 to GND through a reset and until the program has looked at it."""
        self.command(f"pin {ERASE_PIN} 0")
        try:
            self.reset()
            self.run_cycles(ERASE_HOLD_CYCLES + (BOOTLOADER_CYCLES if self.setup.blank else 0))
        finally:
            self.command(f"pin {ERASE_PIN} z")

    @property
    def cycles(self) -> int:
        """Cycles that the board has run since the process began."""
        return int(self.command("cycles?"))

    @property
    def awake_cycles(self) -> int:
        """Of those, the cycles in which the chip did not sleep."""
        return int(self.command("awake?"))

    def run_cycles(self, cycles: int) -> None:
        """Wait until the board has run that many more."""
        wanted = self.cycles + cycles
        timeout = START_TIMEOUT_S + 4 * cycles / CLOCK_HZ
        wait_for(lambda: self.cycles >= wanted, timeout, self.setup.env)

    @property
    def powered(self) -> bool:
        """Whether the board has power."""
        return self.command("state?").split()[0] != "off"

    @property
    def led(self) -> bool:
        """Whether the LED on D13 is lit."""
        return self.command("led?") == "1"

    def drive(self, pin: str, level: str) -> None:
        """Drive a pin ('12', 'B4') from outside: '0', '1', or 'z' to let go."""
        self.command(f"pin {pin} {level}")

    def adc_log(self) -> list[Conversion]:
        """Every conversion so far of this object's board, in order; ``at`` starts anew with each process."""
        return [Conversion(cycle, mux, value) for cycle, mux, _refs, value in self._adc_logs.rows()]

    def uart_log(self) -> list[tuple[int, int]]:
        """Cycle and value of each byte that the board said, heard or not; empty unless it was started with uart_log."""
        return [(cycle, byte) for cycle, byte in self._uart_logs.rows()]

    def marks(self) -> list[tuple[int, int]]:
        """Cycle and value of each write to GPIOR0, for benchmarks."""
        return [(int(cycle), int(value)) for cycle, value in map(str.split, self.marks_file.read_text().splitlines())]


class _Logs:
    """One log in as many files as there were processes, each line some integers."""

    def __init__(self, stem: Path) -> None:
        self._stem = stem
        self._paths: list[Path] = []

    def new(self) -> Path:
        self._paths.append(self._stem.with_name(f"{self._stem.name}-{len(self._paths)}.log"))
        return self._paths[-1]

    def rows(self) -> list[list[int]]:
        return [list(map(int, line.split())) for path in self._paths for line in path.read_text().splitlines()]


def bootloader(env: str, emulator: Path) -> Path:
    """The bootloader that a board of kind ``env`` is sold with."""
    optiboot = emulator.parent / "optiboot_atmega328.hex"
    sold = ARDUINO_PACKAGE / "bootloaders"
    return {
        "uno": optiboot,
        "uno_h5": optiboot,
        "uno_fram": optiboot,
        "nano": optiboot,
        "nano_old": sold / "atmega" / "ATmegaBOOT_168_atmega328.hex",
        "megaatmega2560": sold / "stk500v2" / "stk500boot_v2_mega2560.hex",
    }[env]

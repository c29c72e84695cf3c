import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import serial
from qcot.boards.avr import AvrBoard
from qcot.boards.build import TARGETS
from qcot.boards.emulator import EmulatedBoard

SKETCH = Path(__file__).with_name("sketch.cpp")
BAUD = 250_000
TIMEOUT_S = 20.0  # generous: what is awaited comes at once, and a loaded machine must not fail a test

StartBoard = Callable[..., AvrBoard]


@pytest.fixture(scope="session")
def sketches(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The test program for each AVR board, by environment."""
    folder = tmp_path_factory.mktemp("sketch")
    made = {}
    for env in ("uno", "megaatmega2560"):
        made[env] = folder / f"{env}.elf"
        flags = ["-DF_CPU=16000000L", "-std=gnu++14", "-Os", "-Wall", "-Wextra", "-Werror"]
        subprocess.run(["avr-g++", f"-mmcu={TARGETS[env].mcu}", *flags, str(SKETCH), "-o", str(made[env])], check=True)
    return made


@pytest.fixture
def start(tmp_path: Path, sketches: dict[str, Path]) -> Iterator[StartBoard]:
    """Start simulated AVR boards that run the sketch; they are stopped at the end."""
    boards: list[AvrBoard] = []

    def begin(env: str = "uno", **options: Any) -> AvrBoard:
        options.setdefault("state_dir", tmp_path / f"board-{len(boards)}")
        if not options.get("blank"):
            options.setdefault("elf", sketches[env])
        board = EmulatedBoard.start(env, **options)
        assert isinstance(board, AvrBoard)
        boards.append(board)
        return board

    yield begin
    for board in boards:
        board.stop()


def open_port(board: EmulatedBoard, baud: int = BAUD) -> serial.Serial:
    return serial.Serial(board.port, baud, timeout=TIMEOUT_S)


def booted(link: serial.Serial) -> tuple[int, int]:
    """Read the sketch's greeting: MCUSR and the level of D12."""
    assert link.read(1) == b"B"
    cause, pin = link.read(2)
    return cause, pin


def convert(link: serial.Serial, admux: int = 0x40) -> int:
    link.write(b"a" + bytes([admux]))
    return int.from_bytes(link.read(2), "little")


def eeprom_write(link: serial.Serial, address: int, value: int) -> None:
    link.write(b"w" + address.to_bytes(2, "little") + bytes([value]))
    assert link.read(1) == b"w"


def eeprom_read(link: serial.Serial, address: int) -> int:
    link.write(b"r" + address.to_bytes(2, "little"))
    return link.read(1)[0]

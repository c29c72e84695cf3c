"""How the tests talk to the sketch (sketch.cpp) on a simulated board."""

from collections.abc import Callable
from pathlib import Path

import serial
from qcot.boards.avr import AvrBoard
from qcot.boards.emulator import EmulatedBoard

SKETCH = Path(__file__).with_name("sketch.cpp")
BAUD = 250_000
TIMEOUT_S = 20.0  # generous: what is awaited comes at once, and a loaded machine must not fail a test

StartBoard = Callable[..., AvrBoard]


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

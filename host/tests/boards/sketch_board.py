"""How the tests talk to the sketch (sketch.cpp) on a simulated board."""

from collections.abc import Callable
from pathlib import Path

import serial
from patience import PATIENCE_S
from qcot.boards.avr import AvrBoard
from qcot.boards.emulator import EmulatedBoard

SKETCH = Path(__file__).with_name("sketch.cpp")
BAUD = 250_000

StartBoard = Callable[..., AvrBoard]


class Port(serial.Serial):
    """Keeps what comes while it is opened, which on a busy machine may be the greeting."""

    def _reset_input_buffer(self) -> None:
        if self.is_open:
            super()._reset_input_buffer()


def open_port(board: EmulatedBoard, baud: int = BAUD) -> serial.Serial:
    return Port(board.port, baud, timeout=PATIENCE_S)


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

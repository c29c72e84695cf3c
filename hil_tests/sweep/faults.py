"""What is broken in a fork beside the byte that the cut itself tears; each is a row of a table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from qcot.boards.stepped import CLOCK_HZ, EEPROM_SIZE, SteppedBoard

from sweep.cuts import WRITE_CYCLES

BOOT_CYCLES = CLOCK_HZ // 2
MOST_BROWN_OUTS = 6
REGIONS = ((0, 48), (48, 144), (144, 640), (640, EEPROM_SIZE))  # docs/board.md, EEPROM

Hear = Callable[[bytes], None]


@dataclass(frozen=True, slots=True)
class Fault:
    """A kind of fault: how often it is drawn, and what it lets a board do that else it must not.

    tells: it may say that it is damaged. heals: a slot written before the last may stand again. lasts: its EEPROM does
    not take every write, and it may say so. wiped: nothing that it kept is left.
    """

    name: str
    weight: int
    make: Callable[[SteppedBoard, Random, Hear], int]
    tells: bool = False
    lasts: bool = False
    heals: bool = False
    wiped: bool = False


def _nothing(_board: SteppedBoard, _rng: Random, _hear: Hear) -> int:
    return 0


def _somewhere(rng: Random) -> int:
    """Each region as often as the next, however small it is."""
    return rng.randrange(*rng.choice(REGIONS))


def _wear(board: SteppedBoard, rng: Random, _hear: Hear) -> int:
    board.wear(_somewhere(rng))
    return 1


def _rot(board: SteppedBoard, rng: Random, _hear: Hear) -> int:
    at = _somewhere(rng)
    byte = board.eeprom()[at]
    board.put_eeprom(at, bytes((byte ^ 1 << rng.randrange(8),)))
    return 1


def _fill(data: Callable[[Random], bytes]) -> Callable[[SteppedBoard, Random, Hear], int]:
    def fill(board: SteppedBoard, rng: Random, _hear: Hear) -> int:
        board.put_eeprom(0, data(rng))
        return 1

    return fill


def _brown_outs(board: SteppedBoard, rng: Random, hear: Hear) -> int:
    """Power that comes and goes: each time it is cut within the boot, or within a byte that the boot writes."""
    count = rng.randint(1, MOST_BROWN_OUTS)
    for _ in range(count):
        board.power_on()
        step = board.run(0)
        end, writes = step.cycle + rng.randrange(1, BOOT_CYCLES), rng.randint(1, 12) if rng.random() < 0.5 else 0
        while step.cycle < end:
            before = step.writes
            step = board.run(end - step.cycle)
            hear(step.said)
            if step.writes > before and writes:
                writes -= 1
                if not writes:
                    end = step.cycle + rng.randrange(WRITE_CYCLES)
        board.power_off()
    return count


FAULTS = (
    Fault("cut", 70, _nothing),
    Fault("brown-out", 10, _brown_outs),
    Fault("worn-byte", 8, _wear, tells=True, lasts=True),
    Fault("flipped-bit", 8, _rot, tells=True, heals=True),
    Fault("filled-0xff", 1, _fill(lambda _: b"\xff" * EEPROM_SIZE), wiped=True),
    Fault("filled-zeros", 1, _fill(lambda _: bytes(EEPROM_SIZE)), tells=True, wiped=True),
    Fault("filled-noise", 2, _fill(lambda rng: rng.randbytes(EEPROM_SIZE)), tells=True, wiped=True),
)


def draw(rng: Random) -> Fault:
    """One of them, by its weight."""
    return rng.choices(FAULTS, [fault.weight for fault in FAULTS])[0]

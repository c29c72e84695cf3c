"""A simulated board whose time passes only when it is told to, so that all that happens is the same each time.

No port and no clock: bytes go in with a step and come out with it, and a :class:`~qcot.link.session.Session` gets the
board's own time. A fork is another board that goes on from that very cycle, its power cut, while this one knows nothing
of it: that is how thousands of power cuts are tried on one life.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from qcot.boards.errors import EMULATOR_FAILED, EMULATOR_GONE, BoardError

CLOCK_HZ = 16_000_000
STEP_TIMEOUT_S = 120.0
EEPROM_SIZE = 1024
_PART = 512


@dataclass(frozen=True, slots=True)
class Step:
    """How far it is, after ``said``: ``writes`` EEPROM bytes begun, the last of which takes until ``written``."""

    cycle: int
    state: str
    writes: int
    written: int
    said: bytes

    @property
    def writing(self) -> bool:
        """Whether an EEPROM byte is being written: a cut now tears it."""
        return self.cycle < self.written


class SteppedBoard:
    """One connection to an emulator that was started with ``stepped``; a fork ends when its connection does."""

    def __init__(self, path: Path) -> None:
        """Connect to the emulator's socket at ``path``."""
        self._path = path
        self._forks = 0
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(STEP_TIMEOUT_S)
        try:
            self._socket.connect(str(path))
        except OSError as error:
            self._socket.close()
            raise BoardError(EMULATOR_GONE, f"{path}: {error}") from error
        self._answers = self._socket.makefile("r")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the board."""
        self._answers.close()
        self._socket.close()

    def run(self, cycles: int, data: bytes = b"") -> Step:
        """Put ``data`` on the line and run for ``cycles``, if nothing ends the step before.

        What does: a zero byte that the board says, and the begin of an EEPROM byte.
        """
        cycle, state, writes, written, *said = self._ask(f"run {cycles} {data.hex()}").split(" ")
        return Step(int(cycle), state, int(writes), int(written), bytes.fromhex("".join(said)))

    def power_off(self) -> None:
        """Cut the power here; an EEPROM byte that is being written is torn."""
        self._ask("power-off")

    def power_on(self) -> None:
        """Give power."""
        self._ask("power-on")

    def drive(self, pin: str, level: str) -> None:
        """Drive a pin from outside: '0', '1', or 'z' to let go."""
        self._ask(f"pin {pin} {level}")

    def eeprom(self) -> bytes:
        """All of it."""
        return b"".join(bytes.fromhex(self._ask(f"eeprom {at}")) for at in range(0, EEPROM_SIZE, _PART))

    def put_eeprom(self, at: int, data: bytes) -> None:
        """Change it from outside."""
        for start in range(0, len(data), _PART):
            self._ask(f"eeprom {at + start} {data[start : start + _PART].hex()}")

    def writes(self, at: int, end: int) -> int:
        """How often the byte was written that was written most, of those from ``at`` to before ``end``."""
        return int(self._ask(f"writes? {at} {end}"))

    def wear(self, at: int) -> None:
        """From now on the EEPROM byte ``at`` keeps what it holds."""
        self._ask(f"wear {at}")

    def fork(self, seed: int) -> SteppedBoard:
        """A second board from here on, with its power cut at this cycle; ``seed`` is for what is random in it."""
        path = self._path.with_name(f"{self._path.name}-{self._forks}")
        self._forks += 1
        self._ask(f"fork {path} {seed}")
        return SteppedBoard(path)

    def _ask(self, text: str) -> str:
        try:
            self._socket.sendall(text.encode() + b"\n")
            answer = self._answers.readline().rstrip("\n")
        except OSError as error:
            raise BoardError(EMULATOR_GONE, f"{text[:40]}: {error}") from error
        verdict, _, rest = answer.partition(" ")
        if verdict != "ok":
            raise BoardError(EMULATOR_FAILED if answer else EMULATOR_GONE, f"{text[:40]}: {rest or 'no answer'}")
        return rest

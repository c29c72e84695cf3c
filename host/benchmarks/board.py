"""What a reading costs on a Uno: exact, since simavr counts cycles."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from qcot.boards.avr import AvrBoard
from qcot.boards.build import build, project_root
from qcot.boards.emulator import EmulatedBoard

from benchmarks.figure import Figure
from benchmarks.line import Line

CLOCK_HZ = 16_000_000
RATE_MHZ = 200_000
SECONDS = 10.0


def measure() -> list[Figure]:
    """Flash, RAM, cycles a reading, and readings a second at 500,000 baud."""
    built = build("uno")
    with tempfile.TemporaryDirectory() as folder:
        board = EmulatedBoard.start("uno", state_dir=Path(folder) / "board", dtr=False)
        assert isinstance(board, AvrBoard)
        with board, Line(board.port, Path(folder)) as line:
            line.sample(channel=0, rate=RATE_MHZ)
            line.serve(2.0)
            first = _state(board, line)
            line.serve(SECONDS)
            last = _state(board, line)
            lost = line.lost()
    readings, cycles, awake = (after - before for before, after in zip(first, last, strict=True))
    return [
        Figure("Uno flash", built.flash, "B", "at most", 28 * 1024, "of 32,256"),
        Figure("Uno static RAM", built.ram, "B", "at most", 1448, "of 2,048"),
        Figure(
            "Uno cycles a reading, sampled to framed",
            round(awake / readings),
            "cycles",
            "at most",
            90_000,
            f"all cycles awake at 200 Hz, simavr; one SHA-256 block {_block_cycles():,}",
        ),
        Figure(
            "Uno sustained at 500,000 baud",
            round(readings / (cycles / CLOCK_HZ), 1),
            "readings/s",
            "at least",
            150,
            f"asked for 200 Hz by the board's clock, awake {awake / cycles:.0%} of it, {lost} lost",
        ),
        Figure("Uno readings lost meanwhile", lost, "readings", "at most", 0),
    ]


def _block_cycles() -> int:
    """Cycles of one SHA-256 block of the same code, for comparison."""
    script = project_root() / "firmware" / "test" / "run.py"
    done = subprocess.run([sys.executable, script, "bench"], check=True, capture_output=True, text=True)
    return int(json.loads(done.stdout)["sha256_block"])


def _state(board: AvrBoard, line: Line) -> tuple[int, int, int]:
    line.serve(0.0)
    readings = len([each for each in board.adc_log() if each.channel == 0])
    return readings, board.cycles, board.awake_cycles


if __name__ == "__main__":
    begun = time.monotonic()
    for figure in measure():
        print(*figure.row(), sep="  ")
    print(f"{time.monotonic() - begun:.1f} s")

"""What a reading costs on a Uno, how many it sustains and how evenly it samples: exact, since simavr counts cycles."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from qcot.boards.avr import AvrBoard
from qcot.boards.build import TARGETS, build
from qcot.boards.emulator import Conversion, EmulatedBoard

from benchmarks.figure import Figure
from benchmarks.line import Line

CLOCK_HZ = 16_000_000
TICK = 64  # cycles of the sampler's timer
FAST = {0: 200_000, 1: 200_000, 2: 21_000}
"""Rates in mHz of the inputs of the run that is to sustain 400 readings/s; the third meets the others at all phases."""
LIMITS = {"uno": (28 * 1024, 1448)}

# ATmega328P at 5 V, mA. Data sheet DS40002061, "DC Characteristics": 5.2 awake and 1.2 in idle sleep at 8 MHz, typical,
# with all modules off; its table "Additional Current Consumption for the different I/O modules": USART0 0.100, Timer1
# 0.176, ADC 0.295. All grow with the clock, which is twice that.
MODULES_MA = 2 * (0.100 + 0.176 + 0.295)
AWAKE_MA = 2 * 5.2 + MODULES_MA
ASLEEP_MA = 2 * 1.2 + MODULES_MA


@dataclass(frozen=True)
class Run:
    """What went on between two looks at a board."""

    conversions: Sequence[Conversion]
    cycles: int
    awake: int
    lost: int

    @property
    def seconds(self) -> float:
        """By the board's clock."""
        return self.cycles / CLOCK_HZ

    @property
    def charge_uc(self) -> float:
        """Microcoulombs a reading of the chip alone: an estimate from its data sheet."""
        awake = self.awake / self.cycles
        return (awake * AWAKE_MA + (1 - awake) * ASLEEP_MA) * 1000 * self.seconds / len(self.conversions)


def run(env: str, rates: dict[int, int], seconds: float) -> Run:
    """Sample inputs at ``rates`` (mHz) for a while, with a host that takes it all."""
    with tempfile.TemporaryDirectory() as folder:
        devices = ("fram",) if env == "uno_fram" else ()
        board = EmulatedBoard.start(env, state_dir=Path(folder) / "board", dtr=False, devices=devices)
        assert isinstance(board, AvrBoard)
        with board, Line(board.port, Path(folder)) as line:
            for channel, rate in rates.items():
                line.sample(channel, rate)
            line.serve(2.0)
            begun, awake, lost = board.cycles, board.awake_cycles, line.lost()
            line.serve(seconds)
            ended, awake_then = board.cycles, board.awake_cycles
            line.serve(0.2)  # what was sampled last is told by then
            conversions = [each for each in board.adc_log() if begun <= each.at < ended and each.channel in rates]
            return Run(conversions, ended - begun, awake_then - awake, line.lost() - lost)


def jitter(conversions: Sequence[Conversion], channel: int, rate: int) -> tuple[float, float]:
    """Microseconds: the farthest of an input's triggers from an even grid, and the worst interval's error."""
    at = [each.at for each in conversions if each.channel == channel]
    period = round(CLOCK_HZ / TICK * 1000 / rate) * TICK
    off = [cycle - at[0] - number * period for number, cycle in enumerate(at)]
    worst = max(abs(after - before - period) for before, after in pairwise(at))
    return (max(off) - min(off)) / 2 / (CLOCK_HZ / 1e6), worst / (CLOCK_HZ / 1e6)


def measure() -> list[Figure]:
    """Sizes of every environment, then cycles, readings a second, jitter and charge."""
    return [*sizes(), *speed("uno", "Uno"), *speed("uno_fram", "Uno with FRAM"), *charge()]


def sizes() -> list[Figure]:
    """Flash and static RAM of what is built here."""
    figures = []
    for env in (name for name, target in TARGETS.items() if target.mcu):
        built = build(env)
        for what, used, aim in zip(
            ("flash", "static RAM"), (built.flash, built.ram), LIMITS.get(env, (None, None)), strict=True
        ):
            figures.append(Figure(f"{env} {what}", used, "B", "at most" if aim else "told", aim))
    return figures


def speed(env: str, name: str) -> list[Figure]:
    """What it sustains with every interrupt, hash and frame going on."""
    done = run(env, FAST, 10.0)
    readings = len(done.conversions)
    grid, interval = (max(pair) for pair in zip(*(jitter(done.conversions, i, FAST[i]) for i in (0, 1)), strict=True))
    asked = sum(FAST.values()) / 1000
    return [
        Figure(
            f"{name} cycles a reading, sampled to framed",
            round(done.awake / readings),
            "cycles",
            "at most",
            40_000,
            f"all cycles awake, {asked:g} readings/s of three inputs",
        ),
        Figure(
            f"{name} sustained at 500,000 baud",
            round(readings / done.seconds, 1),
            "readings/s",
            "at least",
            400,
            f"asked for {asked:g} by the board's clock, awake {done.awake / done.cycles:.0%} of it",
        ),
        Figure(f"{name} readings lost meanwhile", done.lost, "readings", "at most", 0),
        Figure(
            f"{name} sampling jitter at 200 Hz",
            round(grid / 1000, 4),
            "ms",
            "at most",
            0.2,
            f"farthest ADC trigger from an even grid, beside a third input; worst interval {interval:.0f} us off",
        ),
    ]


def charge() -> list[Figure]:
    """Microcoulombs a reading at three rates."""
    figures = []
    for hertz, seconds in ((1, 12.0), (10, 5.0), (200, 5.0)):
        done = run("uno", {0: hertz * 1000}, seconds)
        awake = f"{done.awake / done.cycles:.1%}"
        note = f"chip alone, estimated: {AWAKE_MA:.1f} mA awake ({awake}), {ASLEEP_MA:.1f} mA asleep"
        figures.append(Figure(f"Uno charge a reading at {hertz} Hz", round(done.charge_uc, 1), "uC", baseline=note))
    return figures


if __name__ == "__main__":
    begun = time.monotonic()
    for figure in measure():
        print(*figure.row(), sep="  ")
    print(f"{time.monotonic() - begun:.1f} s")

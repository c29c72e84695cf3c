"""`qcot emulate`: simulated boards."""

from __future__ import annotations

import signal
import sys
import tempfile
import threading
from contextlib import ExitStack
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import typer
from rich.markup import escape

from qcot.boards.build import TARGETS, target_of
from qcot.boards.emulator import EmulatedBoard
from qcot.boards.errors import EMULATOR_GONE
from qcot.boards.recording import heartpy_recordings, read_signal
from qcot.cli.common import JsonOption, err, out, print_json
from qcot.errors import Problem, QcotError

STATE_UNUSABLE = Problem("state-unusable", "Name a folder that you may write to with --state.")


def emulate(
    env: Annotated[str, typer.Argument(help=f"Kind of board: {', '.join(TARGETS)}.")],
    signal_file: Annotated[
        Path | None,
        typer.Option(
            "--signal",
            help="CSV of ADC counts (0 to 1023) for A0, with or without a time column.",
            show_default="a pulse recording",
        ),
    ] = None,
    signal_rate: Annotated[
        float, typer.Option(min=0.1, max=10_000, help="Rows a second of a CSV without times.")
    ] = 100,
    count: Annotated[int, typer.Option(min=1, max=1000, help="How many boards.")] = 1,
    blank: Annotated[bool, typer.Option("--blank", help="Nothing on it but its bootloader, for `qcot flash`.")] = False,
    full_speed: Annotated[bool, typer.Option("--full-speed", help="As fast as it goes, not in real time.")] = False,
    device: Annotated[
        list[str] | None,
        typer.Option(
            help="A simulated sensor on its pins, as often as wanted: sht31=TEMPERATURE,HUMIDITY, ds18b20=SIXTEENTHS, "
            "pulses=HZ,COUNT, or the name alone for a room's values (docs/board.md, Simulated sensors)."
        ),
    ] = None,
    state: Annotated[
        Path | None, typer.Option(help="Folder for EEPROM and flash, to start the same board again.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Start simulated boards and print their ports; they run until Ctrl-C.

    native is the firmware built for this machine; all others run what is flashed on a board, in simavr. Give a port to
    any command that takes one, `qcot up --port PORT` among them.

    Example: `qcot emulate uno --signal pulse.csv`, `qcot emulate uno --device ds18b20=328`, `qcot emulate native
    --count 100`
    """
    target_of(env)
    recording = read_signal(signal_file or heartpy_recordings()[0], signal_rate)
    with ExitStack() as stack:
        folder = state or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="qcot-board-")))
        started = []
        with err.status(f"building and starting {env}") as status:
            for number in range(count):
                board = _start(
                    env,
                    state_dir=folder / str(number),
                    signal=recording,
                    blank=blank,
                    real_time=not full_speed,
                    seed=number,
                    devices=device or (),
                    say=lambda line: status.update(escape(line[: err.width - 4])),
                )
                stack.enter_context(board)
                started.append(board)
                if not as_json:
                    out.print(f"port: {board.port}", markup=False, soft_wrap=True)
        if as_json:
            print_json({"ports": [board.port for board in started]})
            sys.stdout.flush()
        stopped = threading.Event()

        def stop(_number: int, _frame: FrameType | None) -> None:
            stopped.set()

        for each in (signal.SIGTERM, signal.SIGINT):
            signal.signal(each, stop)
        err.print("running; Ctrl-C stops")
        while not stopped.wait(1):
            for board in started:
                if not board.running:
                    raise QcotError(EMULATOR_GONE, f"the simulation behind {board.port} has ended by itself")


def _start(env: str, *, state_dir: Path, **how: Any) -> EmulatedBoard:
    try:
        return EmulatedBoard.start(env, state_dir=state_dir, **how)
    except OSError as error:
        raise QcotError(STATE_UNUSABLE, f"{state_dir}: {error.strerror}") from error


COMMANDS = {"emulate": emulate}

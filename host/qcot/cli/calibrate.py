"""`qcot calibrate`: what a channel's raw values stand for, from points that somebody measured."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from qcot.authority.registration import Asked, register_board
from qcot.boards.calibration import BAD_POINTS, Calibration, parse_point, through
from qcot.boards.calibration import calibrate as calibrate_board
from qcot.boards.registry import BoardRegistry, ChannelInfo
from qcot.cli.authority import when
from qcot.cli.boards import find_port
from qcot.cli.certificate import tell_asked
from qcot.cli.common import HomeOption, JsonOption, err, open_home, out, print_json
from qcot.errors import QcotError


def calibrate(
    port: Annotated[str, typer.Argument(help="Serial port of the board.")],
    channel: Annotated[str, typer.Argument(help="Channel, as `qcot boards` names it.")],
    point: Annotated[
        list[str] | None, typer.Option(help="RAW=VALUE: a raw value, and what it stood for. One or two of them.")
    ] = None,
    reset: Annotated[bool, typer.Option("--reset", help="Forget the calibration: the channel as it was made.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Have a board keep what the raw values of CHANNEL stand for, and certify it for that.

    Two points give gain and offset; one gives the offset, and leaves the gain. Raw values stay as they were sampled:
    evidence says what they stand for by the board's certificate that was in force when they were recorded. So let the
    bridge fetch what the board still has before you stop it for this: it would stand under the new calibration.

    Example: `qcot calibrate /dev/ttyACM0 A0 --point 102=0.5 --point 921=4.5`,
    `qcot calibrate /dev/ttyACM0 ds18b20 --point 3=0`, `qcot calibrate /dev/ttyACM0 A0 --reset`
    """
    place = open_home(home)
    place.settings()
    points = [parse_point(text) for text in point or ()]
    if reset == bool(points) or len(points) > 2:
        raise QcotError(BAD_POINTS, "give points, or --reset" if len(points) <= 2 else f"there are {len(points)}")

    def wanted(known: ChannelInfo) -> Calibration | None:
        return None if reset else through(points, known)

    speak = err if as_json else out
    where = find_port(port)
    board = calibrate_board(
        where, BoardRegistry(place.path), channel, wanted, progress=lambda line: speak.print(line, markup=False)
    )
    outcome = register_board(place, board, int(time.time()))
    now = next(each for each in board.channels if each.name == channel)
    error = float(Calibration(now.num, now.den, now.offset).error(points)) if points else None
    if as_json:
        told = {"request": str(outcome.file)} if isinstance(outcome, Asked) else {"certificate": outcome.serial}
        numbers = {"num": now.num, "den": now.den, "offset": now.offset, "unit": now.unit, "error": error}
        print_json({"device": board.device.hex(), "channel": channel, **numbers, **told})
        return
    out.print(f"{channel} = (raw {now.offset:+d}) x {now.num}/{now.den} {now.unit}", markup=False)
    if error is not None:
        out.print(f"off by at most {error:.3g} {now.unit} at the points given", markup=False)
    if isinstance(outcome, Asked):
        tell_asked(outcome)
    else:
        out.print(f"certificate {outcome.serial.hex()}, until {when(outcome.not_after)}", markup=False)


COMMANDS = {"calibrate": calibrate}

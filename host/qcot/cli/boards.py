"""`qcot boards|flash|enroll`: everything between a board and its first reading."""

from __future__ import annotations

import time
from typing import Annotated

import typer
from rich.markup import escape

from qcot.authority.registration import Asked, register_board, standing
from qcot.boards.build import TARGETS, target_of
from qcot.boards.enroll import enroll as enrol_board
from qcot.boards.enroll import is_rate
from qcot.boards.errors import WHICH_BOARD
from qcot.boards.flash import flash as flash_board
from qcot.boards.flash import stage_of
from qcot.boards.ports import kind_on, resolve, serial_ports
from qcot.boards.registry import BoardRegistry, EnrolledBoard
from qcot.bridge.signer import SINCE
from qcot.bridge.snapshot import SignerView
from qcot.cli.authority import when
from qcot.cli.certificate import tell_asked
from qcot.cli.common import HomeOption, JsonOption, err, open_home, out, print_json, print_table
from qcot.errors import Problem, QcotError
from qcot.home import Home
from qcot.link.transport import SerialPort

NO_PORT = Problem(
    "no-port", "Plug the board in, or name its port with --port; `qcot emulate uno` starts a simulated one."
)
WHICH_PORT = Problem("which-port", "Name one of them with --port.")
BAD_RATE = Problem("bad-rate", "Write CHANNEL=HZ with 0 (off) or 0.1 to 200, as in A0=100.")

DEFAULT_RATES = ("A0=10",)
UPLOADED = [name for name, target in TARGETS.items() if target.mcu]
PortOption = Annotated[str | None, typer.Option("--port", help="Serial port; found when there is only one.")]


def find_port(port: str | None) -> str:
    """The port that was named, or the only one that has something on it; raises ``no-port`` or ``which-port``."""
    if port is not None:
        return resolve(port)
    found = [each.name for each in serial_ports()]
    if not found:
        raise QcotError(NO_PORT, "no serial port has anything on it")
    if len(found) > 1:
        raise QcotError(WHICH_PORT, f"there are {len(found)}: {', '.join(found)}")
    return found[0]


def parse_rates(texts: list[str]) -> dict[str, float]:
    """Read ``A0=100``-like texts as channel to readings a second; raises ``bad-rate``."""
    rates = {}
    for text in texts:
        name, _, value = text.partition("=")
        try:
            rate = float(value)
        except ValueError:
            rate = -1.0
        if not name or not is_rate(rate):
            raise QcotError(BAD_RATE, f"{text!r}")
        rates[name] = rate
    return rates


def boards(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Show serial ports by their stable names, and the boards that are enrolled here.

    Example: `qcot boards`
    """
    place, now = open_home(home), int(time.time())
    ports, known = serial_ports(), BoardRegistry(place.path).boards()
    found = [standing(place, f"boards/{board.device.hex()}", now) for board in known]
    ends = [made.not_after if made else None for made in found]
    if as_json:
        print_json({
            "ports": [{"name": p.name, "device": p.device, "description": p.description} for p in ports],
            "boards": [
                _board(board) | {"certified_until": end, "signer": _signer(place, board)}
                for board, end in zip(known, ends, strict=True)
            ],
        })  # fmt: skip
        return
    if ports:
        print_table("", ["port", "device", "what it says it is"], [[p.name, p.device, p.description] for p in ports])
    else:
        out.print("no serial port has anything on it; `qcot emulate uno` starts a simulated board", markup=False)
    if known:
        rows = [
            [
                b.device.hex(),
                b.model,
                _version(b),
                ", ".join(c.name for c in b.channels),
                when(end)[:10] if end else "no",
                _signer(place, b),
            ]
            for b, end in zip(known, ends, strict=True)
        ]
        print_table("", ["enrolled board", "model", "firmware", "channels", "certified until", "own key"], rows)
        if None in ends:
            out.print("no certificate: `qcot enroll PORT` asks for it", markup=False)
    else:
        out.print("no board is enrolled here; `qcot enroll PORT` does it", markup=False)


def _signer(place: Home, board: EnrolledBoard) -> str:
    """How the board's own key stood when it was heard last."""
    state = BoardRegistry(place.path).signer(board.device)
    if state is None:
        return ""
    found = standing(place, f"boards/{board.device.hex()}", int(time.time()))
    certified = found is not None and found.board is not None and found.board.lms == state.public
    return SignerView(state.phase.name.lower(), state.done, state.total, certified).words


def _version(board: EnrolledBoard) -> str:
    return ".".join(map(str, board.firmware))


def _board(board: EnrolledBoard) -> dict[str, object]:
    channels = [
        {"name": c.name, "unit": c.unit, "num": c.num, "den": c.den, "offset": c.offset} for c in board.channels
    ]
    what = {"device": board.device.hex(), "model": board.model, "firmware": _version(board)}
    return {**what, "image": board.image.hex(), "channels": channels}


def flash(
    env: Annotated[
        str | None,
        typer.Argument(help=f"Kind of board: {', '.join(UPLOADED)}.", show_default="what its USB interface says"),
    ] = None,
    port: PortOption = None,
    as_json: JsonOption = False,
) -> None:
    """Build the firmware, upload it through the board's bootloader, and ask the board what it runs.

    Identity, boot counter, settings and signing key stay as they are; if the power fails meanwhile, run it again.

    Example: `qcot flash`, `qcot flash uno --port /dev/ttyACM0`
    """
    if env is not None:
        target_of(env)
    where = find_port(port)
    env = env or kind_on(where)
    if env is None:
        raise QcotError(WHICH_BOARD, f"{where} has a USB interface that boards of several kinds have")
    # avrdude does not lock: it would take bytes away from a bridge that serves the board, and fail.
    SerialPort(where).close()
    speak = err if as_json else out
    speak.print(f"building {env} and uploading it to {where}", markup=False, soft_wrap=True)
    with err.status("starting PlatformIO") as status:
        done = flash_board(env, where, lambda line: status.update(escape(stage_of(line) or line)[: err.width - 4]))
    made, hello = done.firmware, done.hello
    if as_json:
        identity = {"enrolled": hello.enrolled, "device": hello.device.hex() if hello.enrolled else None}
        told = {"env": env, "port": where, "image": made.image.hex(), "flash": made.flash, "ram": made.ram}
        print_json(told | identity | {"epoch": hello.epoch})
        return
    out.print(f"uploaded and read back: {made.flash:,} bytes of flash, {made.ram:,} of RAM", markup=False)
    out.print(f"the board runs image {made.image.hex()}", soft_wrap=True)
    if hello.enrolled:
        out.print(f"its identity stayed: {hello.device.hex()}, boot {hello.epoch}", markup=False)
    else:
        out.print(f"next  qcot enroll {where} --rate A0=100", markup=False, soft_wrap=True)


def enroll(
    port: Annotated[str | None, typer.Argument(help="Serial port; found when there is only one.")] = None,
    home: HomeOption = None,
    rate: Annotated[
        list[str] | None, typer.Option(help="CHANNEL=HZ, as often as wanted; the board remembers it. Default A0=10.")
    ] = None,
    window: Annotated[float, typer.Option(min=5, max=3600, help="Seconds for which enrolment is allowed.")] = 60,
    as_json: JsonOption = False,
) -> None:
    """Give the board on PORT an identity and a certificate, over a cable that you trust, and say what it measures.

    Run it again to set other rates: an identity that is there stays. Stop a bridge that serves the board first. Where
    the authority is in this home, it hears this one request; else a sealed request is written, to be carried there.

    Example: `qcot enroll /dev/ttyACM0 --rate A0=100 --rate supply=0.1`
    """
    place = open_home(home)
    place.settings()
    wanted = parse_rates(list(rate or DEFAULT_RATES))
    where = find_port(port)
    speak = err if as_json else out
    with err.status(f"waiting at most {window:.0f} s for {escape(where)}"):
        found = enrol_board(
            where,
            BoardRegistry(place.path),
            rates=wanted,
            window=window,
            progress=lambda line: speak.print(line, markup=False),
        )
    outcome = register_board(place, found.board, int(time.time()))
    if as_json:
        told = {"request": str(outcome.file)} if isinstance(outcome, Asked) else {"certificate": outcome.serial}
        print_json(_board(found.board) | {"fresh": found.fresh, "rates": wanted} | told)
        return
    what = "enrolled" if found.fresh else "was enrolled here before:"
    out.print(
        f"{what} {found.board.device.hex()} ({found.board.model}, firmware {_version(found.board)})", markup=False
    )
    out.print("rates " + ", ".join(f"{name} {value:g} Hz" for name, value in wanted.items()), markup=False)
    if isinstance(outcome, Asked):
        tell_asked(outcome)
    else:
        out.print(f"certificate {outcome.serial.hex()}, until {when(outcome.not_after)}", markup=False)
        out.print("next  qcot up" + (f" --port {port}" if port else ""), markup=False, soft_wrap=True)
        if found.board.firmware >= SINCE:
            out.print(f"or    qcot signer generate {where}: a key of the board's own", markup=False, soft_wrap=True)


COMMANDS = {"boards": boards, "flash": flash, "enroll": enroll}

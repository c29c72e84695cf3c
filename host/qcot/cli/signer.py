"""`qcot signer ...`: a board's own key: make it, certify it, sign with it, find lost nodes again."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from qcot.authority.registration import Asked, register_board, standing
from qcot.boards.nodes import SignerState
from qcot.boards.registry import BoardRegistry, EnrolledBoard
from qcot.bridge import signing
from qcot.bridge.cable import Cable
from qcot.bridge.making import Progress, Told
from qcot.bridge.mqtt_lines import is_line
from qcot.bridge.problems import SIGNER_NO_KEY, SIGNER_UNFINISHED
from qcot.cli.authority import when
from qcot.cli.boards import find_port
from qcot.cli.certificate import tell_asked
from qcot.cli.common import (
    HomeOption,
    JsonOption,
    as_record,
    err,
    open_home,
    out,
    print_json,
    print_table,
    report,
    write_file,
)
from qcot.crypto.lms import PARAMETERS, checkpoint_message, leaf_of
from qcot.errors import Problem, QcotError
from qcot.home import Home
from qcot.link.problems import PORT_BUSY
from qcot.link.signer import Phase

BRIDGE_HAS_IT = Problem(
    PORT_BUSY.name, "Stop the program that has it open; where that is a bridge (qcot up), give the board's id instead."
)
BRIDGE_HAS_LINE = Problem(
    "served-by-bridge",
    "Give the board's id, which `qcot boards` shows: the bridge has it sign or make a key, tells how that key stands, "
    "and finds lost leaves again by itself.",
)
NO_SUCH_BOARD = Problem("no-such-board", "Give the id of a board that `qcot boards` shows.")

app = typer.Typer(
    no_args_is_help=True,
    help="A board's own LMS key: its signatures stand against everybody, a bridge that turns bad and a quantum "
    "computer among them.\n\nExample: `qcot signer generate /dev/ttyACM0`",
)
PortArgument = Annotated[str | None, typer.Argument(help="Serial port; found when there is only one.")]
BoardArgument = Annotated[
    str | None, typer.Argument(help="Serial port, or the id of a board that a running bridge serves.")
]
ReplaceOption = Annotated[
    bool,
    typer.Option("--replace", help="The authority here takes it in the place of another key that it certified before."),
]
_DEVICE = re.compile(r"[0-9a-f]{16}")


@app.command()
def generate(
    port: BoardArgument = None,
    begin: Annotated[
        bool, typer.Option("--begin", help="Only begin it: a bridge finishes it while readings go on.")
    ] = False,
    replace: ReplaceOption = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Have the board on PORT make a key of its own, keep the tree's leaves here, and certify the board for it.

    It takes an Uno some 20 minutes (1,024 leaves), in which it measures on; what it has no room for is lost and told in
    its chain, so with a bridge that runs give the board's id, or --begin it here and start the bridge. Stopped, it goes
    on where it was. A key that is used up is followed by a new one; --replace renews the certificate for it.

    Example: `qcot signer generate /dev/ttyACM0`, `qcot signer generate --begin`
    """
    place = open_home(home)
    if _is_device(port):
        _ask_bridge(place, port, "generate", as_json)
        return
    with _cable(place, port) as cable:
        if begin:
            cable.begin()
            _tell_begun(cable.board, cable.note(), port, as_json)
            return
        with _bar("leaves", as_json) as advance:
            try:
                cable.make_key(advance)
            except KeyboardInterrupt:
                state = cable.note()
                err.print(f"stopped at {state.done} of {state.total:,} leaves; the same command goes on from there")
                raise
        cable.prove()
        board, state = cable.board, cable.note()
    told = _certify(place, board, state, port, as_json, replace=replace)
    if as_json:
        print_json(told)


@app.command()
def status(port: BoardArgument = None, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Show how the key of the board on PORT stands, or as it was heard last of a board by its id.

    Example: `qcot signer status`, `qcot signer status 71c07b0a2d000001 --json`
    """
    place = open_home(home)
    if _is_device(port):
        board = _board(place, port)
        state = BoardRegistry(place.path).signer(board.device)
        if state is None:
            raise QcotError(SIGNER_NO_KEY, f"nothing was heard of a key of board {board.device.hex()}")
    else:
        with _cable(place, port) as cable:
            board, state = cable.board, cable.note()
    told = _told(place, board, state)
    if as_json:
        print_json(told)
        return
    rows = [[name, "" if value is None else str(value)] for name, value in told.items() if name != "public"]
    print_table("", ["", ""], rows)
    if state.public is not None:
        out.print(f"public key {state.public.hex()}", markup=False, soft_wrap=True)
    step = _DONE if told["certified"] else _NEXT[state.phase]
    out.print("next  " + step.format(port=_named(port), device=board.device.hex()), markup=False, soft_wrap=True)


_DONE = "nothing: the bridge has the board sign its chain by itself; or qcot signer sign{port}"
_NEXT = {
    Phase.NONE: "qcot signer generate{port}: the board makes a key",
    Phase.GENERATING: "qcot up, which finishes the key while readings go on; or qcot signer generate{port}",
    Phase.READY: "qcot signer certify {device}: then the bridge has the board sign its chain by itself",
    Phase.EXHAUSTED: "qcot signer generate{port} --replace: a new key, for which the certificate is renewed",
    Phase.DAMAGED: "erase the board (hold D12 to GND in a reset), enrol it again",
}


@app.command()
def sign(
    port: BoardArgument = None,
    to: Annotated[Path, typer.Option("--out", help="Where to write FILE.sig, FILE.msg and FILE.pub.")] = Path(
        "checkpoint"
    ),
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Have the board on PORT sign where its chain stands, and write it to files; it costs one leaf.

    FILE.sig is an LMS signature of FILE.msg under FILE.pub as RFC 8554 has them: any implementation verifies it, such
    as pyhsslms with LmsPublicKey.deserialize(pub).verify(msg, sig). Given a board's id, the running bridge has it
    signed and takes it to the ledger.

    Example: `qcot signer sign /dev/ttyACM0 --out ward-3`, `qcot signer sign 71c07b0a2d000001`
    """
    place = open_home(home)
    if _is_device(port):
        _ask_bridge(place, port, "sign", as_json)
        return
    with _cable(place, port) as cable:
        with _bar("leaves", as_json) as advance:
            state = cable.note()
            if state.phase is Phase.GENERATING:
                raise QcotError(SIGNER_UNFINISHED, f"{state.done} of {state.total:,} leaves of the key are made")
            if state.phase is not Phase.NONE:
                cable.find_leaves(advance)
        signed, board = cable.sign(), cable.board
        certified = _told(place, board, cable.note())["certified"]
    device = board.device
    proof = signed.proof
    message = checkpoint_message(device, proof.epoch, proof.seq, proof.link)
    for suffix, data in ((".sig", proof.signature), (".msg", message), (".pub", signed.public)):
        write_file(to.with_name(to.name + suffix), data)
    leaf = leaf_of(proof.signature)
    if as_json:
        print_json({"device": device, "leaf": leaf, "epoch": proof.epoch, "seq": proof.seq, "link": proof.link,
                    "public": signed.public, "signature": proof.signature, "file": str(to)})  # fmt: skip
        return
    out.print(f"signed   all before reading {proof.seq} of boot {proof.epoch}, with leaf {leaf}", markup=False)
    out.print(f"written  {to}.sig ({len(proof.signature):,} bytes), {to}.msg, {to}.pub", markup=False, soft_wrap=True)
    if not certified:
        out.print(f"next     qcot signer certify {device.hex()}", markup=False)


@app.command()
def rebuild(
    port: PortArgument = None,
    every: Annotated[bool, typer.Option("--all", help="Forget the leaves that are here, too.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Have the board on PORT compute the leaves that are lost here once more, and check them against its root.

    They are public and nothing secret is in them; without all of them the board cannot sign. A bridge does it by
    itself, in the background.

    Example: `qcot signer rebuild /dev/ttyACM0`
    """
    place = open_home(home)
    with _cable(place, port) as cable:
        with _bar("leaves", as_json) as advance:
            if cable.note().phase in (Phase.NONE, Phase.DAMAGED):
                raise QcotError(SIGNER_NO_KEY, "there are no leaves to look for")
            cable.find_leaves(advance, anew=every)
        state, device = cable.note(), cable.board.device
    if as_json:
        print_json({"device": device, "leaves": state.total, "public": state.public})
        return
    out.print(f"all {state.total:,} leaves of {device.hex()} are here, and make its root", markup=False)


@app.command()
def certify(
    device: Annotated[str | None, typer.Argument(help="The board's id; all that are enrolled here without it.")] = None,
    replace: ReplaceOption = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Renew a board's certificate with the key that it has made; a bridge that runs takes it up by itself.

    Where the authority is in this home it is issued at once; else a sealed request is written, to be carried there. A
    board's next key takes the place of the one that was certified only where the authority's operator says --replace.

    Example: `qcot signer certify`, `qcot signer certify 71c07b0a2d000001`
    """
    place = open_home(home)
    registry = BoardRegistry(place.path)
    boards = [_board(place, device)] if device is not None else registry.boards()
    found = [(board, state) for board in boards if (state := registry.signer(board.device)) and state.proof]
    if not found:
        raise QcotError(SIGNER_NO_KEY, "no board here has shown a key of its own")
    told: list[dict[str, object]] = []
    refused: list[QcotError] = []
    for board, state in found:
        try:
            told.append(_certify(place, board, state, None, as_json, replace=replace))
        except QcotError as error:
            if len(found) == 1:
                raise
            refused.append(error)  # the other boards have theirs all the same
            told.append({"device": board.device, "error": as_record(error)})
            if not as_json:
                report(error, as_json)
    if as_json:
        print_json({"boards": told} | ({"error": as_record(refused[0])} if refused else {}))
    if refused:
        raise typer.Exit(1)


def _is_device(text: str | None) -> bool:
    return text is not None and _DEVICE.fullmatch(text) is not None and not Path(text).exists()


def _board(place: Home, text: str | None) -> EnrolledBoard:
    board = BoardRegistry(place.path).board(bytes.fromhex(text)) if text and _DEVICE.fullmatch(text) else None
    if board is None:
        raise QcotError(NO_SUCH_BOARD, f"{text!r} is not enrolled here")
    return board


def _ask_bridge(place: Home, text: str | None, what: str, as_json: bool) -> None:
    board = _board(place, text)
    signing.request(place.path, board.device, what)
    if as_json:
        print_json({"device": board.device, "asked": what})
        return
    out.print(f"handed to the bridge of this home, for when it serves {board.device.hex()}", markup=False)
    out.print("next  qcot boards", markup=False)


@contextmanager
def _cable(place: Home, port: str | None) -> Iterator[Cable]:
    def tell(told: Told) -> None:
        err.print(f"{told.problem.name}: {told.reason}", markup=False, soft_wrap=True)

    if port is not None and is_line(port):
        raise QcotError(BRIDGE_HAS_LINE, f"{port} is a line over the broker, which is the bridge's alone")
    where = find_port(port)
    try:
        cable = Cable(where, BoardRegistry(place.path), tell)
    except QcotError as error:
        if error.problem is PORT_BUSY:
            raise QcotError(BRIDGE_HAS_IT, error.reason) from error
        raise
    with cable:
        yield cable


@contextmanager
def _bar(what: str, as_json: bool) -> Iterator[Callable[[Progress], None]]:
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Bar(*columns, console=err, disable=as_json or not err.is_terminal, transient=True) as bar:
        task = bar.add_task(what, total=None)

        def advance(step: Progress) -> None:
            bar.update(task, completed=step.done, total=step.total)

        yield advance


def _tell_begun(board: EnrolledBoard, state: SignerState, port: str | None, as_json: bool) -> None:
    if as_json:
        print_json({"phase": state.phase.name.lower(), "done": state.done, "total": state.total})
    elif state.phase is Phase.READY:
        out.print(f"there is a key already: {state.total - state.done:,} signatures are left", markup=False)
        out.print(f"next  qcot signer status{_named(port)}", markup=False, soft_wrap=True)
    else:
        out.print(f"begun: {state.done} of {state.total:,} leaves", markup=False)
        out.print("the bridge makes the others while readings go on, and then says signer-uncertified", soft_wrap=True)
        out.print(f"next  {_up(port)}", markup=False, soft_wrap=True)
        out.print(f"then  qcot signer certify {board.device.hex()}", markup=False, soft_wrap=True)


def _named(port: str | None) -> str:
    """The argument to paste where it was given; a port that is the only one needs no name."""
    return f" {port}" if port else ""


def _up(port: str | None) -> str:
    return f"qcot up --port {port}" if port else "qcot up"


def _told(place: Home, board: EnrolledBoard, state: SignerState) -> dict[str, object]:
    """What is known of a board's key, for people and machines."""
    found = standing(place, f"boards/{board.device.hex()}", int(time.time()))
    is_named = found is not None and found.board is not None and found.board.lms == state.public
    certified = is_named and state.phase is Phase.READY
    return {
        "device": board.device.hex(),
        "model": board.model,
        "phase": state.phase.name.lower(),
        "generation": state.generation,
        "set": None if state.public is None else _set(state.public),
        "leaves": state.total,
        "computed" if state.phase is Phase.GENERATING else "used": state.done,
        "left": state.total - state.done if state.phase is Phase.READY else 0,
        "certified": certified,
        "public": state.public,
    }


def _set(public: bytes) -> str:
    parameters = PARAMETERS[public[:8]]
    width = 8 * parameters.n // parameters.chains + 1  # the checksum takes 2 or 3 chains more (RFC 8554 section 4.1)
    return f"SHA-256/{8 * parameters.n}, W {width}, H {parameters.height}"


def _certify(
    place: Home, board: EnrolledBoard, state: SignerState, port: str | None, as_json: bool, *, replace: bool
) -> dict[str, object]:
    """Renew its certificate, tell people of it, and give what a machine is told."""
    outcome = register_board(place, board, int(time.time()), replace=replace)
    told: dict[str, object] = (
        {"request": str(outcome.file)} if isinstance(outcome, Asked) else {"certificate": outcome.serial}
    )
    left = state.total - state.done
    if not as_json:
        out.print(f"{board.device.hex()} has a key of its own: {left:,} signatures are left", markup=False)
        if isinstance(outcome, Asked):
            tell_asked(outcome)
        else:
            out.print(f"certificate {outcome.serial.hex()}, until {when(outcome.not_after)}", markup=False)
            out.print("the bridge has the board sign its chain by itself", markup=False)
            out.print(f"next  {_up(port)}", markup=False, soft_wrap=True)
    return {"device": board.device, "public": state.public, "left": left} | told


COMMANDS = {"signer": app}

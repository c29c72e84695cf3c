"""`qcot`: the composition root of the command line."""

from __future__ import annotations

import errno
import os
import signal
import sys
import tempfile
import traceback
from types import FrameType
from typing import cast

import typer

from qcot import __version__
from qcot.cli.common import err, report
from qcot.cli.lazy import LazyGroup, Place, lazy
from qcot.errors import Problem, QcotError

INTERNAL = Problem("internal-error", "This is a bug in qcot. Report it with the file named above.")
DISK_FULL = Problem("disk-full", "Free some space where the output goes, then run it again.")
NOT_PERMITTED = Problem("not-permitted", "Run it as the user whose home this is, or see who may read and write there.")
NO_BUGS = {
    errno.ENOSPC: DISK_FULL, errno.EACCES: NOT_PERMITTED, errno.EPERM: NOT_PERMITTED, errno.EROFS: NOT_PERMITTED
}  # fmt: skip
"""What the system refuses wherever it is asked; any other error of its is one that nobody thought of."""

COMMANDS = {
    "init": Place("qcot.cli.init", "Make a home: an authority, a bridge and a gateway, certified, and qcot.toml."),
    "broker": Place(
        "qcot.cli.services",
        "Run the embedded MQTT broker (amqtt): one machine, trials and tests. A site runs Mosquitto, see broker/.",
    ),
    "bridge": Place("qcot.cli.services", "Run the bridge: boards' frames in, signed transactions out, until Ctrl-C."),
    "gateway": Place("qcot.cli.services", "Run the gateway: transactions in, Qblocks and receipts out, until Ctrl-C."),
    "up": Place("qcot.cli.services", "Run broker, gateway and bridge together, with a live table, until Ctrl-C."),
    "boards": Place(
        "qcot.cli.boards", "Show serial ports by their stable names, and the boards that are enrolled here."
    ),
    "flash": Place(
        "qcot.cli.boards",
        "Build the firmware, upload it through the board's bootloader, and ask the board what it runs.",
    ),
    "emulate": Place("qcot.cli.emulate", "Start simulated boards and print their ports; they run until Ctrl-C."),
    "enroll": Place(
        "qcot.cli.boards",
        "Give the board on PORT an identity and a certificate, over a cable that you trust, and say what it measures.",
    ),
    "calibrate": Place(
        "qcot.cli.calibrate", "Have a board keep what the raw values of CHANNEL stand for, and certify it for that."
    ),
    "signer": Place(
        "qcot.cli.signer",
        "A board's own LMS key: its signatures stand against everybody, a bridge that turns bad and a quantum "
        "computer among them.",
    ),
    "authority": Place(
        "qcot.cli.authority", "Where the authority is: hear requests, issue certificates, take them back."
    ),
    "certificate": Place(
        "qcot.cli.certificate",
        "Certificates of this home: ask the authority, install what it answers, look, take a new key.",
    ),
    "ledger": Place(
        "qcot.cli.ledger", "Look at the ledger, recompute it, prove one reading, have it witnessed and anchored."
    ),
    "verify": Place("qcot.cli.ledger", "Check one reading's evidence, offline; needs neither network nor home."),
    "record": Place(
        "qcot.cli.record",
        "Seal, share, open and erase records; the ledger shows that it was done, and nothing of what is in them.",
    ),
    "demo": Place(
        "qcot.cli.demo", "Flash, enrol and record simulated Unos, verify the ledger, then tamper with copies of it."
    ),
    "kme": Place(
        "qcot.cli.kme",
        "Keys of a quantum link from a key server (ETSI GS QKD 014), ours over a simulated link or anybody's.",
    ),
    "quantum": Place(
        "qcot.cli.quantum.group",
        "What two papers do with a quantum state, each by itself. On a simulator unless --backend says else.",
    ),
    "reproduce": Place(
        "qcot.cli.reproduce",
        "Regenerate every table and figure of the papers QCoT and QUMA that is about something computable.",
    ),
    "bench": Place("qcot.cli.bench", "Measure on this machine."),
}
"""Every command."""

app = typer.Typer(
    name="qcot",
    cls=lazy(COMMANDS),
    help="Sensor readings as evidence that outlives today's signatures.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    add_completion=False,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"qcot {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(
        False, "--version", help="Print the version and stop.", is_eager=True, callback=_show_version
    ),
) -> None:
    """Take what stands before the command."""


command = cast(LazyGroup, typer.main.get_command(app))
"""`qcot` as it is run."""


def _crash(error: BaseException) -> QcotError:
    """Keep the traceback for the bug report; a user is shown its place, not its text."""
    with tempfile.NamedTemporaryFile("w", prefix="qcot-crash-", suffix=".txt", delete=False) as file:
        traceback.print_exception(error, file=file)
    return QcotError(INTERNAL, f"{type(error).__name__}; details are in {file.name}")


def _end(number: int, _frame: FrameType | None) -> None:
    """Leave as an error would, so that everything that was started is stopped."""
    raise SystemExit(128 + number)


def run() -> None:
    """Run `qcot`. Exit status: 0 success, 1 refused or failed, 2 wrong usage, 128 + N ended by signal N."""
    as_json = "--json" in sys.argv
    try:
        command.load(sys.argv[1:])
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for each in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(each) is not signal.SIG_IGN:  # nohup
                signal.signal(each, _end)
        try:
            command()
        except SystemExit:
            sys.stdout.flush()  # what cannot be taken is told by its name below, not by the interpreter as it ends
            raise
    except QcotError as error:
        report(error, as_json)
        sys.exit(1)
    except KeyboardInterrupt:
        err.print("interrupted")
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(1)
    except OSError as error:
        known = NO_BUGS.get(error.errno or 0)
        report(QcotError(known, str(error)) if known else _crash(error), as_json)
        sys.exit(1)
    except Exception as error:  # the last line of defence
        report(_crash(error), as_json)
        sys.exit(1)
    finally:
        _let_go_of_output()


def _let_go_of_output() -> None:
    """Throw away what nobody takes: the interpreter would try it once more, and end with a traceback and 120."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

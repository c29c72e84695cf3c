"""`qcot`: the composition root of the command line."""

from __future__ import annotations

import errno
import importlib
import os
import signal
import sys
import tempfile
import traceback
from types import FrameType

import typer

from qcot import __version__
from qcot.cli.common import err, report
from qcot.errors import Problem, QcotError

INTERNAL = Problem("internal-error", "This is a bug in qcot. Report it with the file named above.")
DISK_FULL = Problem("disk-full", "Free some space where the output goes, then run it again.")
NOT_PERMITTED = Problem("not-permitted", "Run it as the user whose home this is, or see who may read and write there.")
NO_BUGS = {
    errno.ENOSPC: DISK_FULL, errno.EACCES: NOT_PERMITTED, errno.EPERM: NOT_PERMITTED, errno.EROFS: NOT_PERMITTED
}  # fmt: skip
"""What the system refuses wherever it is asked; any other error of its is one that nobody thought of."""

MODULES = {
    "qcot.cli.services": ("init", "broker", "bridge", "gateway", "up"),
    "qcot.cli.boards": ("boards", "flash", "emulate", "enroll"),
    "qcot.cli.calibrate": ("calibrate",),
    "qcot.cli.signer": ("signer",),
    "qcot.cli.authority": ("authority",),
    "qcot.cli.certificate": ("certificate",),
    "qcot.cli.ledger": ("ledger", "verify"),
    "qcot.cli.record": ("record",),
    "qcot.cli.demo": ("demo",),
    "qcot.cli.kme": ("kme",),
    "qcot.cli.quantum.group": ("quantum",),
    "qcot.cli.reproduce": ("reproduce",),
    "qcot.cli.bench": ("bench",),
}
"""Where each command is. Only the module of the command that is run is loaded: a command line must answer at once."""

app = typer.Typer(
    name="qcot",
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


def _add_commands(wanted: str | None) -> None:
    """Add the command that was asked for, or all of them for whoever looks around."""
    known = any(wanted in names for names in MODULES.values())
    for module, names in MODULES.items():
        if known and wanted not in names:
            continue
        for name, command in importlib.import_module(module).COMMANDS.items():
            if isinstance(command, typer.Typer):
                app.add_typer(command, name=name)
            else:
                app.command(name)(command)


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
        _add_commands(sys.argv[1] if len(sys.argv) > 1 else None)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for each in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(each) is not signal.SIG_IGN:  # nohup
                signal.signal(each, _end)
        try:
            app()
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

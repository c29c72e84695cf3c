"""`qcot`: the composition root of the command line."""

from __future__ import annotations

import sys
import tempfile
import traceback
from pathlib import Path

import click
import typer

from qcot import __version__
from qcot.cli import boards, demo, ledger, services
from qcot.cli.common import err, report
from qcot.errors import Problem, QcotError

INTERNAL = Problem("internal-error", "This is a bug in qcot. Report it with the file named above.")

app = typer.Typer(
    name="qcot",
    help="Sensor readings as evidence that outlives today's signatures.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    add_completion=False,
)


COMMANDS = (
    services.init, boards.boards, boards.flash, boards.emulate, boards.enroll,
    services.broker, services.bridge, services.gateway, services.up, demo.demo,
)  # fmt: skip
for command in COMMANDS:
    app.command()(command)
app.command("verify")(ledger.verify_evidence)
app.add_typer(ledger.app, name="ledger")


@app.callback()
def _root(
    version: bool = typer.Option(False, "--version", help="Print the version and stop.", is_eager=True),
) -> None:
    if version:
        typer.echo(f"qcot {__version__}")
        raise typer.Exit


def _crash_file(error: BaseException) -> Path:
    """Keep the traceback for the bug report; a user is shown its place, not its text."""
    with tempfile.NamedTemporaryFile("w", prefix="qcot-crash-", suffix=".txt", delete=False) as file:
        traceback.print_exception(error, file=file)
    return Path(file.name)


def main() -> None:
    """Run `qcot`. Exit status: 0 success, 1 refused or failed, 2 wrong usage, 130 interrupted."""
    as_json = "--json" in sys.argv
    try:
        status = app(standalone_mode=False)
    except QcotError as error:
        report(error, as_json)
        sys.exit(1)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        err.print("interrupted")
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(1)
    except Exception as error:  # the last line of defence
        report(QcotError(INTERNAL, f"{type(error).__name__}; details are in {_crash_file(error)}"), as_json)
        sys.exit(1)
    sys.exit(status if isinstance(status, int) else 0)

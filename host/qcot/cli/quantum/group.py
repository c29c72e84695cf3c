"""`qcot quantum`: the group, and where each of its commands is."""

from __future__ import annotations

import importlib
import sys

import typer

TECHNIQUES = ("hash", "embed", "qblock", "audit", "validate", "attack", "qkd", "entropy", "teleport", "simulate")
"""Each is `COMMAND` (a function, or a Typer of several) of the module of that name beside this one."""

app = typer.Typer(
    no_args_is_help=True,
    help="What two papers do with a quantum state, each by itself. On a simulator unless --backend says else.\n\n"
    "The papers are QUMA (doi:10.20944/preprints202402.0529.v1), whose sections are named, and QCoT.\n\n"
    "Example: `qcot quantum hash --hex 616263`",
)


def _add_commands(wanted: str | None) -> None:
    """Add the technique that was asked for, or all of them for whoever looks around."""
    for name in [wanted] if wanted in TECHNIQUES else TECHNIQUES:
        command = importlib.import_module(f"qcot.cli.quantum.{name}").COMMAND
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name)
        else:
            app.command(name)(command)


_add_commands(sys.argv[2] if len(sys.argv) > 2 else None)
COMMANDS = {"quantum": app}

"""What every command shares: options, JSON or tables, and errors without a traceback."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from qcot.errors import QcotError
from qcot.home import Home, default_home

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)

HomeOption = Annotated[
    Path | None,
    typer.Option("--home", help="The home folder.", envvar="QCOT_HOME", show_default="user data folder"),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


def open_home(path: Path | None) -> Home:
    """The home that was named, or the user's."""
    return Home(path or default_home())


def print_json(value: Any) -> None:
    """Write one JSON document and nothing else to standard output."""
    sys.stdout.write(json.dumps(value, indent=2, default=_plain) + "\n")


def _plain(value: Any) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)


def print_table(title: str, columns: list[str], rows: list[list[str]]) -> None:
    """Print rows for people; numbers are right-justified by the caller's own formatting."""
    table = Table(title=title or None, title_justify="left", box=None, pad_edge=False)
    for column in columns:
        table.add_column(column)
    for row in rows:
        table.add_row(*row)
    out.print(table)


def report(error: QcotError, as_json: bool) -> None:
    """Say what was wrong, why, and what to do, in the manner that was asked for."""
    if as_json:
        problem = {"name": error.problem.name, "reason": error.reason, "remedy": error.problem.remedy}
        print_json({"error": problem})
        return
    err.print(f"[bold red]{error.problem.name}[/]", error.reason, sep=": ", markup=True, soft_wrap=True)
    err.print(f"what to do: {error.problem.remedy}", markup=False, soft_wrap=True)

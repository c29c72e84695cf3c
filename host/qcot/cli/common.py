"""What every command shares: options, JSON or tables, and errors without a traceback."""

from __future__ import annotations

import contextlib
import json
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from qcot.errors import Problem, QcotError

if TYPE_CHECKING:
    from qcot.home import Home

UNREADABLE = Problem("file-unreadable", "Name a file that is there and that you may read.")
UNWRITABLE = Problem("file-unwritable", "Name a file that you may write with --out.")
MAX_FILE = 1 << 20

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)

HomeOption = Annotated[
    Path | None,
    typer.Option("--home", help="The home folder.", envvar="QCOT_HOME", show_default="user data folder"),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


def open_home(path: Path | None) -> Home:
    """The home that was named, or the user's."""
    from qcot.home import Home, default_home  # pydantic takes longer to load than all the rest of a --help

    return Home(path or default_home())


def read_file(path: Path, most: int = MAX_FILE) -> bytes:
    """A file that was named, of at most so many bytes, a mebibyte; raises ``file-unreadable``."""
    try:
        with path.open("rb") as file:
            held = file.read(most + 1)
    except OSError as error:
        raise QcotError(UNREADABLE, f"{path}: {error.strerror}") from error
    if len(held) > most:
        raise QcotError(UNREADABLE, f"{path} holds more than {most:,} bytes")
    return held


def read_text(path: Path) -> str:
    """A text file that was named; raises ``file-unreadable``."""
    try:
        return read_file(path).decode()
    except UnicodeDecodeError as error:
        raise QcotError(UNREADABLE, f"{path} is not text") from error


def write_file(path: Path, data: bytes) -> None:
    """Write a file that was named, whole or not at all; raises ``file-unwritable``."""
    from qcot.home import write_whole

    try:
        write_whole(path, data)
    except OSError as error:
        raise QcotError(UNWRITABLE, f"{path}: {error.strerror}") from error


def print_json(value: Any) -> None:
    """Write one JSON document and nothing else to standard output. JSON has no infinity and no NaN: they are null."""
    sys.stdout.write(json.dumps(_finite(value), indent=2, default=_plain, allow_nan=False) + "\n")


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _plain(value: Any) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)


def print_table(title: str, columns: list[str], rows: list[list[str]]) -> None:
    """Print rows for people; numbers are right-justified by the caller's own formatting."""
    table = Table(title=title or None, title_justify="left", box=None, pad_edge=False)
    for number, column in enumerate(columns):
        words = max(
            (len(word) for row in rows for cell in row[number : number + 1] for word in cell.split()), default=0
        )
        table.add_column(column, overflow="fold", min_width=min(words, 16))  # what is cut can't be copied: 16 is an id
    for row in rows:
        table.add_row(*row)
    out.print(table)


def as_record(error: QcotError) -> dict[str, str]:
    """What a machine is told of a refusal."""
    return {"name": error.problem.name, "reason": error.reason, "remedy": error.problem.remedy}


def report(error: QcotError, as_json: bool) -> None:
    """Say what was wrong, why, and what to do, in the manner that was asked for."""
    if as_json:
        with contextlib.suppress(OSError):  # standard output may be what is full; it is said below then
            print_json({"error": as_record(error)})
            sys.stdout.flush()
            return
    err.print(f"[bold red]{error.problem.name}[/]", escape(error.reason), sep=": ", markup=True, soft_wrap=True)
    err.print(f"what to do: {error.problem.remedy}", markup=False, soft_wrap=True)

"""What the commands of `qcot quantum` share: their options, and one way to show what a technique did."""

from __future__ import annotations

import dataclasses
import signal
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from qcot.cli.common import JsonOption, err, out, print_json, print_table
from qcot.errors import Problem, QcotError

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

    from qcot.quantum.backends import Backend
    from qcot.quantum.statistics import Estimate

__all__ = [
    "BackendOption",
    "JsonOption",
    "PngOption",
    "SeedOption",
    "ShotsOption",
    "counting",
    "estimate_record",
    "estimate_rows",
    "picture",
    "show",
    "working",
]

PICTURE_UNWRITABLE = Problem("picture-unwritable", "Name a .png file in a folder that you may write with --png.")

BackendOption = Annotated[
    str,
    typer.Option("--backend", help="ideal, noisy, noisy:FILE.json, ibm:NAME, or MODULE:ATTRIBUTE with a BackendV2."),
]
ShotsOption = Annotated[int, typer.Option("--shots", help="How often each circuit runs, 1 to 1,000,000.")]
SeedOption = Annotated[int, typer.Option("--seed", help="The same seed gives the same run on a simulator.")]


def picture(path: Path | None) -> Path | None:
    """Refuse a picture that cannot be written before minutes of work; raises `picture-unwritable`."""
    if path is not None and path.suffix.lower() != ".png":
        raise QcotError(PICTURE_UNWRITABLE, f"{path} does not end in .png")
    if path is not None and not path.parent.is_dir():
        raise QcotError(PICTURE_UNWRITABLE, f"{path}: {path.parent} is no folder")
    return path


PngOption = Annotated[
    Path | None, typer.Option("--png", help="Also draw the circuit into this .png file.", callback=picture)
]

MAX_TEXT_WIDTH = 12
"""Widest circuit that is drawn as text; a wider one fills screens."""
MAX_LINE = 100
"""Longest line of prose: wider ones are hard to read."""
PICTURE_COLUMNS = 30
"""Columns of a picture before it goes on below; an unfinished row of fewer gates looks worse than a wide picture."""
NATURES = {True: "a simulation", False: "a quantum computer", None: "which does not tell whether it simulates"}


@contextmanager
def working(as_json: bool) -> Iterator[Callable[[str], None]]:
    """While circuits run: gives a function that says, on a terminal, what runs now; Ctrl-C ends the program at once.

    Aer holds Python's lock as long as a job takes, which can be minutes. So neither a bar would move nor would Python
    see Ctrl-C: the system's own way takes its place. Nothing that needs an ending may be started inside.
    """
    silent = as_json or not err.is_terminal or err.is_dumb_terminal

    def tell(what: str) -> None:
        if not silent:
            sys.stderr.write(f"\r\x1b[K{what} ...")
            sys.stderr.flush()

    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield tell
    finally:
        signal.signal(signal.SIGINT, before)
        if not silent:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


@contextmanager
def counting(what: str, as_json: bool) -> Iterator[Callable[[int, int], None]]:
    """A bar on a terminal for what comes in many short parts: gives a function of how many are done and of how many."""
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True, disable=as_json or not err.is_terminal) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def show(
    *,
    explains: str,
    facts: Mapping[str, object],
    record: Mapping[str, Any],
    as_json: bool,
    columns: Sequence[str] = (),
    rows: Sequence[Sequence[str]] = (),
    circuit: QuantumCircuit | None = None,
    png: Path | None = None,
    device: Backend | None = None,
) -> None:
    """Show a technique's run: ``record`` as JSON, or for people what it is, its circuit, a table and the facts.

    ``explains`` is a few sentences: what was done, what it shows, and what it does not. A record that names a backend
    is of circuits that ran on ``device`` (None: the ideal simulator), and it is said whether that is a simulation.
    Raises `picture-unwritable`.
    """
    if png is not None:
        if circuit is not None:
            draw(circuit, png)
        err.print(f"circuit drawn into {png}" if circuit is not None else "this has no circuit to draw", markup=False)
    if record.get("backend"):
        from qcot.quantum.backends import simulates

        simulation = simulates(device)
        record = {**record, "simulation": simulation}
        facts = {name: f"{each}, {NATURES[simulation]}" if name == "ran on" else each for name, each in facts.items()}
    if as_json:
        print_json(record)
        return
    for paragraph in explains.split("\n"):
        print_wrapped(paragraph)
    if circuit is not None and circuit.num_qubits <= MAX_TEXT_WIDTH:
        out.print()
        out.print(str(circuit.draw("text", fold=max(out.width, 60))), markup=False, soft_wrap=True)
    if rows:
        out.print()
        print_table("", list(columns), [list(row) for row in rows])
    out.print()
    width = max((len(name) for name in facts), default=0) + 2
    for name, value in facts.items():
        print_wrapped(f"{name:<{width}}{value}", " " * width)


def print_wrapped(text: str, indent: str = "") -> None:
    """Print a line, wrapped at the terminal's width but never within a word; further lines start with ``indent``."""
    wide = max(min(out.width, MAX_LINE), len(indent) + 20)
    lines = textwrap.wrap(
        text, wide, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False, drop_whitespace=True
    )
    for line in lines or [""]:
        out.print(line, markup=False, soft_wrap=True)


def draw(circuit: QuantumCircuit, path: Path) -> None:
    """Draw ``circuit`` into a PNG file; raises `picture-unwritable`."""
    import matplotlib as mpl

    mpl.use("Agg")
    try:
        circuit.draw("mpl", filename=str(path), fold=-1 if circuit.num_qubits > MAX_TEXT_WIDTH else PICTURE_COLUMNS)
    except OSError as error:
        raise QcotError(PICTURE_UNWRITABLE, f"{path}: {error.strerror}") from error


def estimate_record(estimate: Estimate) -> dict[str, Any]:
    """An estimate as JSON has it."""
    return {**dataclasses.asdict(estimate), "agrees": estimate.agrees}


ESTIMATE_COLUMNS = ("", "measured", "99 % interval", "theory", "")


def estimate_rows(estimates: Sequence[Estimate]) -> list[list[str]]:
    """Rows for ESTIMATE_COLUMNS."""
    verdict = {True: "agrees", False: "DISAGREES", None: ""}
    return [
        [
            each.name,
            f"{each.measured:.6g}",
            f"{each.low:.6g} to {each.high:.6g}",
            "" if each.theory is None else f"{each.theory:.6g}",
            verdict[each.agrees],
        ]
        for each in estimates
    ]

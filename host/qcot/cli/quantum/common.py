"""What the commands of `qcot quantum` share: their options, and one way to show what a technique did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qcot.cli.common import JsonOption, err, out, print_json, print_table
from qcot.errors import Problem, QcotError

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

    from qcot.quantum.statistics import Estimate

__all__ = ["BackendOption", "JsonOption", "PngOption", "SeedOption", "ShotsOption", "estimate_rows", "show"]

PICTURE_UNWRITABLE = Problem("picture-unwritable", "Name a .png file in a folder that you may write with --png.")

BackendOption = Annotated[
    str,
    typer.Option("--backend", help="ideal, noisy, noisy:FILE.json, ibm:NAME, or MODULE:ATTRIBUTE with a BackendV2."),
]
ShotsOption = Annotated[int, typer.Option("--shots", help="How often each circuit runs, 1 to 1,000,000.")]
SeedOption = Annotated[int, typer.Option("--seed", help="The same seed gives the same run on a simulator.")]
PngOption = Annotated[Path | None, typer.Option("--png", help="Also draw the circuit into this file.")]

MAX_TEXT_WIDTH = 12
"""Widest circuit that is drawn as text; a wider one fills screens."""


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
) -> None:
    """Show a technique's run: ``record`` as JSON, or for people what it is, its circuit, a table and the facts.

    ``explains`` is a few sentences: what was done, what it shows, and what it does not. Raises `picture-unwritable`.
    """
    if png is not None and circuit is not None:
        draw(circuit, png)
    if as_json:
        print_json(record)
        return
    out.print(explains, markup=False, soft_wrap=True)
    if circuit is not None and circuit.num_qubits <= MAX_TEXT_WIDTH:
        out.print()
        out.print(str(circuit.draw("text", fold=max(out.width, 60))), markup=False, soft_wrap=True)
    if rows:
        out.print()
        print_table("", list(columns), [list(row) for row in rows])
    out.print()
    width = max((len(name) for name in facts), default=0)
    for name, value in facts.items():
        out.print(f"{name:<{width}}  {value}", markup=False, soft_wrap=True)
    if png is not None:
        err.print(f"circuit drawn into {png}" if circuit is not None else "this has no circuit to draw", markup=False)


def draw(circuit: QuantumCircuit, path: Path) -> None:
    """Draw ``circuit`` into a PNG file; raises `picture-unwritable`."""
    import matplotlib as mpl

    mpl.use("Agg")
    try:
        circuit.draw("mpl", filename=str(path), fold=-1 if circuit.num_qubits > MAX_TEXT_WIDTH else 25)
    except OSError as error:
        raise QcotError(PICTURE_UNWRITABLE, f"{path}: {error.strerror}") from error
    except ValueError as error:  # a suffix that matplotlib does not know
        raise QcotError(PICTURE_UNWRITABLE, f"{path}: {error}") from error


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

"""What a reproduced table or figure is: rows with claim, theory and measurement, the data, and a picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from qcot.quantum.statistics import Estimate

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from qcot.quantum.backends import Backend

Cell: TypeAlias = str | int | float


@dataclass(frozen=True)
class Row:
    """One claim. ``paper_holds`` says whether the paper is right, None where it claims nothing that can be checked.

    ``measured_holds`` says whether we measured what theory gives, None where nothing was run; False is a fault of this
    program or of its backend.
    """

    what: str
    claim: str
    theory: str
    measured: str
    paper_holds: bool | None
    measured_holds: bool | None
    why: str


@dataclass(frozen=True)
class Table:
    """The data behind an item, as its CSV file has it."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True)
class Result:
    """What running an item gave; ``draw`` fills its picture of ``height`` inches, and ``ran`` says what ran it."""

    rows: tuple[Row, ...]
    table: Table
    draw: Callable[[Figure], None]
    ran: str
    height: float = 4.5


@dataclass(frozen=True)
class Run:
    """How items are run: backend (None: ideal simulator), shots, seed, and whom to tell of progress from 0 to 1."""

    backend: Backend | None = None
    shots: int = 4096
    seed: int = 1
    samples: int = 10_000
    progress: Callable[[float], None] = field(default=lambda _part: None)


@dataclass(frozen=True)
class Item:
    """A table or figure of a paper by the ``name`` that --only takes."""

    name: str
    paper: str
    title: str
    run: Callable[[Run], Result]


def row(estimate: Estimate, claim: str = "nothing", paper_holds: bool | None = None, why: str = "") -> Row:
    """The row of a measured estimate."""
    theory = "no closed form" if estimate.theory is None else f"{estimate.theory:.6g}"
    measured = f"{estimate.measured:.6g} ({estimate.low:.6g} to {estimate.high:.6g})"
    return Row(estimate.name, claim, theory, measured, paper_holds, estimate.agrees is not False, why)


def exact(what: str, claim: str, *, theory: str, measured: str, paper_holds: bool | None, why: str) -> Row:
    """The row of something without chance in it: measured has to be theory to the letter."""
    return Row(what, claim, theory, measured, paper_holds, theory == measured, why)


def table(columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> Table:
    """A table from any sequences."""
    return Table(tuple(columns), tuple(tuple(each) for each in rows))

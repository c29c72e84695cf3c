"""Write what was reproduced: one Markdown page, and for each item a CSV file and a PNG picture."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from qcot.errors import Problem, QcotError
from qcot.reproduce.model import Item, Result, Row

OUT_UNWRITABLE = Problem("out-unwritable", "Name a folder that you may write with --out.")
PAGE = "reproduction.md"
_VERDICTS = {True: "agrees", False: "**does not agree**", None: "-"}


@dataclass(frozen=True)
class Done:
    """An item that ran, and how long it took in seconds."""

    item: Item
    result: Result
    seconds: float


def prepare(folder: Path) -> None:
    """Make the folder, so that what cannot be written is told before minutes of work; raises `out-unwritable`."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise QcotError(OUT_UNWRITABLE, f"{folder}: {error.strerror}") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise QcotError(OUT_UNWRITABLE, f"{folder} may not be written")


def write_item(folder: Path, done: Done) -> None:
    """Write NAME.csv and NAME.png; raises `out-unwritable`."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, done.result.height), layout="constrained")
    done.result.draw(figure)
    with _writing(folder / f"{done.item.name}.csv") as path, path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(done.result.table.columns)
        writer.writerows(done.result.table.rows)
    with _writing(folder / f"{done.item.name}.png") as path:
        figure.savefig(path, dpi=110)


def write_page(folder: Path, everything: Sequence[Done], how: str) -> Path:
    """Write the page that holds every claim against theory and measurement; raises `out-unwritable`."""
    with _writing(folder / PAGE) as path:
        path.write_text("\n".join(_page(everything, how)) + "\n", encoding="utf-8")
    return path


@contextmanager
def _writing(path: Path) -> Iterator[Path]:
    try:
        yield path
    except OSError as error:
        raise QcotError(OUT_UNWRITABLE, f"{path}: {error.strerror}") from error


def summary(everything: Sequence[Done]) -> dict[str, int]:
    """How many rows there are, and how many claims and measurements agree."""
    rows = [each for done in everything for each in done.result.rows]
    return {
        "claims and figures": len(rows),
        "paper agrees": sum(each.paper_holds is True for each in rows),
        "paper does not agree": sum(each.paper_holds is False for each in rows),
        "no claim to check": sum(each.paper_holds is None for each in rows),
        "measured off theory": sum(each.measured_holds is False for each in rows),
    }


_INTRODUCTION = """\
# The papers' tables and figures, regenerated

QCoT and QUMA claim; theory says; this program measured. The column *paper holds* says whether the paper's claim stands,
*as in theory* whether we measured what theory gives. Intervals are at 99 %: one right value in a hundred lies outside.
A measurement is called off theory when chance alone would put it so far off less than once in a million. Theory is that
of a machine without noise. All of it is simulation or arithmetic unless a backend's name is that of a quantum computer.
"""
_COLUMNS = ("what", "the paper claims", "theory", "measured", "paper holds", "as in theory", "why")
_OVERVIEW = ("item", "what it is", "claims and figures", "paper agrees", "does not", "off theory")


def records(everything: Sequence[Done]) -> list[dict[str, object]]:
    """Every row as JSON has it, with the item that it belongs to."""
    return [{"item": done.item.name, **asdict(row)} for done in everything for row in done.result.rows]


def _page(everything: Sequence[Done], how: str) -> list[str]:
    lines = [_INTRODUCTION, how, "", *(f"- {name}: {count}" for name, count in summary(everything).items()), ""]
    lines += [_line(_OVERVIEW), _line(["---"] * len(_OVERVIEW)), *(_line(_overview(done)) for done in everything), ""]
    for done in everything:
        item, result = done.item, done.result
        lines += [
            f'<a id="{item.name}"></a>',
            "",
            f"## {item.paper}: {item.title}",
            "",
            f"![{item.title}]({item.name}.png)",
            "",
            f"Data: [{item.name}.csv]({item.name}.csv). Ran on {result.ran}; {done.seconds:.1f} s.",
            "",
            _line(_COLUMNS),
            _line(["---"] * len(_COLUMNS)),
            *(_line(_cells(each)) for each in result.rows),
            "",
        ]
    return lines


def _overview(done: Done) -> tuple[str, ...]:
    rows, agree, differ, _, off = summary([done]).values()
    return (f"[{done.item.paper}](#{done.item.name})", done.item.title, str(rows), str(agree), str(differ), str(off))


def _cells(row: Row) -> tuple[str, ...]:
    verdicts = (_VERDICTS[row.paper_holds], _VERDICTS[row.measured_holds])
    return (row.what, row.claim, row.theory, row.measured, *verdicts, row.why)


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"

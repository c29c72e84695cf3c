"""`qcot reproduce`: the papers' tables and figures, with theory and measurement beside each claim."""

from __future__ import annotations

import platform
import sys
import time
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from qcot.cli.common import JsonOption, err, out, print_json, print_table


def reproduce(
    folder: Annotated[Path, typer.Option("--out", help="The folder to write into.")] = Path("reproduction"),
    only: Annotated[list[str] | None, typer.Option("--only", help="Only this one, as fig10; may be repeated.")] = None,
    backend: Annotated[
        str, typer.Option("--backend", help="ideal, noisy, noisy:FILE.json, ibm:NAME, or MODULE:ATTRIBUTE.")
    ] = "ideal",
    shots: Annotated[int, typer.Option(min=64, max=1_000_000, help="Shots of each circuit.")] = 4096,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same page on a simulator.")] = 1,
    samples: Annotated[
        int, typer.Option("-n", "--samples", min=100, max=1_000_000, help="Messages of the hash's statistics.")
    ] = 10_000,
    as_json: JsonOption = False,
) -> None:
    """Regenerate every table and figure of the papers QCoT and QUMA that is about something computable.

    Writes reproduction.md (each claim beside theory and measurement) and for each item a CSV file and a picture.
    Exit status 1 when something measured is off theory.

    Example: `qcot reproduce --only fig10 --out /tmp/fig10`
    """
    from qcot.quantum.backends import named_backend
    from qcot.reproduce import page
    from qcot.reproduce.items import choose
    from qcot.reproduce.model import Run

    items = choose(only or [])
    page.prepare(folder)
    chosen = named_backend(backend)
    finished: list[page.Done] = []
    with _progress(as_json) as progress:
        bar = progress.add_task("", total=len(items))
        for number, item in enumerate(items):
            progress.update(bar, description=f"{item.paper}: {item.title}", completed=number)
            begun = time.monotonic()
            how = Run(chosen, shots, seed, samples, partial(_tell, progress, bar, number))
            finished.append(page.Done(item, item.run(how), time.monotonic() - begun))
            page.write_item(folder, finished[-1])
        progress.update(bar, description="done", completed=len(items))
    written = page.write_page(folder, finished, _how(backend, shots, seed))
    counts = page.summary(finished)
    if as_json:
        print_json({"page": written, "summary": counts, "rows": page.records(finished)})
    else:
        rows = [[name, str(count)] for name, count in counts.items()]
        print_table("", ["", "rows"], rows)
        out.print(f"the page: {written}", markup=False)
    if counts["measured off theory"]:
        sys.exit(1)


def _how(backend: str, shots: int, seed: int) -> str:
    return (
        f"`qcot reproduce --backend {backend} --shots {shots} --seed {seed}` on {platform.machine()}, "
        f"Python {platform.python_version()}."
    )


def _tell(progress: Progress, bar: TaskID, number: int, part: float) -> None:
    progress.update(bar, completed=number + part)


def _progress(as_json: bool) -> Progress:
    return Progress(
        TextColumn("{task.description:<60}"), BarColumn(), TimeElapsedColumn(), console=err, disable=as_json
    )


COMMANDS = {"reproduce": reproduce}

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

from qcot.cli.common import JsonOption, err, out, print_json
from qcot.cli.quantum.common import NATURES, BackendOption, SeedOption
from qcot.errors import QcotError


def reproduce(
    folder: Annotated[Path, typer.Option("--out", help="The folder to write into.")] = Path("reproduction"),
    only: Annotated[list[str] | None, typer.Option("--only", help="Only this one, as fig10; may be repeated.")] = None,
    backend: BackendOption = "ideal",
    shots: Annotated[int, typer.Option(help="How often each circuit runs, 64 to 1,000,000.")] = 4096,
    seed: SeedOption = 1,
    samples: Annotated[
        int, typer.Option("-n", "--samples", help="Messages of the hash's statistics, 100 to 1,000,000.")
    ] = 10_000,
    as_json: JsonOption = False,
) -> None:
    """Regenerate every table and figure of the papers QCoT and QUMA that is about something computable.

    Writes reproduction.md (each claim beside theory and measurement) and for each item a CSV file and a picture.
    Exit status 1 when something measured is off theory.

    Example: `qcot reproduce --only fig10 --out /tmp/fig10`
    """
    from qcot.quantum.backends import named_backend, require_seed, require_shots, simulates
    from qcot.quantum.walk.samples import require_samples
    from qcot.reproduce import page
    from qcot.reproduce.items import FEWEST_SHOTS, TOO_FEW_SHOTS, choose
    from qcot.reproduce.model import Run

    require_shots(shots)
    if shots < FEWEST_SHOTS:
        raise QcotError(TOO_FEW_SHOTS, f"shots are {shots}")
    require_seed(seed)
    require_samples(samples)
    items = choose(only or [])
    began = time.monotonic()
    page.prepare(folder)
    chosen = named_backend(backend)
    finished: list[page.Done] = []
    with _progress(as_json) as progress:
        bar = progress.add_task("", total=len(items))
        for number, item in enumerate(items):
            progress.update(bar, description=f"{item.paper}, {number + 1} of {len(items)}", completed=number)
            begun = time.monotonic()
            how = Run(chosen, shots, seed, samples, partial(_tell, progress, bar, number))
            finished.append(page.Done(item, item.run(how), time.monotonic() - begun))
            page.write_item(folder, finished[-1])
        progress.update(bar, description="done", completed=len(items))
    seconds, simulation = time.monotonic() - began, simulates(chosen)
    written = page.write_page(folder, finished, _how(only or [], backend, shots, seed, samples, NATURES[simulation]))
    counts = page.summary(finished)
    if as_json:
        how_it_ran = {"backend": backend, "shots": shots, "seed": seed, "samples": samples, "seconds": seconds}
        counted = {"summary": counts, "rows": page.records(finished)}
        print_json({"page": written, **how_it_ran, "simulation": simulation} | counted)
    else:
        ran = {"ran on": f"{backend}, {NATURES[simulation]}", "shots": shots, "seed": seed, "seconds": f"{seconds:.1f}"}
        for name, value in {**counts, **ran, "the page": written}.items():
            out.print(f"{name:<22}{value}", markup=False, soft_wrap=True)
    if counts["measured off theory"]:
        sys.exit(1)


def _how(only: list[str], backend: str, shots: int, seed: int, samples: int, nature: str) -> str:
    """The command that makes the page again, and what it ran on."""
    items = "".join(f" --only {name}" for name in only)
    return (
        f"`qcot reproduce{items} --backend {backend} --shots {shots} --seed {seed} --samples {samples}`: {nature}, on "
        f"{platform.machine()}, Python {platform.python_version()}."
    )


def _tell(progress: Progress, bar: TaskID, number: int, part: float) -> None:
    progress.update(bar, completed=number + part)


def _progress(as_json: bool) -> Progress:
    return Progress(
        TextColumn("{task.description:<26}"), BarColumn(), TimeElapsedColumn(), console=err, disable=as_json
    )


COMMANDS = {"reproduce": reproduce}

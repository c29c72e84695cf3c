"""`qcot demo`: the main job with simulated boards, to look at."""

from __future__ import annotations

import json
import os
import signal
import tempfile
import time
from pathlib import Path
from types import FrameType
from typing import Annotated, Self

import typer
from rich.console import Console, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from qcot.bridge.snapshot import BridgeView
from qcot.cli.common import JsonOption, err, out, print_json
from qcot.cli.live import site_table
from qcot.demo.run import Demo
from qcot.errors import Problem, QcotError
from qcot.gateway.events import Snapshot
from qcot.settings import settings_variables

REPORT_UNWRITABLE = Problem("report-unwritable", "Name a file that you may write with --report.")
TABLE_EVERY_S = 5.0


def demo(
    qblocks: Annotated[int, typer.Option(min=2, max=10_000, help="Stop after this many Qblocks.")] = 5,
    boards: Annotated[int, typer.Option(min=1, max=8, help="How many simulated Unos.")] = 2,
    report: Annotated[Path | None, typer.Option(help="Write the outcome as JSON to this file.")] = None,
    keep: Annotated[Path | None, typer.Option(help="Keep everything in this new folder.")] = None,
    keep_running: Annotated[bool, typer.Option("--keep-running", help="Record until Ctrl-C, then verify.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Flash, enrol and record simulated Unos, verify the ledger, then tamper with copies of it.

    Two Unos in simavr, flashed through their bootloader, with pulse recordings that a real Arduino took on A0. Each
    makes a post-quantum signing key of its own, and signs its chain with it.

    Example: `qcot demo --qblocks 10 --report demo.json`
    """
    for name in settings_variables():
        del os.environ[name]  # they are about another home
    with tempfile.TemporaryDirectory(prefix="qcot-demo-") as scratch:
        _run(Demo(keep or Path(scratch), qblocks, boards), report, keep_running, as_json)


def _run(demo: Demo, report: Path | None, keep_running: bool, as_json: bool) -> None:
    if report is not None:
        _write(report, "", "a")  # what cannot be written is told now and not after a minute
    with _Screen(err if as_json else out) as screen, _Interrupt() as interrupt:
        demo.say, demo.detail, demo.watch = screen.say, screen.detail, screen.watch
        demo.run(interrupt.came if keep_running else None)
    outcome = demo.report()
    if report is not None:
        _write(report, json.dumps(outcome, indent=2) + "\n")
    if as_json:
        print_json(outcome)
    else:
        _tell(demo)
        if report is not None:
            out.print(f"report: {report}", markup=False, soft_wrap=True)
    if not demo.holds:
        raise typer.Exit(1)


def _write(path: Path, text: str, mode: str = "w") -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open(mode, encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise QcotError(REPORT_UNWRITABLE, f"{path}: {error.strerror}") from error


class _Screen:
    """Steps with their times as lines; below them, on a terminal, what goes on now: a spinner or the site's table."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._begun = time.monotonic()
        self._live: Live | None = None
        self._table = False
        self._next = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._below(None)

    def say(self, line: str) -> None:
        """A step begins, or ended with something to tell."""
        self._below(None)
        self._console.print(f"{time.monotonic() - self._begun:5.1f} s  {line}", markup=False)
        self.detail("")

    def detail(self, line: str) -> None:
        """What a tool prints in the middle of a step."""
        if line.strip("-=* ") or not line:  # not what tools draw between their lines
            self._show(Spinner("dots", Text(line[: self._console.width - 4])), table=False)

    def watch(self, bridge: BridgeView, gateway: Snapshot) -> None:
        """The site at this moment; where lines only add up, every few seconds."""
        if self._console.is_terminal:
            self._show(site_table(bridge, gateway), table=True)
        elif time.monotonic() >= self._next:
            self._next = time.monotonic() + TABLE_EVERY_S
            self._console.print(site_table(bridge, gateway))

    def _show(self, what: RenderableType, *, table: bool) -> None:
        if not self._console.is_terminal:
            return
        if self._live is None or table is not self._table:
            self._table = table
            self._below(Live(what, console=self._console, transient=not table, refresh_per_second=8))
        elif self._live:
            self._live.update(what)

    def _below(self, live: Live | None) -> None:
        """Put ``live`` in the place of what is there: a spinner goes, the last table stays."""
        if self._live:
            self._live.stop()
        self._live = live
        if live:
            live.start()


class _Interrupt:
    """From the first question on, the first Ctrl-C only answers it; a second one ends the program."""

    def __init__(self) -> None:
        self._came = False
        self._before = signal.getsignal(signal.SIGINT)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        signal.signal(signal.SIGINT, self._before)

    def came(self) -> bool:
        """Whether somebody pressed Ctrl-C since this was asked first."""
        if not self._came and signal.getsignal(signal.SIGINT) is self._before:
            signal.signal(signal.SIGINT, self._note)
        return self._came

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self._came = True
        signal.signal(signal.SIGINT, self._before)


def _tell(demo: Demo) -> None:
    verified, detection = demo.verified, demo.detection
    assert verified is not None
    assert detection is not None
    out.print()
    for each in demo.accounts:
        verdict = "[green]all there, byte for byte[/]" if each.accounted else "[bold red]not the same[/]"
        if each.accounted and each.told_lost:  # a busy machine: an Uno has room for a second of them
            verdict = f"[yellow]{each.told_lost:,} found no room on the board, as it says in their place[/]"
        out.print(f"board {each.device}: ADC read {each.sampled:,}, ledger holds {each.recorded:,}: {verdict}")
    counts = verified.counts
    out.print(
        f"ledger: {counts.readings:,} readings, {counts.transactions:,} transactions, {counts.qblocks} Qblocks: "
        + ("[green]verified[/]" if verified.holds else f"[bold red]{verified.failure}[/]")
    )
    for board in verified.boards:
        out.print(
            f"board {board.device.hex()} itself signed all before reading {board.seq} of boot {board.epoch}: "
            "[green]verified[/] (LMS)"
        )
    for caught in demo.caught:
        verdict = f"[green]caught[/] as {caught.finding}" if caught.finding else "[bold red]not noticed[/]"
        out.print(f"tampered with {caught.what}: {verdict}", soft_wrap=not out.is_terminal)
    out.print(
        f"quantum check of the forged Qblock {detection.qblock} (simulated by {detection.backend}, {detection.shots:,} "
        f"shots): seen in {detection.measured:.4f} of the shots, theory {detection.theory:.4f}"
    )
    out.print("[bold green]everything holds[/]" if demo.holds else "[bold red]something does not hold[/]", end="")
    out.print(f" after {demo.seconds:.1f} s")


COMMANDS = {"demo": demo}

"""`qcot demo`: the main job with simulated boards, to look at."""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.live import Live

from qcot.bridge.snapshot import BridgeView
from qcot.cli.common import JsonOption, err, out, print_json
from qcot.cli.live import site_table
from qcot.demo.run import Demo
from qcot.gateway.events import Snapshot

TABLE_EVERY_S = 5.0


def demo(
    qblocks: Annotated[int, typer.Option(min=2, max=10_000, help="Stop after this many Qblocks.")] = 5,
    boards: Annotated[int, typer.Option(min=1, max=8, help="How many simulated Unos.")] = 2,
    report: Annotated[Path | None, typer.Option(help="Write the outcome as JSON to this file.")] = None,
    keep: Annotated[Path | None, typer.Option(help="Keep everything in this new folder.")] = None,
    keep_running: Annotated[bool, typer.Option("--keep-running", help="Go on until Ctrl-C, then verify.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Flash, enrol and record simulated Unos, verify the ledger, then tamper with copies of it.

    Two Unos in simavr, flashed through their bootloader, with pulse recordings that a real Arduino took on A0.

    Example: `qcot demo --qblocks 10 --report demo.json`
    """
    with tempfile.TemporaryDirectory(prefix="qcot-demo-") as scratch:
        _run(Demo(keep or Path(scratch), qblocks, boards), report, keep_running, as_json)


def _run(demo: Demo, report: Path | None, keep_running: bool, as_json: bool) -> None:
    speak = err if as_json else out
    demo.say = lambda line: speak.print(line, markup=False)
    with Live(console=speak, auto_refresh=False, transient=not speak.is_terminal) as live:
        demo.watch = _Table(live)
        demo.run(_until_interrupted if keep_running else None)
    outcome = demo.report()
    if report is not None:
        report.parent.mkdir(parents=True, exist_ok=True)
        report.write_text(json.dumps(outcome, indent=2) + "\n", encoding="utf-8")
    if as_json:
        print_json(outcome)
    else:
        _tell(demo)
    if not demo.holds:
        raise typer.Exit(1)


class _Table:
    """Shows the site: in place on a terminal, now and then where lines only add up."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._next = 0.0

    def __call__(self, bridge: BridgeView, gateway: Snapshot) -> None:
        if self._live.console.is_terminal:
            self._live.update(site_table(bridge, gateway), refresh=True)
        elif time.monotonic() >= self._next:
            self._next = time.monotonic() + TABLE_EVERY_S
            self._live.console.print(site_table(bridge, gateway))


def _until_interrupted() -> bool:
    try:
        time.sleep(0.2)
    except KeyboardInterrupt:
        return True
    return False


def _tell(demo: Demo) -> None:
    verified, detection = demo.verified, demo.detection
    assert verified is not None
    assert detection is not None
    out.print()
    for each in demo.accounts:
        verdict = "[green]all there, byte for byte[/]" if each.identical else "[bold red]not the same[/]"
        out.print(f"board {each.device}: ADC read {each.sampled:,} values, ledger holds {each.recorded:,}: {verdict}")
    counts = verified.counts
    out.print(
        f"ledger: {counts.readings:,} readings, {counts.transactions:,} transactions, {counts.qblocks} Qblocks: "
        + ("[green]verified[/]" if verified.holds else f"[bold red]{verified.failure}[/]")
    )
    for caught in demo.caught:
        verdict = f"[green]caught[/] as {caught.finding}" if caught.finding else "[bold red]not noticed[/]"
        out.print(f"tampered with {caught.what}: {verdict}", soft_wrap=True)
    out.print(
        f"quantum check of the forged Qblock {detection.qblock} (simulated by {detection.backend}, {detection.shots:,} "
        f"shots): seen in {detection.measured:.4f} of the shots, theory {detection.theory:.4f}"
    )
    out.print(f"{demo.seconds:.1f} s")


COMMANDS = {"demo": demo}

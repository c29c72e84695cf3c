"""`qcot bench ...`: what the algorithms of this program cost on this machine."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qcot.cli.common import JsonOption, err, out, print_json, print_table
from qcot.cli.quantum.common import PICTURE_UNWRITABLE, counting, picture
from qcot.errors import QcotError

if TYPE_CHECKING:
    from qcot.reproduce.schemes import Measured, Scheme

app = typer.Typer(
    no_args_is_help=True,
    help="Measure on this machine.\n\nExample: `qcot bench pqc --only ML-DSA --only ML-KEM --seconds 5`",
)
EXPLAINS = (
    "Wall time as median (lower to upper quartile), each scheme in a process of its own. Memory is the stack and heap "
    "that one run touches. Cortex-M4: pqm4's benchmark of May 2022 (QCoT Table 2.2, its slips corrected)."
)
ENERGY = {
    True: "Energy is that of the whole processor while the step ran (RAPL), so whatever else runs counts, too.",
    False: "This machine does not let its energy counters (RAPL) be read: processor time stands in for energy.",
}


@app.callback()
def _root() -> None:
    """Keep `pqc` a word of its own."""


@app.command()
def pqc(
    only: Annotated[
        list[str] | None,
        typer.Option("--only", help="Only this scheme or family, as ML-DSA-65 or ML-KEM; may be repeated."),
    ] = None,
    seconds: Annotated[
        float, typer.Option(min=0, help="How long to measure in all; every step runs three times at least.")
    ] = 60.0,
    png: Annotated[
        Path | None, typer.Option("--png", help="Also draw the times into this .png file.", callback=picture)
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Measure all post-quantum schemes (QCoT Table 2.2): sizes, time, memory, energy, beside a Cortex-M4's cycles.

    Example: `qcot bench pqc --only ML-DSA-65 --only SLH-DSA-SHA2-128s --seconds 5 --png pqc.png`
    """
    from qcot.reproduce import pqm4, schemes
    from qcot.reproduce.measure import energy_is_readable

    chosen = _choose(only or [], schemes.known())
    each_s = seconds / (len(pqm4.STEPS) * len(chosen))
    found: dict[str, Measured] = {}
    with counting("measuring", as_json) as tell:
        for done, name in enumerate(chosen):
            tell(done, len(chosen))
            try:
                found[name] = schemes.measure(name, each_s)
            except QcotError as error:
                if only:
                    raise
                err.print(f"{name} is left out: {error}", markup=False, soft_wrap=True)
    cycles, stack, energy = pqm4.cortex_m4(), pqm4.cortex_m4("stack_bytes"), energy_is_readable()
    if png is not None:
        _draw(found, cycles, png)
        err.print(f"times drawn into {png}", markup=False, soft_wrap=True)
    if as_json:
        machine = {"processor": platform.processor() or platform.machine(), "python": platform.python_version()}
        records = [_record(chosen[name], each, cycles.get(name), stack.get(name)) for name, each in found.items()]
        print_json({"machine": machine, "energy": "rapl" if energy else None, "schemes": records})
    else:
        _print(chosen, found, cycles, energy=energy)


def _choose(only: Sequence[str], known: Mapping[str, Scheme]) -> dict[str, Scheme]:
    """The schemes that were named, themselves or by their family, in the table's order."""
    from qcot.reproduce.schemes import named

    families = {each.family for each in known.values()}
    wanted = {name if name in families else named(name).name for name in only}
    return {name: each for name, each in known.items() if not wanted or wanted & {name, each.family}}


def _record(scheme: Scheme, found: Measured, cycles: list[int] | None, stack: list[int] | None) -> dict[str, Any]:
    steps = {
        step: {
            "runs": cost.runs,
            "median_ms": cost.median,
            "quartiles_ms": [cost.low, cost.high],
            "processor_ms": cost.cpu,
            "energy_mj": cost.energy,
            "memory_bytes": found.memory[step],
            "cortex_m4_cycles": cycles[at] if cycles else None,
            "cortex_m4_stack_bytes": stack[at] if stack else None,
        }
        for at, (step, cost) in enumerate(found.costs.items())
    }
    told = ("name", "family", "standard", "category", "provider", "status")
    return {each: getattr(scheme, each) for each in told} | {"bytes": asdict(found.sizes), "steps": steps}


def _print(
    chosen: Mapping[str, Scheme], found: Mapping[str, Measured], cycles: Mapping[str, Sequence[int]], *, energy: bool
) -> None:
    steps = ["keygen", "sign or encaps", "verify or decaps"]
    out.print("Sizes in bytes; the output is a signature or a ciphertext")
    print_table(
        "",
        ["scheme", "standard", "category", "provider", "private key", "public key", "output"],
        [
            [name, each.standard if each.status == "standard" else each.status, str(each.category), each.provider]
            + [f"{size:,}".rjust(9) for size in asdict(found[name].sizes).values()]
            for name, each in chosen.items()
            if name in found
        ],
    )
    out.print("\nTime in ms, and million cycles of a Cortex-M4")
    print_table(
        "",
        ["scheme", *steps, "Cortex-M4"],
        [
            [name]
            + [f"{_ms(each.median)} ({_ms(each.low)} to {_ms(each.high)})" for each in measured.costs.values()]
            + [" / ".join(f"{each / 1e6:,.1f}" for each in cycles.get(name, ()))]
            for name, measured in found.items()
        ],
    )
    what = "energy mJ" if energy else "processor time ms"
    out.print(f"\nOf {', '.join(steps)}")
    print_table(
        "",
        ["scheme", what, "memory KiB"],
        [
            [
                name,
                " / ".join(_ms((each.energy if energy else each.cpu) or 0) for each in measured.costs.values()),
                " / ".join("?" if each is None else f"{each // 1024:,}" for each in measured.memory.values()),
            ]
            for name, measured in found.items()
        ],
    )
    out.print(f"\n{EXPLAINS} {ENERGY[energy]}", markup=False)


def _ms(value: float) -> str:
    """Three digits, but never as a power of ten."""
    return f"{value:.3g}" if value < 1000 else f"{value:,.0f}"


def _draw(found: Mapping[str, Measured], cycles: Mapping[str, Sequence[int]], path: Path) -> None:
    from matplotlib.figure import Figure

    from qcot.reproduce import chart

    figure = Figure(figsize=(10, chart.height(len(found))), layout="constrained")
    costs = {name: list(measured.costs.values()) for name, measured in found.items()}
    chart.draw(costs, cycles, "Post-quantum schemes on this machine", figure)
    try:
        figure.savefig(path, dpi=110)
    except OSError as error:
        raise QcotError(PICTURE_UNWRITABLE, f"{path}: {error.strerror}") from error


COMMANDS = {"bench": app}

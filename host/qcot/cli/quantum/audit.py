"""`qcot quantum audit`: a Qblock's time, recovered from its phase."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qcot.cli.common import HomeOption, open_home
from qcot.cli.quantum.common import (
    ESTIMATE_COLUMNS,
    BackendOption,
    JsonOption,
    PngOption,
    SeedOption,
    ShotsOption,
    estimate_rows,
    show,
    working,
)
from qcot.errors import QcotError

if TYPE_CHECKING:
    from qcot.home import Home
    from qcot.ledger.qblock import Header
    from qcot.quantum.audit import Audit, Phase, Success
    from qcot.quantum.backends import Backend

EXPLAINS = """\
A Qblock's time t is the phase of a gate U = CP(phi): {phase}. Phase estimation reads it back (QUMA 7.3): one \
ancilla controls U^(2^k), is measured, and its result corrects the next round. With all bits estimated every shot \
gives t; with fewer, one of the two nearest values comes with probability 8/pi^2 = 0.811 at least.{drawn}
What it is not: who has only the state, and not the recipe, needs U applied {applications:,} times for these bits. \
This is a simulation unless the backend is a quantum computer. That the recorded t was not changed is what SHA-256 \
and ML-DSA prove (`qcot ledger verify`)."""
DRAWN = "\nThe circuit is drawn for {drawn} of the {bits} bits; each further round adds the same."
TIME_PHASE = "here phi = 2 pi t / 2^42"
LINK_PHASE = "here the link's own, phi = pi/2 + pi t / 2^42"
DRAWN_BITS = 3
DEFAULT_TIME = 86_400_000
SWEEP_LIMIT = 16


def audit(
    t: Annotated[int | None, typer.Option("--t", help="A time in ms.", show_default="86400000, a day")] = None,
    height: Annotated[int | None, typer.Option("--height", help="A Qblock of the ledger.", min=0)] = None,
    home: HomeOption = None,
    bits: Annotated[
        int | None, typer.Option("--bits", help="Bits of the estimate.", show_default="all: 42, of a Qblock's link 43")
    ] = None,
    sweep: Annotated[
        int,
        typer.Option(
            "--sweep", help="Also measure success at a third of a turn, of 1 to this many bits.", min=0, max=SWEEP_LIMIT
        ),
    ] = 6,
    backend: BackendOption = "ideal",
    shots: ShotsOption = 256,
    seed: SeedOption = 1,
    png: PngOption = None,
    as_json: JsonOption = False,
) -> None:
    """Recover a Qblock's time from its phase; status 1 where it is not the recorded one.

    Example: `qcot quantum audit --t 1234567890 --sweep 8`
    """
    from qcot.quantum.audit import (
        LINK_BITS,
        Phase,
        audit_qblock,
        iterative_circuit,
        recover_time,
        success_against_bits,
        third_of_a_turn,
    )
    from qcot.quantum.audit.problems import ONE_OF_TWO
    from qcot.quantum.backends import named_backend
    from qcot.quantum.qblock import T_BITS

    if t is not None and height is not None:
        raise QcotError(ONE_OF_TWO, f"--t {t} and --height {height}")
    chosen: Backend | None = named_backend(backend)
    if height is None:
        time = DEFAULT_TIME if t is None else t
        phase, says, what = Phase(time, T_BITS), TIME_PHASE, f"t = {time} ms"
        some = T_BITS if bits is None else bits
        recover = partial(recover_time, time)
    else:
        header, recorded = _header(open_home(home), height)
        block = header.quantum.phases
        phase, says, what = Phase(block.link, LINK_BITS), LINK_PHASE, f"Qblock {height}"
        some = LINK_BITS if bits is None else bits
        recover = partial(audit_qblock, block, recorded)
    success = None
    with working(as_json) as tell:
        tell(f"estimating {some} bits")
        found = recover(bits=some, shots=shots, seed=seed, backend=chosen)
        if sweep:
            tell(f"measuring success with 1 to {sweep} bits")
            success = success_against_bits(third_of_a_turn(), range(1, sweep + 1), shots, seed, chosen)
    drawn = min(found.bits, DRAWN_BITS)
    partly = DRAWN.format(drawn=drawn, bits=found.bits) if drawn < found.bits else ""
    estimates = [each for row in success.rows for each in (row.nearest, row.two_nearest)] if success else []
    show(
        explains=EXPLAINS.format(phase=says, drawn=partly, applications=found.applications),
        facts=_facts(found, what),
        record=_record(found, what, phase, success),
        as_json=as_json,
        columns=("a third of a turn", *ESTIMATE_COLUMNS[1:]),
        rows=estimate_rows(estimates),
        circuit=iterative_circuit(phase, drawn),
        png=png,
        device=chosen,
    )
    if not found.agrees:
        raise typer.Exit(1)


def _header(home: Home, height: int) -> tuple[Header, int]:
    """The header, and its time in ms after Qblock 0 by the times on record."""
    from qcot.cli.ledger import NO_SUCH_QBLOCK
    from qcot.ledger.reader import Reader

    with Reader.open(home.ledger) as ledger, ledger.snapshot():
        first, header = ledger.header(0), ledger.header(height)
        if first is None or header is None:
            raise QcotError(NO_SUCH_QBLOCK, f"no Qblock {height}; there are {ledger.height()}")
    return header, header.core.time - first.core.time


def _facts(found: Audit, what: str) -> dict[str, object]:
    most = next(iter(found.found.values()))
    return {
        "audited": what,
        "recorded t": f"{found.recorded} ms",
        "recovered t": "none: the outcome found most is no Qblock's" if found.recovered is None
        else f"{found.recovered} ms, in {most} of {found.run.shots} shots",
        "verdict": ("agrees" if found.resolution == 1 else "agrees within a step") if found.agrees else "DIFFERS",
        "bits": f"{found.bits}, in steps of {found.resolution} ms",
        "ran on": found.run.backend,
        "shots": found.run.shots,
        "seed": found.run.seed,
        "seconds": f"{found.run.seconds:.3f}",
    }  # fmt: skip


def _record(found: Audit, what: str, phase: Phase, success: Success | None) -> dict[str, Any]:
    return {
        "backend": found.run.backend,
        "shots": found.run.shots,
        "seed": found.run.seed,
        "seconds": found.run.seconds + (success.run.seconds if success else 0),
        "audited": what,
        "phase": dataclasses.asdict(phase),
        "recorded_ms": found.recorded,
        "recovered_ms": found.recovered,
        "agrees": found.agrees,
        "bits": found.bits,
        "resolution_ms": found.resolution,
        "found": [{"t_ms": time, "shots": times} for time, times in found.found.items()],
        "applications": found.applications,
        "success": [dataclasses.asdict(row) for row in success.rows] if success else [],
    }


COMMANDS = {"audit": audit}

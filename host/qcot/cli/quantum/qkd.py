"""`qcot quantum qkd`: keys by BB84 or E91 over a simulated link."""

from __future__ import annotations

import dataclasses
import secrets
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qcot.cli.common import out, print_table
from qcot.cli.quantum.common import (
    ESTIMATE_COLUMNS,
    BackendOption,
    JsonOption,
    PngOption,
    ShotsOption,
    estimate_record,
    estimate_rows,
    show,
    working,
)
from qcot.errors import QcotError

if TYPE_CHECKING:
    from qcot.quantum.qkd import Distribution, LinkParameters
    from qcot.quantum.qkd.measure import Measured
    from qcot.quantum.statistics import Estimate

EXPLAINS = {
    "bb84": """\
Alice sends single photons, each a random bit in a random one of two bases; Bob measures each in a basis of his own \
choice. Both tell their bases and keep the bits where these agree. Who listens must guess the basis, and errs half the \
time: of what she reads, a quarter arrives wrong. So both compare a random sample, put the rest right (Cascade), and \
hash it down to what is left when all that was told or may be known is taken away (finite-key length).""",
    "e91": """\
A source sends half of an entangled pair to Alice and half to Bob, who measure at one of three angles each. Equal \
angles give key, others S = E(0,45) - E(0,135) + E(90,45) + E(90,135): nothing that was fixed beforehand gets beyond \
2, these pairs reach 2 sqrt2 (1 - 2 Q), and S bounds what anybody else can know. The rest is as in BB84: a sample, \
Cascade, a hash.""",
}
SIMULATED = "Photons, fibre and detectors are simulated: secrecy rests on this machine, not on physics."
ENDS = ("alice", "bob")


def qkd(
    protocol: Annotated[str, typer.Option("--protocol", help="bb84 or e91.")] = "bb84",
    photons: Annotated[
        int, typer.Option("--photons", help="Photons, or pairs, to send, at most 50,000,000.")
    ] = 1_000_000,
    distance: Annotated[float, typer.Option("--distance", help="Fibre between the ends, in km at 0.2 dB/km.")] = 1.0,
    noise: Annotated[
        float | None, typer.Option("--noise", help="Error rate that the link makes, 0 to 0.5. About 0.01 without it.")
    ] = None,
    eve: Annotated[
        float, typer.Option("--eve", help="Share of photons that an eavesdropper measures and sends on, 0 to 1.")
    ] = 0.0,
    store: Annotated[
        Path | None,
        typer.Option(
            "--store", help="Add the keys to FILE.alice and FILE.bob, key stores of mode 0600 for the two ends."
        ),
    ] = None,
    backend: BackendOption = "ideal",
    shots: ShotsOption = 1000,
    seed: Annotated[
        int | None, typer.Option("--seed", help="The same seed gives the same run. Without it, another each time.")
    ] = None,
    png: PngOption = None,
    as_json: JsonOption = False,
) -> None:
    """Distribute keys by BB84 or E91: loss, noise, sifting, Cascade, privacy amplification, finite keys.

    The backend runs the circuits of single photons, which the simulated link's millions are drawn like. Exit status 1
    if there is no key though nobody listened.

    Example: `qcot quantum qkd --photons 200000 --distance 25 --eve 0.2`
    """
    from qcot.quantum.backends import named_backend, require_shots
    from qcot.quantum.qkd import distribute
    from qcot.quantum.qkd.measure import drawn, estimates, measure
    from qcot.quantum.qkd.problems import SEEDED_STORE

    require_shots(shots)
    if store is not None and seed is not None:
        raise QcotError(SEEDED_STORE, f"--store and --seed {seed} are both given")
    link = _link(distance, noise, eve)
    chosen = named_backend(backend)
    with working(as_json) as tell:
        tell(f"sending {photons:,} photons")
        began = time.perf_counter()
        run = distribute(protocol, photons, link, seed)
        seconds = time.perf_counter() - began
        tell("running the circuits of single photons")
        circuits = measure(run.protocol, link, shots, secrets.randbits(32) if seed is None else seed, chosen)
    measured = estimates(run)
    files = _keep(run, store) if store is not None else []
    show(
        explains=f"{EXPLAINS[protocol]}\n{SIMULATED}",
        facts=_facts(run, circuits, seed, seconds, files),
        record=_record(run, measured, circuits, seconds, files),
        as_json=as_json,
        columns=("stage", "bits", "share", "99 % interval", "theory", ""),
        rows=_stages(run, {each.name: each for each in measured}),
        circuit=drawn(run.protocol, link),
        png=png,
        device=chosen,
    )
    if not as_json:
        out.print("\nThe circuits of single photons: how often the two ends' bits differ.", markup=False)
        print_table("", list(ESTIMATE_COLUMNS), estimate_rows(circuits.estimates))
    if not eve:
        if as_json and run.problem:
            raise typer.Exit(1)
        run.require()


def _link(distance: float, noise: float | None, eve: float) -> LinkParameters:
    from qcot.quantum.qkd import LinkParameters
    from qcot.quantum.qkd.problems import BAD_LINK

    if noise is None:
        return LinkParameters(distance_km=distance, eavesdropper=eve)
    if not 0 <= noise <= 0.5:
        raise QcotError(BAD_LINK, f"--noise is {noise}, not from 0 to 0.5")
    return LinkParameters(distance_km=distance, misalignment=0.0, depolarizing=2 * noise, eavesdropper=eve)


def _keep(run: Distribution, store: Path) -> list[Path]:
    """Add the keys to both ends' stores, by the same ids in the same order; raises why there are none."""
    from qcot.quantum.qkd import Key, KeyStore

    keys = [Key(uuid.uuid4(), secret) for secret in run.require().keys]
    files = [store.with_name(f"{store.name}.{end}") for end in ENDS]
    with KeyStore(files[0]) as alice, KeyStore(files[1]) as bob:
        bob.add(keys)  # first: so Alice, who names a key, has none that he lacks
        alice.add(keys)
    return files


def _stages(run: Distribution, measured: dict[str, Estimate]) -> list[list[str]]:
    """One row a stage, as far as the run went."""
    from qcot.quantum.qkd.keylength import entropy

    def row(stage: str, name: str, bits: int) -> list[str]:
        each = measured.get(name)
        if each is None:
            return [stage, f"{bits:,}", "none", "", "", ""]
        interval = f"{each.low:.4f} to {each.high:.4f}"
        verdict = "agrees" if each.agrees else "DISAGREES"
        return [stage, f"{bits:,}", f"{each.measured:.4f}", interval, f"{each.theory:.4f}", verdict]

    rows = [
        ["sent", f"{run.sent:,}", "", "", "", ""],
        row("seen", "seen, of sent", run.detected),
        row("sifted", "sifted, of seen", run.sifted),
        row("errors in a sample", "error rate", run.sampled),
    ]
    if run.protocol.chsh:
        rows.append(row("S", "S", sum(map(sum, run.outcomes))))
    if run.bell_low is not None:
        rows.append(["S at least", "", f"{run.bell_low:.4f}", "", "above 2", ""])
    if run.errors is not None:
        least = run.kept * entropy(run.errors / run.kept)
        f = "" if run.efficiency is None else f"f {run.efficiency:.3f}"
        rows.append(["put right by Cascade", f"{run.errors:,}", f"{run.errors / run.kept:.4f}", "", "", ""])
        rows.append(["parities told", f"{run.leaked:,}", f, "", f"{least:,.0f}", "Shannon"])
    if run.phase_error is not None:
        rows.append(["phase errors at most", "", f"{run.phase_error:.4f}", "", "", ""])
        rows.append(["secret bits", f"{run.secret_bits:,}", "", "", "", ""])
    rows.append(["keys of 32 bytes", str(len(run.keys)), "", "", "", ""])
    return rows


def _facts(
    run: Distribution, circuits: Measured, seed: int | None, seconds: float, files: list[Path]
) -> dict[str, object]:
    from qcot.quantum.qkd.link import LABEL

    facts: dict[str, object] = {
        "link": ", ".join(f"{name} {value:g}" for name, value in dataclasses.asdict(run.link).items()),
        "secrecy": f"{run.security.secrecy:g}, correctness {run.security.correctness:g}",
        "ran on": circuits.backend,
        "shots": f"{circuits.shots} a circuit",
        "seconds": f"{circuits.seconds:.3f} for the circuits; for the photons, on this machine, {seconds:.3f} with all",
        "seed": f"{circuits.seed} of the circuits, the rest by the operating system" if seed is None else seed,
        "is": LABEL,
    }
    if files:
        facts["stored"] = f"{len(run.keys)} keys in each of {' and '.join(map(str, files))}"
    facts["result"] = f"no key, {run.problem.name}: {run.reason}" if run.problem else f"{len(run.keys)} keys"
    return facts


def _record(
    run: Distribution, measured: list[Estimate], circuits: Measured, seconds: float, files: list[Path]
) -> dict[str, Any]:
    """All but the keys: a terminal's history is no place for them."""
    kept = {each.name: getattr(run, each.name) for each in dataclasses.fields(run) if each.name != "keys"}
    return kept | {
        "protocol": run.protocol.name,
        "link": dataclasses.asdict(run.link),
        "security": dataclasses.asdict(run.security),
        "qber": run.qber,
        "efficiency": run.efficiency,
        "keys": len(run.keys),
        "problem": run.problem.name if run.problem else None,
        "measured": [estimate_record(each) for each in measured],
        "circuits": [estimate_record(each) for each in circuits.estimates],
        "backend": circuits.backend,
        "shots": circuits.shots,
        "circuit_seed": circuits.seed,
        "seconds": seconds + circuits.seconds,
        "stored": [str(each) for each in files],
    }


COMMANDS = {"qkd": qkd}

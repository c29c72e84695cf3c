"""`qcot quantum embed`: records as basis states, a data set as their superposition."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from qcot.cli.quantum.common import (
    ESTIMATE_COLUMNS,
    BackendOption,
    JsonOption,
    PngOption,
    SeedOption,
    ShotsOption,
    estimate_record,
    estimate_rows,
    show,
    working,
)
from qcot.errors import QcotError

if TYPE_CHECKING:
    from qcot.quantum.embedding import Claim, Measurement

EXPLAINS = """\
Each record becomes the basis state with its bits, one qubit a bit, and the data set the superposition of them all \
with equal amplitudes (QUMA 4.3, eq. 9). The circuit prepares it; measuring gives one of the records at random, and \
then the state is gone: it holds the set, yet nobody can read more than one record from one copy.
This is a simulation unless the backend is a quantum computer. It keeps nothing secret and proves nothing by itself."""
CLAIMS = """\
What the paper says of embedding (QUMA 4.3 and 4.4: eq. 9 to 11, Fig. 5, Table 2), and what holds. Nothing was run."""


def embed(
    records: Annotated[
        list[str] | None, typer.Argument(help="Records as text of 0 and 1.", show_default="0000 0111, the paper's")
    ] = None,
    hexadecimal: Annotated[bool, typer.Option("--hex", help="The records are bytes in hex.")] = False,
    count_duplicates: Annotated[
        bool, typer.Option("--count-duplicates", help="Weigh a record by how often it stands; else twice is refused.")
    ] = False,
    paper: Annotated[bool, typer.Option("--paper", help="Instead: the paper's claims beside what holds.")] = False,
    backend: BackendOption = "ideal",
    shots: ShotsOption = 1000,
    seed: SeedOption = 1,
    png: PngOption = None,
    as_json: JsonOption = False,
) -> None:
    """Embed records as basis states and measure their superposition.

    Example: `qcot quantum embed 110111 010001 000111 --shots 5000`
    """
    from qcot.quantum.embedding import EXAMPLE, claims, dataset, dataset_circuit, measure, measured

    if paper:
        found = claims()
        rows = [
            [each.where, each.paper, each.holds, "as printed" if each.agrees else "does not hold"] for each in found
        ]
        show(
            explains=CLAIMS,
            facts={each.where: each.why for each in found},
            record={"claims": [_claim(each) for each in found]},
            as_json=as_json,
            columns=["where", "the paper", "what holds", "the state"],
            rows=rows,
            png=png,
        )
        return
    from qcot.quantum.backends import named_backend

    given = records or list(EXAMPLE)
    data = dataset([_bytes(each) for each in given] if hexadecimal else given, count_duplicates=count_duplicates)
    device = named_backend(backend)
    with working(as_json) as tell:
        tell("measuring")
        found_counts = measure(data, shots, seed, device)
    run = found_counts.run
    show(
        explains=EXPLAINS,
        facts={
            "records": f"{sum(data.times.values())}, {len(data.times)} of them different",
            "qubits": data.width,
            "amplitudes": ", ".join(f"|{record}> {value:.4f}" for record, value in _first(data.amplitudes)),
            "no record of the set": f"{found_counts.strangers} of {shots} shots",
            "ran on": run.backend,
            "shots": shots,
            "seed": seed,
            "seconds": f"{run.seconds:.3f}",
        },
        record=_record(found_counts),
        as_json=as_json,
        columns=("record", *ESTIMATE_COLUMNS[1:]),
        rows=estimate_rows(found_counts.records),
        circuit=measured(dataset_circuit(data)),
        png=png,
        device=device,
    )


def _bytes(text: str) -> bytes:
    from qcot.quantum.embedding.problems import NOT_BITS

    try:
        return bytes.fromhex(text)
    except ValueError as error:
        raise QcotError(NOT_BITS, f"{text!r:.40} is not hex") from error


def _first(amplitudes: dict[str, float], most: int = 8) -> list[tuple[str, float]]:
    return list(amplitudes.items())[:most]


def _record(found: Measurement) -> dict[str, Any]:
    return {
        "backend": found.run.backend,
        "shots": found.run.shots,
        "seed": found.run.seed,
        "seconds": found.run.seconds,
        "width": found.data.width,
        "records": found.data.times,
        "amplitudes": found.data.amplitudes,
        "measured": [estimate_record(each) for each in found.records],
        "strangers": found.strangers,
    }


def _claim(claim: Claim) -> dict[str, Any]:
    vectors = {"printed": claim.printed, "right": claim.right}
    return {
        "where": claim.where,
        "paper": claim.paper,
        "holds": claim.holds,
        "why": claim.why,
        "agrees": claim.agrees,
        "printed_norm": claim.printed_norm,
    } | {name: None if vector is None else vector.real.tolist() for name, vector in vectors.items()}


COMMANDS = {"embed": embed}

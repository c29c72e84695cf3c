"""`qcot quantum hash`: the walk hash, its circuit, and the literature's tests of it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qcot.cli.quantum.common import (
    ESTIMATE_COLUMNS,
    JsonOption,
    PngOption,
    SeedOption,
    ShotsOption,
    counting,
    estimate_record,
    estimate_rows,
    show,
    working,
)
from qcot.errors import QcotError

if TYPE_CHECKING:
    from qcot.quantum.backends import Backend
    from qcot.quantum.walk.comparison import Comparison
    from qcot.quantum.walk.definition import Bits

EXPLAINS = """\
Two walkers step on a torus of 7 by 7 cells. At each step a unitary coin, one of four as the last two message bits \
say, tosses the walkers' two coins, and each walker steps up or down as its coin says. The digest is read from the \
probabilities of 32 cells.
This is computed in exact integers, so every machine gets the same digest; no quantum computer is needed, and none \
makes it safer. The hash has good statistics and no proof of security: SHA-256 carries the weight wherever it matters.
The circuit is the walk's first step: toss W of coins c1 and c2, then walkers b and a move by 1 up or down."""
COMPARED = """
Beside it the same walk ran as a circuit. That is a cross-check of the definition and not a way to the digest: shots \
count cells roughly, the digest needs 40 bits of each probability. Fidelity 1 is the exact walk, 0 is uniform noise."""
TESTED = """\
The literature's tests of hash functions: random messages of 256 bits are hashed, and again with one bit flipped, \
added, removed. Theory is what a random function gives; W_N(k) counts pairs of digests that agree in k of 32 bytes. To \
pass says that the statistics are good; it proves nothing about attacks."""
STEPS_ON_A_MACHINE = 2
"""A noisy machine has all but lost the state after these."""
MAX_FILE = 1 << 16
SHOTS = 4096


def hash_command(
    hex_digits: Annotated[str | None, typer.Option("--hex", help="The message in hexadecimal digits.")] = None,
    text: Annotated[str | None, typer.Option("--text", help="The message as text; its UTF-8 bytes are hashed.")] = None,
    bits: Annotated[str | None, typer.Option("--bits", help="The message as 0 and 1, of any number.")] = None,
    file: Annotated[Path | None, typer.Option("--file", help="Hash this file, of at most 64 KiB.")] = None,
    statistics: Annotated[bool, typer.Option("--statistics", help="Run the literature's tests instead.")] = False,
    count: Annotated[
        int, typer.Option("-n", "--samples", help="Messages for --statistics, 100 to 1,000,000.")
    ] = 10_000,
    backend: Annotated[
        str | None,
        typer.Option(
            "--backend",
            help="Also run the walk as a circuit on: ideal, noisy, noisy:FILE.json, ibm:NAME, or MODULE:ATTRIBUTE.",
            show_default="none",
        ),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(
            "--steps",
            help="Steps of the walk that the circuit takes.",
            show_default=f"all on ideal, up to 4,096; {STEPS_ON_A_MACHINE} elsewhere",
        ),
    ] = None,
    shots: ShotsOption = SHOTS,
    seed: SeedOption = 1,
    png: PngOption = None,
    as_json: JsonOption = False,
) -> None:
    """Hash by a quantum walk (QUMA 4.2, 7.1), run that walk as a circuit, or test the hash.

    Example: `qcot quantum hash --text abc`
    """
    from qcot.quantum.backends import named_backend, require_seed, require_shots
    from qcot.quantum.walk.hashing import hash_bits
    from qcot.quantum.walk.problems import BAD_MESSAGE, BAD_STEPS

    require_shots(shots)
    require_seed(seed)
    given = [word for word in (hex_digits, text, bits, file) if word is not None]
    if statistics:
        if given or backend or png:
            raise QcotError(BAD_MESSAGE, "--statistics draws its own messages and runs no circuit")
        _test(count, seed, as_json)
        return
    if len(given) != 1:
        raise QcotError(BAD_MESSAGE, f"{len(given) or 'no'} messages were given")
    if steps is not None and backend is None:
        raise QcotError(BAD_STEPS, "--steps is given without --backend, and a hash takes all steps")
    message = _message(hex_digits, text, bits, file)
    device = None if backend is None else named_backend(backend)
    began = time.perf_counter()
    digest = hash_bits([message])[0]
    seconds = time.perf_counter() - began
    compared = None
    if backend is not None:
        with working(as_json) as tell:
            tell("running the walk as a circuit")
            compared = _compare(message, shots, seed, device, steps)

    from qcot.quantum.walk.circuits import driven_by, step_circuit

    choices = driven_by(message)
    facts: dict[str, object] = {
        "message": f"{len(message)} bits, {len(choices)} steps",
        "hashed by": f"exact integers on this machine, {seconds:.4f} s",
    }
    record: dict[str, Any] = {"digest": digest, "bits": len(message), "steps": len(choices), "seconds": seconds}
    if compared:
        facts |= {
            "ran on": compared.backend,
            "shots": f"{compared.shots}, of {compared.steps} steps",
            "seed": compared.seed,
            "seconds": f"{compared.seconds:.3f}",
            "distance": f"{compared.distance:.4f} of the counts from the exact walk; chance alone makes about "
            f"{compared.expected_distance:.4f}",
            "off the torus": f"{compared.off_ring} counts",
        }
        record |= {"backend": compared.backend, "shots": compared.shots, "seed": compared.seed}
        record["circuit"] = _record(compared)
    show(
        explains=EXPLAINS + (COMPARED if compared else ""),
        facts={**facts, "digest": digest.hex()},
        record=record,
        as_json=as_json,
        columns=ESTIMATE_COLUMNS if compared else (),
        rows=estimate_rows([compared.fidelity]) if compared else (),
        circuit=None if as_json and png is None else step_circuit(int(choices[0])),
        png=png,
        device=device,
    )


def _message(hex_digits: str | None, text: str | None, bits: str | None, file: Path | None) -> Bits:
    from qcot.quantum.walk.definition import bits_of
    from qcot.quantum.walk.hashing import parse_bits
    from qcot.quantum.walk.problems import BAD_FILE, NOT_HEX

    if bits is not None:
        return parse_bits(bits)
    if text is not None:
        return bits_of(text.encode())
    if hex_digits is not None:
        try:
            return bits_of(bytes.fromhex(hex_digits))
        except ValueError as error:
            raise QcotError(NOT_HEX, f"--hex: {error}") from error
    assert file is not None
    try:
        with file.open("rb") as opened:
            content = opened.read(MAX_FILE + 1)
    except OSError as error:
        raise QcotError(BAD_FILE, f"{file}: {error.strerror}") from error
    if len(content) > MAX_FILE:
        raise QcotError(BAD_FILE, f"{file}: larger than {MAX_FILE:,} bytes")
    return bits_of(content)


def _compare(message: Bits, shots: int, seed: int, chosen: Backend | None, steps: int | None) -> Comparison:
    from qcot.quantum.walk.circuits import driven_by
    from qcot.quantum.walk.comparison import MOST_STEPS, compare

    if steps is None:
        steps = STEPS_ON_A_MACHINE if chosen else min(len(driven_by(message)), MOST_STEPS)
    return compare(message, shots, seed, chosen, steps)


def _record(compared: Comparison) -> dict[str, Any]:
    return {
        "backend": compared.backend,
        "shots": compared.shots,
        "seed": compared.seed,
        "seconds": compared.seconds,
        "steps": compared.steps,
        "fidelity": estimate_record(compared.fidelity),
        "distance": compared.distance,
        "expected_distance": compared.expected_distance,
        "off_torus": compared.off_ring,
        "counts": compared.counts.tolist(),
        "exact": compared.exact.tolist(),
    }


def _test(count: int, seed: int, as_json: bool) -> None:
    """Run every test behind a progress bar on standard error."""
    from qcot.quantum.walk.samples import MESSAGE_BITS, draw
    from qcot.quantum.walk.statistics import examples, run_tests

    with counting("hashing", as_json) as tell:
        samples = draw(count, seed, progress=tell)
    tested = run_tests(samples)
    digests = [
        {"condition": each.name, "message": each.does, "digest": each.digest.hex(), "bits_changed": each.changed}
        for each in examples(samples)
    ]
    facts: dict[str, object] = {
        f"{each['condition']}, {each['message']}": f"{each['digest']}  {each['bits_changed']} bits changed"
        for each in digests
    }
    facts |= {
        "messages": f"{samples.count:,} of {MESSAGE_BITS} bits",
        "hashed by": f"exact integers on this machine, {samples.hashes:,} hashes in {samples.seconds:.1f} s",
        "seed": seed,
    }
    show(
        explains=TESTED,
        facts=facts,
        record={
            "messages": samples.count,
            "bits": MESSAGE_BITS,
            "seed": seed,
            "seconds": samples.seconds,
            "tests": {test.name: [estimate_record(each) for each in estimates] for test, estimates in tested},
            "examples": digests,
        },
        as_json=as_json,
        columns=ESTIMATE_COLUMNS,
        rows=[row for test, estimates in tested for row in _section(test.name, estimate_rows(estimates))],
    )


def _section(name: str, rows: list[list[str]]) -> list[list[str]]:
    """Rows under a line that names their test."""
    return [[name], *(["  " + row[0], *row[1:]] for row in rows)]


COMMANDS = {"hash": hash_command}

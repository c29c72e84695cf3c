"""`qcot quantum entropy`: random bits from qubits, tested before they are used."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qcot.cli.quantum.common import BackendOption, JsonOption, PngOption, show, working
from qcot.errors import QcotError

if TYPE_CHECKING:
    from qcot.quantum.entropy import Assessment, Draw

EXPLAINS = """\
Each qubit is put halfway between 0 and 1 by H and measured: quantum theory lets nobody foretell the bit. A device may \
be broken all the same, so each qubit's bits pass the health tests of NIST SP 800-90B before any is used; one failure \
turns the source off. A Toeplitz extractor makes the bits even, and HKDF-SHA-256 mixes them with the operating \
system's: the output is never weaker than that, whatever the qubits did.
A simulator is a pseudo-random generator, so its bits are credited with no entropy at all."""
DEFAULT_BYTES = 32
SHOWN = 4096
"""Longest output, in characters, that is printed for people."""


def entropy(
    bits: Annotated[int | None, typer.Option("--bits", help="Print this many random bits.")] = None,
    size: Annotated[
        int | None,
        typer.Option("--bytes", help="Print this many random bytes as hexadecimal digits.", show_default="32"),
    ] = None,
    file: Annotated[Path | None, typer.Option("--out", help="Write the bytes into this new file, mode 0600.")] = None,
    backend: BackendOption = "ideal",
    shots: Annotated[
        int, typer.Option("--shots", help="Samples of each qubit that the start-up test takes, 1,024 to 1,000,000.")
    ] = 4096,
    seed: Annotated[
        int | None,
        typer.Option(
            "--seed",
            help="The same seed tosses the same coins on a simulator; the output differs all the same.",
            show_default="the operating system's",
        ),
    ] = None,
    png: PngOption = None,
    as_json: JsonOption = False,
) -> None:
    """Draw random bits from qubits, with health tests, extractor and the operating system's own (QUMA 5.1).

    Example: `qcot quantum entropy --bytes 32`
    """
    from qcot.quantum.backends import named_backend
    from qcot.quantum.entropy import EntropySource
    from qcot.quantum.entropy.circuits import coins

    wanted = _size(bits, size, to_file=file is not None)
    device = named_backend(backend)
    source = EntropySource(device, startup=shots, seed=seed)
    with working(as_json) as tell:
        tell("testing the qubits")
        found = source.start()
        tell(f"drawing {wanted:,} bytes")
        draw = source.draw(wanted)
    text = draw.data.hex() if bits is None else "".join(f"{byte:08b}" for byte in draw.data)[:bits]
    if file is not None:
        _write(file, draw.data)
    show(
        explains=EXPLAINS,
        facts=_facts(found, draw, seed, _shown(text, file)),
        record=_record(found, draw, seed, None if file else text, file),
        as_json=as_json,
        columns=("estimator", "SP 800-90B", "bits a sample, worst qubit"),
        rows=_rows(found),
        circuit=coins(found.lanes),
        png=png,
        device=device,
    )


def _size(bits: int | None, size: int | None, *, to_file: bool) -> int:
    """Bytes that are wanted; refuses what cannot be."""
    from qcot.quantum.entropy.problems import BAD_SIZE
    from qcot.quantum.entropy.source import MAX_BYTES

    if bits is not None and size is not None:
        raise QcotError(BAD_SIZE, "--bits and --bytes are both given")
    if bits is not None and to_file and bits % 8:
        raise QcotError(BAD_SIZE, f"a file holds whole bytes, not {bits} bits")
    wanted = DEFAULT_BYTES if size is None and bits is None else size if bits is None else -(-bits // 8)
    if wanted is None or not 1 <= wanted <= MAX_BYTES:
        raise QcotError(BAD_SIZE, f"{wanted} bytes were asked for")
    return wanted


def _write(file: Path, data: bytes) -> None:
    import os

    from qcot.quantum.entropy.problems import FILE

    try:
        opened = os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
    except OSError as error:
        raise QcotError(FILE, f"{file}: {error.strerror}") from error
    try:
        with opened:
            opened.write(data)
    except OSError:
        file.unlink()  # half a file of random bytes looks like a whole one
        raise


def _shown(text: str, file: Path | None) -> str:
    if file is not None:
        return f"written into {file}"
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}... (--out or --json gives all)"


def _rows(found: Assessment) -> list[list[str]]:
    from qcot.quantum.entropy.estimators import ESTIMATORS

    return [[each.name, each.section, f"{found.estimates[each.name]:.4f}"] for each in ESTIMATORS]


def _facts(found: Assessment, draw: Draw, seed: int | None, output: str) -> dict[str, object]:
    from qcot.quantum.entropy.health import ALPHA_LOG2, WINDOW, proportion_cutoff, repetition_cutoff
    from qcot.quantum.entropy.source import FLOOR

    credit = f"{found.credited:.4f} bits a sample" if found.physical else "0 bits, as all that a simulator gives"
    return {
        "start-up test": f"passed, {found.samples} samples of each of {found.lanes} qubits, thrown away",
        "repetition count": f"fails at {repetition_cutoff(found.claimed)} equal bits in a row",
        "adaptive proportion": f"fails at {proportion_cutoff(found.claimed)} of {WINDOW} bits equal to the first",
        "false alarm": f"2^-{ALPHA_LOG2} a test and sample of a source as claimed",
        "share of ones": f"{min(found.ones):.4f} to {max(found.ones):.4f} over the qubits",
        "claimed min-entropy": f"{found.claimed} bits a sample; estimates of few samples are far lower (--shots takes "
        f"more), and below {FLOOR * found.claimed:.3g} the source is refused",
        "credited": credit,
        "drawn": f"{draw.raw_bits} raw bits, {draw.extracted_bits} extracted, {draw.credited_bits} credited",
        "ran on": found.backend,
        "shots": found.samples,
        "seed": "of the operating system, another for each job" if seed is None else seed,
        "seconds": f"{found.seconds:.3f}",
        "output": output,
    }


def _record(found: Assessment, draw: Draw, seed: int | None, text: str | None, file: Path | None) -> dict[str, Any]:
    return {
        "output": text,
        "file": file,
        "bytes": len(draw.data),
        "raw_bits": draw.raw_bits,
        "extracted_bits": draw.extracted_bits,
        "credited_bits": draw.credited_bits,
        "assessment": dataclasses.asdict(found) | {"min_entropy": found.min_entropy, "credited": found.credited},
        "backend": found.backend,
        "shots": found.samples,
        "seed": seed,
        "seconds": found.seconds,
    }


COMMANDS = {"entropy": entropy}

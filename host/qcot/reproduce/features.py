"""QUMA Table 6: seven features that the paper claims for its chain, each tried on ours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from qcot.crypto.signing import ML_DSA_65, SigningKey
from qcot.errors import QcotError
from qcot.quantum.audit import recover_time
from qcot.quantum.embedding import EXAMPLE, dataset, measure
from qcot.quantum.entropy import EntropySource
from qcot.quantum.qblock import QblockPhases, run_local_check
from qcot.quantum.qkd import distribute
from qcot.quantum.qkd.link import LinkParameters
from qcot.quantum.walk import walk_hash
from qcot.reproduce.model import Result, Row, Run, table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_ABC = "0eacf75de03658af4afccf53bab1b00920fc1605233bc9f287d03a55ed70a9b8"
"""The walk hash of "abc" as docs/quantum/walk-hash.md has it."""
_PHOTONS = 200_000


@dataclass(frozen=True)
class Feature:
    """A column of the table, tried by ``run``: what was seen, and whether that is the feature.

    ``others`` are the paper's entries for its references 39, 40 and 41; ``theory`` says what has to be seen.
    """

    name: str
    others: tuple[str, str, str]
    theory: str
    run: Callable[[Run], tuple[str, bool]]
    why: str


def _traced(how: Run) -> tuple[str, bool]:
    audit = recover_time(86_400_123, shots=64, seed=how.seed, backend=how.backend)
    return f"t = {audit.recovered} ms recovered", audit.recovered == audit.recorded


def _structured(how: Run) -> tuple[str, bool]:
    blocks = [QblockPhases(1 << 50, 0), QblockPhases(3 << 49, 10_000), QblockPhases(5 << 48, 20_000)]
    check = run_local_check(blocks, blocks, how.shots, how.seed, how.backend)
    seen = (check.zeros_newest, check.zeros_middle)
    return f"{seen[0]} and {seen[1]} zeros of {how.shots} shots", seen == (how.shots, how.shots)


def _signed(how: Run) -> tuple[str, bool]:
    key = SigningKey(ML_DSA_65, how.seed.to_bytes(32, "big"))
    signature = key.sign(b"a reading")
    key.public_key.verify(signature, b"a reading")
    try:
        key.public_key.verify(signature, b"a reading, altered")
    except QcotError as error:
        return f"ML-DSA-65 signature verifies, a forged one is refused ({error.problem.name})", True
    return "a forged signature verifies", False


def _keys(how: Run) -> tuple[str, bool]:
    honest = distribute("bb84", _PHOTONS, LinkParameters(), how.seed)
    heard = distribute("bb84", _PHOTONS, LinkParameters(eavesdropper=1.0), how.seed)
    seen = f"{len(honest.keys)} keys of 32 bytes from {_PHOTONS:,} photons, {len(heard.keys)} when all are intercepted"
    return seen, bool(honest.keys) and not heard.keys


def _walked(_how: Run) -> tuple[str, bool]:
    digest = walk_hash(b"abc").hex()
    return f"{digest[:16]}...", digest == _ABC


def _embedded(how: Run) -> tuple[str, bool]:
    measured = measure(dataset(EXAMPLE), how.shots, how.seed, how.backend)
    return f"{measured.strangers} of {how.shots} shots outside the records", measured.strangers == 0


def _random(how: Run) -> tuple[str, bool]:
    source = EntropySource(how.backend, seed=how.seed)
    drawn = source.draw(64)
    return f"health tests passed, {drawn.credited_bits} of {8 * len(drawn.data)} bits credited", drawn.credited_bits > 0


FEATURES = (
    Feature(
        "information traceability", ("Yes", "Yes", "Yes"), "t = 86400123 ms recovered", _traced,
        "by phase estimation; the ledger's Merkle proofs trace every reading without it",
    ),
    Feature(
        "quantum block structure", ("Yes", "No", "No"), "zeros alone", _structured,
        "a weighted graph state, prepared anew for each check",
    ),
    Feature(
        "resists quantum computers", ("Yes", "Yes", "Yes"), "signed, and a forgery refused", _signed,
        "by SHA-256 and ML-DSA; not by the walk hash or the entangled chain, as the paper has it",
    ),
    Feature(
        "QKD", ("No", "Yes", "No"), "keys, and none when intercepted", _keys,
        "simulated: the protocol's statistics, and no secrecy from physics",
    ),
    Feature("quantum walk", ("No", "No", "No"), f"{_ABC[:16]}...", _walked, "exact integers, the same everywhere"),
    Feature("quantum embedding", ("No", "No", "No"), "no shot outside", _embedded, "one qubit a bit"),
    Feature(
        "quantum entropy", ("No", "No", "Yes"), "bits credited on hardware alone", _random,
        "a simulator is a pseudo-random generator: 0 bits; the operating system's are always mixed in",
    ),
)  # fmt: skip


def run(how: Run) -> Result:
    """Try each feature; that it is there is our finding, what it is worth stands beside it."""
    rows, data = [], []
    for done, feature in enumerate(FEATURES):
        seen, holds = feature.run(how)
        expected = holds or feature.run is _random  # on a simulator no entropy is what theory says
        rows.append(Row(feature.name, "Yes", feature.theory, seen, holds, expected, feature.why))
        found = "yes" if holds else "not on a simulator" if feature.run is _random else "no"
        data.append((feature.name, *feature.others, "Yes", found, seen))
        how.progress((done + 1) / len(FEATURES))
    columns = ("feature", "NTRU lattice [39]", "hybrid [40]", "networks [41]", "QUAB as claimed", "here", "seen")
    ran = f"{'the ideal simulator' if how.backend is None else how.backend.name}, {how.shots} shots, seed {how.seed}"
    return Result(tuple(rows), table(columns, data), partial(_draw, data), ran)


def _draw(data: Sequence[tuple[str, ...]], figure: Figure) -> None:
    axes = figure.add_subplot()
    values = [[entry.lower() == "yes" for entry in line[1:6]] for line in data]
    axes.imshow(values, cmap="RdYlGn", vmin=-0.3, vmax=1.3, aspect="auto")
    for y, line in enumerate(data):
        for x, entry in enumerate(line[1:6]):
            axes.text(x, y, entry, ha="center", va="center", fontsize=8)
    axes.set_xticks(range(5), ["NTRU [39]", "hybrid [40]", "networks [41]", "QUAB,\nas claimed", "here,\nas tried"])
    axes.set_yticks(range(len(data)), [line[0] for line in data])
    axes.set_title("Features of blockchains against quantum computers (QUMA Table 6)")

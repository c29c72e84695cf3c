"""QUMA Fig. 7 and Tables 3 to 5: the six-node network's validations, hashes, checked positions and Bell states."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING

from qcot.quantum.identity import PAPER
from qcot.quantum.identity.paper import (
    NODES,
    PAPER_KEY_BF,
    PAPER_REQUESTS,
    BellOutcomes,
    CheckedPosition,
    HashedRecord,
    Request,
    figure_7,
    requests,
    table_3,
    table_4,
    table_5,
)
from qcot.quantum.statistics import proportion
from qcot.reproduce.model import Result, Run, exact, row, table

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def network(how: Run) -> Result:
    """Fig. 7: the requests of the paper, each run with a key that its two nodes share and burn."""
    done = figure_7(seed=how.seed, backend=how.backend)
    accepted = sum(each.validation.accepted for each in done)
    burnt = {each.validation.key_id for each in done}
    wanted = requests(("A", "D"))
    rows = (
        exact(
            "honest requests accepted", "node D validates node A",
            theory=f"{len(done)} of {len(done)}", measured=f"{accepted} of {len(done)}", paper_holds=True,
            why="on an ideal link no check errs and every Bell state is the one that the key asks for",
        ),
        exact(
            "keys burnt", "any two nodes share 'the same N-key string'",
            theory=f"{len(done)} different", measured=f"{len(burnt)} different", paper_holds=False,
            why="whoever measures long enough reads one string: each validation burns a key of its own",
        ),
        exact(
            "length of key_BF", "20", theory="22", measured=str(len(PAPER_KEY_BF)), paper_holds=False,
            why="as printed it has 22 digits",
        ),
        exact(
            "requests when A and D publish", f"{len(PAPER_REQUESTS)}", theory=str(2 * (len(NODES) - 1)),
            measured=str(len(wanted)), paper_holds=False,
            why="QUMA 5.1 names three verifiers each, 5.3 says that each node asks: five each",
        ),
    )  # fmt: skip
    data = [
        (each.verifier, each.prover, str(each.validation.accepted), each.validation.check_errors,
         each.validation.mismatches or 0, str(each.validation.key_id))
        for each in done
    ]  # fmt: skip
    columns = ("verifier", "prover", "accepted", "check errors", "mismatches", "key id")
    return Result(rows, table(columns, data), partial(_draw_network, done), _ran(done, how))


def hashes(_how: Run) -> Result:
    """Table 3: record hashes. The paper's hash is not defined, so its values cannot be recomputed."""
    made = table_3()
    rows = tuple(
        exact(
            f"hash of {each.name}", f"0x{each.printed[:12]}..., {4 * len(each.printed)} bits",
            theory="256 bits", measured=f"{4 * len(each.walk_hash)} bits", paper_holds=False,
            why="QUMA 7.1 speaks of 256 bits, Table 3 prints 192, and start and coins are not told, so it "
            "cannot be recomputed; ours is the walk hash of the printed bits",
        )
        for each in made
    )  # fmt: skip
    data = [(each.name, each.bits or "", each.printed, each.walk_hash, _bits(each.tag)) for each in made]
    columns = ("record", "bits as printed", "hash as printed", "walk hash", "bits that a validation sends")
    return Result(rows, table(columns, data), partial(_draw_hashes, made), "this machine's processor, exact integers")


def positions(how: Run) -> Result:
    """Table 4: eight of twenty pairs measured by both ends, in bases that are defined."""
    found = table_4(how.seed, how.backend)
    same = sum(each.prover == each.verifier for each in found)
    rows = (
        exact(
            "both ends find the same", "the other end compares", theory=f"{len(found)} of {len(found)}",
            measured=f"{same} of {len(found)}", paper_holds=True, why="Phi+ gives equal results in Z and in X",
        ),
        exact(
            "bases", "eight different, of which {0, 1} and {+, -} are defined",
            theory="X, Z", measured=", ".join(sorted({each.basis for each in found})), paper_holds=False,
            why="two bases that do not commute are what shows a stranger; six undefined ones add nothing",
        ),
    )  # fmt: skip
    data = [(each.position, each.printed, each.basis, each.prover, each.verifier, each.label) for each in found]
    columns = ("position", "output as printed", "basis", "prover", "verifier", "state")
    return Result(rows, table(columns, data), partial(_draw_positions, found), _simulated(how))


def bell_states(how: Run) -> Result:
    """Table 5: what both ends find in each Bell state, in Z as printed, and in X, which the paper leaves out."""
    found = table_5(how.shots, how.seed, how.backend)
    rows = []
    for each in found:
        for basis, wanted, counts in (("Z", each.z, each.z_counts), ("X", each.x, each.x_counts)):
            allowed = sum(counts.get(pair, 0) for pair in wanted)
            claim = f"{each.z[0]} or {each.z[1]}" if basis == "Z" else "nothing"
            name = f"{each.state} in {basis}: {wanted[0]} or {wanted[1]}"
            why = (
                "Phi+ and Phi- look alike in Z: the sign shows in X alone" if basis == "Z" else "the sign of the state"
            )
            holds = True if basis == "Z" else None
            rows.append(row(proportion(name, allowed, how.shots, 1.0), claim, holds, why))
            first = proportion(f"{name}: the first of them", counts.get(wanted[0], 0), how.shots, 0.5)
            rows.append(row(first, why="each end alone finds 0 and 1 alike, whatever the state"))
    data = [
        (each.state, basis, pair, counts.get(pair, 0))
        for each in found
        for basis, counts in (("Z", each.z_counts), ("X", each.x_counts))
        for pair in ("00", "01", "10", "11")
    ]
    columns = ("state", "basis", "found", "times")
    return Result(
        tuple(rows),
        table(columns, data),
        partial(_draw_bell, found),
        f"{found[0].backend}, {how.shots} shots, seed {how.seed}",
    )


def _bits(tag: tuple[int, ...] | None) -> str:
    return "" if tag is None else "".join(f"{symbol:02b}" for symbol in tag)


def _ran(done: tuple[Request, ...], how: Run) -> str:
    sizes = f"{PAPER.pairs} pairs and {PAPER.checks} checks a validation"
    return f"{done[0].validation.backend}, {sizes}, seed {how.seed}"


def _simulated(how: Run) -> str:
    return f"{'the ideal simulator' if how.backend is None else how.backend.name}, one shot a pair, seed {how.seed}"


def _draw_network(done: tuple[Request, ...], figure: Figure) -> None:
    axes = figure.add_subplot()
    place = {
        node: (math.cos(math.tau * at / len(NODES)), math.sin(math.tau * at / len(NODES)))
        for at, node in enumerate(NODES)
    }
    for one in NODES:
        for other in NODES:
            axes.plot(*zip(place[one], place[other], strict=True), color="0.85", linewidth=0.8, zorder=0)
    for each in done:
        colour = "C2" if each.validation.accepted else "C3"
        axes.annotate(
            "", place[each.prover], place[each.verifier],
            arrowprops={"arrowstyle": "->", "color": colour, "shrinkA": 16, "shrinkB": 16,
                        "connectionstyle": "arc3,rad=0.12"},
        )  # fmt: skip
    for node, (x, y) in place.items():
        axes.plot(x, y, "o", markersize=28, color="C0")
        axes.text(x, y, node, ha="center", va="center", color="white")
    axes.set(title="Who validates whom; green: accepted (QUMA Fig. 7)", aspect="equal")
    axes.margins(0.12)
    axes.axis("off")


def _draw_hashes(made: tuple[HashedRecord, ...], figure: Figure) -> None:
    axes = figure.add_subplot()
    bits = [[int(bit) for bit in f"{int(each.walk_hash, 16):0256b}"] for each in made]
    axes.imshow(bits, aspect="auto", cmap="Greys", interpolation="nearest")
    axes.set_yticks(range(len(made)), [each.name for each in made])
    axes.set(xlabel="bit", title="Walk hashes of the records of QUMA Table 3")


def _draw_positions(found: tuple[CheckedPosition, ...], figure: Figure) -> None:
    axes = figure.add_subplot()
    for offset, (who, marker) in enumerate((("prover", "o"), ("verifier", "x"))):
        axes.plot(
            range(len(found)), [getattr(each, who) for each in found], marker, label=who, markersize=12 - 4 * offset
        )
    axes.set_xticks(range(len(found)), [f"{each.position}\n{each.basis}" for each in found])
    axes.set(yticks=(0, 1), xlabel="position, basis", ylabel="found", title="Checked pairs (QUMA Table 4)")
    axes.legend(loc="center right")


def _draw_bell(found: tuple[BellOutcomes, ...], figure: Figure) -> None:
    for axes, basis in zip(figure.subplots(1, 2, sharey=True), ("Z", "X"), strict=True):
        for at, pair in enumerate(("00", "01", "10", "11")):
            counts = [(each.z_counts if basis == "Z" else each.x_counts).get(pair, 0) for each in found]
            axes.bar([number + 0.2 * (at - 1.5) for number in range(len(found))], counts, width=0.2, label=pair)
        axes.set_xticks(range(len(found)), [each.state for each in found])
        axes.set(title=f"both ends measure in {basis}")
        if basis == "Z":
            axes.set_ylabel("shots")
    figure.legend(*axes.get_legend_handles_labels(), title="found", loc="outside right upper")
    figure.suptitle("Outcomes of the four Bell states (QUMA Table 5, with the X that it leaves out)")

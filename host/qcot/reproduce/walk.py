"""QUMA Fig. 10 and 11 and section 7.1: the walk on a ring of four, and how far the hash moves when a bit does."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from qcot.quantum.walk.figures import CLAIMED_PERCENT, AlteredMessage, FourCycle, altered_message, four_cycle
from qcot.quantum.walk.samples import draw
from qcot.quantum.walk.statistics import run_tests
from qcot.reproduce.model import Result, Row, Run, exact, row, table

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def ring(how: Run) -> Result:
    """Fig. 10: one step on a ring of four, and why such a ring is of no use for hashing."""
    found = four_cycle(how.shots, how.seed, how.backend)
    rows = [row(each, "one step, to the neighbours", True, "coin H, from node 0 with coin 0") for each in found.nodes]
    rows += [
        exact(
            "period of the walk in steps", "the hash walks on a cycle of four nodes",
            theory="8", measured=str(found.period), paper_holds=False,
            why="after 8 steps with one coin every state is what it was: a ring of four forgets what drove it",
        ),
        exact(
            "largest share of cells that two walkers can occupy", "the hash walks on a cycle of four nodes",
            theory="25 % of 4 x 4, 100 % of 7 x 7",
            measured=", ".join(f"{100 * share:.0f} % of {side} x {side}" for side, share in found.reached),
            paper_holds=False, why="on an even ring walkers that always move keep their parity; hence 7 here",
        ),
    ]  # fmt: skip
    data = [
        (step, node, float(probability))
        for step, nodes in enumerate(found.by_step)
        for node, probability in enumerate(nodes)
    ]
    ran = f"{found.backend}, {found.shots} shots, seed {found.seed}"
    return Result(tuple(rows), table(("step", "node", "probability"), data), partial(_draw_ring, found), ran)


def sensitivity(how: Run) -> Result:
    """Fig. 11, and the literature's tests with many messages in place of one."""
    altered = altered_message(seed=how.seed)
    claim = f"at least {CLAIMED_PERCENT:.0f} %"
    rows: list[Row] = []
    for each in altered.digests[1:]:
        percent = each.changed / 2.56
        rows.append(
            Row(
                f"{each.name}: bits changed, {each.does}", claim, "50 % +- 3.1 %", f"{percent:.1f} %",
                percent >= CLAIMED_PERCENT, CLAIMED_PERCENT <= percent <= 100 - CLAIMED_PERCENT,
                "two unrelated digests differ in less than 35 % of their bits once in "
                f"{1 / altered.chance_below_claim:,.0f}: the claim asks for little",
            )
        )  # fmt: skip
    samples = draw(how.samples, how.seed, progress=lambda done, of: how.progress(done / of))
    estimates = [each for _, estimates in run_tests(samples) for each in estimates]
    rows += [row(each, why="theory is a random function") for each in estimates]
    data = [(each.name, each.changed, each.digest.hex()) for each in altered.digests]
    return Result(
        tuple(rows),
        table(("message", "bits changed of 256", "digest"), data),
        partial(_draw_altered, altered),
        f"this machine's processor, exact integers; {how.samples} messages of 256 bits, seed {how.seed}",
    )


def _draw_ring(found: FourCycle, figure: Figure) -> None:
    first, later = figure.subplots(1, 2)
    first.bar(range(len(found.nodes)), [each.theory or 0 for each in found.nodes], color="0.85", label="theory")
    first.errorbar(
        range(len(found.nodes)),
        [each.measured for each in found.nodes],
        yerr=[
            [each.measured - each.low for each in found.nodes],
            [each.high - each.measured for each in found.nodes],
        ],
        fmt="o",
        label=f"measured, {found.shots} shots",
    )
    first.set(
        xlabel="node", ylabel="probability", title="after one step", xticks=range(len(found.nodes)), ylim=(-0.02, 0.75)
    )
    first.legend(loc="upper center")
    image = later.imshow(found.by_step.T, aspect="auto", cmap="viridis", vmin=0, vmax=1)
    later.set(xlabel="step", ylabel="node", title=f"and on: back after {found.period} steps", yticks=range(4))
    figure.colorbar(image, ax=later)
    figure.suptitle("Quantum walk on a ring of four (QUMA Fig. 10)")


def _draw_altered(altered: AlteredMessage, figure: Figure) -> None:
    axes = figure.subplots(len(altered.digests), 1, sharex=True)
    for axis, each in zip(axes, altered.digests, strict=True):
        axis.bar(range(len(each.digest)), list(each.digest), width=0.8)
        axis.set_ylabel(each.name, rotation=0, ha="right", va="center", fontsize=8)
        axis.set(yticks=(), ylim=(0, 255))
    axes[-1].set_xlabel("byte of the digest; height is its value")
    figure.suptitle("Walk hashes of a message, and of the same with one bit flipped (QUMA Fig. 11)")

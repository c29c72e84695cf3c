"""A chart of what schemes cost: this machine's times beside the Cortex-M4's cycles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from qcot.reproduce.measure import Cost

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STEPS = ("keygen", "sign or encaps", "verify or decaps")
_COLOURS = ("C2", "C0", "C1")
_WIDTH = 0.25


def height(schemes: int) -> float:
    """Inches for so many schemes."""
    return max(4.5, 1.5 + 0.3 * schemes)


def draw(costs: Mapping[str, Sequence[Cost]], cycles: Mapping[str, Sequence[int]], title: str, figure: Figure) -> None:
    """Draw each scheme's three steps: ``costs`` of all, ``cycles`` on a Cortex-M4 of those that have them."""
    ours, theirs = figure.subplots(1, 2, sharey=True)
    names = list(costs)
    measured_there = [index for index, name in enumerate(names) if name in cycles]
    for step, (label, colour) in enumerate(zip(STEPS, _COLOURS, strict=True)):
        shift = (_WIDTH + 0.02) * (step - 1)
        times = [costs[name][step] for name in names]
        ours.barh(
            [index + shift for index in range(len(names))],
            [each.median for each in times],
            xerr=[[each.median - each.low for each in times], [each.high - each.median for each in times]],
            height=_WIDTH,
            color=colour,
            label=label,
        )
        theirs.barh(
            [index + shift for index in measured_there],
            [cycles[names[index]][step] / 1e6 for index in measured_there],
            height=_WIDTH,
            color=colour,
        )
    ours.set_yticks(range(len(names)), names, fontsize=8)
    ours.set(xscale="log", xlabel="ms, median and quartiles", title="this machine")
    theirs.set(xlabel="million cycles (pqm4, May 2022)", title="Cortex-M4")
    if measured_there:
        theirs.set(xscale="log")
    ours.invert_yaxis()
    figure.legend(loc="outside lower center", ncols=3)
    figure.suptitle(title)

"""QUMA Fig. 12 and section 7.2: how often attacks on a validation show, per pair and over many."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from qcot.quantum.attacks import ATTACKS, Curve, figure_12, measure
from qcot.quantum.attacks.detection import detected_within
from qcot.quantum.backends import MAX_SEED
from qcot.reproduce.model import Result, Run, row, table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_NOTHING: tuple[str, bool | None] = ("nothing", None)
_CLAIMS: dict[tuple[str, str], tuple[str, bool | None]] = {
    ("outsider", "check"): ("is refused, for want of the key", False),
    ("outsider", "bell"): ("is refused, for want of the key", True),
    ("intercept-z", "check"): ("50 % a particle", False),
    ("intercept-z", "bell"): ("50 % a particle", True),
    ("intercept-x", "check"): ("50 % a particle", False),
    ("intercept-x", "bell"): ("50 % a particle", True),
    ("entangle", "bell"): ("the right Bell state with 0.25: 75 % a particle", False),
}
"""What QUMA 7.2.1 to 7.2.3 say of an attack, and whether it stands for this step; 7.2 does not tell the steps apart."""
_BELL = "Bell step: what the attack leaves of the entanglement decides, whatever basis it used"


def run(how: Run) -> Result:
    """Measure each attack a pair, then four of them over growing numbers of pairs."""
    detections = []
    for done, attack in enumerate(ATTACKS.values()):
        detections.append(measure(attack, how.shots, (how.seed + done) & MAX_SEED, how.backend))
        how.progress(0.6 * (done + 1) / len(ATTACKS))
    curves = figure_12(seed=how.seed, backend=how.backend)
    rows = []
    for each in detections:
        name = each.attack.name
        rows.append(row(each.check, *_CLAIMS.get((name, "check"), _NOTHING), each.attack.corrected))
        rows.append(row(each.bell, *_CLAIMS.get((name, "bell"), _NOTHING), _BELL))
    for curve in curves:
        last = curve.points[-1]
        rows.append(row(last.check, "immediately exposed", None, f"{last.pairs} pairs, either basis"))
        rows.append(row(last.bell, "immediately exposed", True, f"{last.pairs} pairs: many pairs do what one cannot"))
    data = [
        (curve.attack.name, point.pairs, step, each.theory or 0.0, each.measured, each.low, each.high, each.samples)
        for curve in curves
        for point in curve.points
        for step, each in (("check", point.check), ("bell", point.bell))
    ]
    ran = detections[0]
    return Result(
        tuple(rows),
        table(("attack", "pairs", "step", "theory", "measured", "low", "high", "trials"), data),
        partial(_draw, curves),
        f"{ran.backend}, {ran.shots} shots, seed {how.seed}",
    )


def _draw(curves: tuple[Curve, ...], figure: Figure) -> None:
    sides = figure.subplots(1, 2, sharey=True)
    for axes, step in zip(sides, ("check", "bell"), strict=True):
        for number, curve in enumerate(curves):
            colour = f"C{number}"
            pairs = [point.pairs for point in curve.points]
            found = [getattr(point, step) for point in curve.points]
            rate = curve.attack.detection_check if step == "check" else curve.attack.detection_bell
            smooth = range(1, pairs[-1] + 1)
            axes.plot(smooth, [detected_within(rate, n) for n in smooth], color=colour, linewidth=0.8)
            axes.errorbar(
                pairs,
                [each.measured for each in found],
                yerr=[[each.measured - each.low for each in found], [each.high - each.measured for each in found]],
                fmt="o",
                markersize=3,
                color=colour,
                label=curve.attack.name,
            )
        axes.set(xlabel="pairs", title=f"{step.capitalize()} step")
    sides[0].set_ylabel("probability that it shows")
    sides[1].legend(fontsize=8)
    figure.suptitle("Attacks on a validation: theory (lines), measured with 99 % intervals (QUMA Fig. 12)")

"""QUMA Fig. 3: a qubit y|0> + x|1> that is measured collapses to 0 with |y|^2 and to 1 with |x|^2."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from qcot.quantum.backends import load_qiskit, run_circuits
from qcot.quantum.statistics import proportion
from qcot.reproduce.model import Result, Row, Run, row, table

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from qiskit import QuantumCircuit

ANGLES = tuple(math.pi * step / 8 for step in range(9))
"""Of RY from |0>: |x|^2 = sin^2(angle / 2)."""


def circuit(angle: float) -> QuantumCircuit:
    """Prepare cos(angle/2)|0> + sin(angle/2)|1>, measure, and measure again."""
    load_qiskit()
    from qiskit import QuantumCircuit

    made = QuantumCircuit(1, 2)
    made.ry(angle, 0)
    made.measure(0, 0)
    made.measure(0, 1)
    return made


def run(how: Run) -> Result:
    """Measure at nine angles, twice each, because a collapsed qubit answers the second time as it did the first."""
    ran = run_circuits([circuit(angle) for angle in ANGLES], how.shots, how.seed, how.backend)
    ones = [sum(n for bits, n in counts.items() if bits[-1] == "1") for counts in ran.counts]
    repeated = sum(n for counts in ran.counts for bits, n in counts.items() if bits[0] == bits[1])
    total = how.shots * len(ANGLES)
    estimates = [
        proportion(f"|x|^2 = {math.sin(angle / 2) ** 2:.4f}", count, how.shots, math.sin(angle / 2) ** 2)
        for angle, count in zip(ANGLES, ones, strict=True)
    ]
    rows: list[Row] = [
        row(each, f"1 with probability {each.theory:.4f}", True, "Born's rule (QUMA 4.1.1)") for each in estimates
    ]
    rows.append(
        row(
            proportion("second measurement like the first", repeated, total, 1.0),
            "the superposition is lost",
            True,
            "a measured qubit stays where it fell",
        )
    )

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        smooth = [math.pi * step / 100 for step in range(101)]
        axes.plot([a / math.pi for a in smooth], [math.sin(a / 2) ** 2 for a in smooth], label="theory |x|²")
        axes.errorbar(
            [a / math.pi for a in ANGLES],
            [e.measured for e in estimates],
            yerr=[[e.measured - e.low for e in estimates], [e.high - e.measured for e in estimates]],
            fmt="o",
            label=f"measured, {how.shots} shots, 99 %",
        )
        axes.set(xlabel="angle of RY / pi", ylabel="share of 1", title="Collapse of y|0> + x|1> (QUMA Fig. 3)")
        axes.legend()

    data = [(a, e.theory or 0.0, e.measured, e.low, e.high, how.shots) for a, e in zip(ANGLES, estimates, strict=True)]
    return Result(
        tuple(rows),
        table(("angle", "theory", "measured", "low", "high", "shots"), data),
        draw,
        f"{ran.backend}, {ran.shots} shots, seed {ran.seed}",
    )

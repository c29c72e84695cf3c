"""QUMA Fig. 13 and section 7.3: a Qblock's time by phase estimation, and how many ancilla bits it takes."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from qcot.quantum.audit import (
    NEAREST_BOUND,
    TWO_NEAREST_BOUND,
    Success,
    figure_13,
    recover_time,
    success_against_bits,
    textbook_circuit,
    third_of_a_turn,
    worst_phase,
)
from qcot.quantum.qblock import T_BITS
from qcot.reproduce.model import Result, Row, Run, exact, row, table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

T_MS = 1_234_567_890_123
"""An example that needs all 42 bits' room."""
BITS = (2, 3, 4, 5, 6, 8, 10)


def run(how: Run) -> Result:
    """Recover an exact time, show Fig. 13's circuit at work, and count successes against the ancilla's bits."""
    exactly = recover_time(T_MS, shots=64, seed=how.seed, backend=how.backend)
    how.progress(0.3)
    shown = figure_13(third_of_a_turn(), 4, how.shots, how.seed, how.backend)
    how.progress(0.6)
    success = success_against_bits(worst_phase, BITS, how.shots, how.seed, how.backend)
    rows: list[Row] = [
        exact(
            f"t of {T_BITS} bits, recovered with as many steps", "may be precisely retrieved",
            theory=str(T_MS), measured=str(exactly.recovered), paper_holds=True,
            why="t is a whole number of ms: with as many bits as it has, success is certain",
        )
    ]  # fmt: skip
    for at, (textbook, iterative) in enumerate(zip(shown.textbook, shown.iterative, strict=True)):
        if textbook.theory is not None and textbook.theory > 0.01:
            four = replace(textbook, name=f"{textbook.name}, four ancillas")
            one = replace(iterative, name=f"{iterative.name}, one ancilla")
            rows.append(row(four, why=f"Fig. 13's circuit, a third of a turn; {at} found"))
            rows.append(row(one, why="used again and again it gives the same"))
    for each in success.rows:
        why = f"the worst phase for {each.bits} bits; at least {NEAREST_BOUND:.4f} (4 / pi^2)"
        rows.append(row(each.nearest, "precisely, with an adequate number of particles", None, why))
        rows.append(row(each.two_nearest, "nothing", None, f"at least {TWO_NEAREST_BOUND:.4f} (8 / pi^2)"))
    data = [
        (each.bits, name, estimate.theory or 0.0, estimate.measured, estimate.low, estimate.high)
        for each in success.rows
        for name, estimate in (("nearest", each.nearest), ("two nearest", each.two_nearest))
    ]
    return Result(
        tuple(rows),
        table(("ancilla bits", "success", "theory", "measured", "low", "high"), data),
        partial(_draw, success),
        f"{success.run.backend}, {how.shots} shots, seed {how.seed}",
        height=7.0,
    )


def _draw(success: Success, figure: Figure) -> None:
    circuit, axes = figure.subplots(2, 1)
    textbook_circuit(third_of_a_turn(), 3).draw("mpl", ax=circuit, fold=-1)
    circuit.set_title("The circuit with 3 ancilla qubits; two link qubits carry the phase (QUMA Fig. 13)")
    bits = [each.bits for each in success.rows]
    for name, colour, bound in (("nearest", "C0", NEAREST_BOUND), ("two_nearest", "C1", TWO_NEAREST_BOUND)):
        found = [getattr(each, name) for each in success.rows]
        axes.plot(bits, [each.theory or 0 for each in found], color=colour, linewidth=0.8)
        axes.errorbar(
            bits,
            [each.measured for each in found],
            yerr=[[each.measured - each.low for each in found], [each.high - each.measured for each in found]],
            fmt="o",
            color=colour,
            label=name.replace("_", " "),
        )
        axes.axhline(bound, color=colour, linestyle=":", linewidth=0.8)
    axes.set(
        xlabel="ancilla bits",
        ylabel="probability",
        ylim=(0, 1),
        title="Success at the worst phase: theory (lines), bounds (dotted), measured",
    )
    axes.legend(loc="lower right")

"""QUMA Fig. 5, equations 9 to 11 and Table 2: records as basis states, with the slips put right."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from qcot.quantum.backends import load_qiskit
from qcot.quantum.embedding import (
    EXAMPLE,
    TABLE_2_ROWS,
    Claim,
    dataset,
    dataset_circuit,
    equation_9,
    equation_10,
    equation_11,
    figure_5,
    measure,
    one_qubit,
    table_2,
)
from qcot.reproduce.model import Result, Row, Run, exact, row, table

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy.typing import NDArray


def example(how: Run) -> Result:
    """Fig. 5 with eq. 9 to 11: the state that our circuit prepares, and what measuring it gives."""
    load_qiskit()
    from qiskit.quantum_info import Statevector

    data = dataset(EXAMPLE)
    prepared = np.asarray(Statevector(dataset_circuit(data)).data)
    right = data.vector()
    overlap = abs(np.vdot(prepared, right)) ** 2
    measured = measure(data, how.shots, how.seed, how.backend)
    rows = [
        exact(
            "the state that the circuit prepares, as overlap with eq. 10", "the state of eq. 10",
            theory="1.000000000", measured=f"{overlap:.9f}", paper_holds=True, why="four qubits, one a bit",
        )
    ]  # fmt: skip
    rows += [_claim(each) for each in (equation_9(), equation_10(), equation_11(), one_qubit(4), figure_5())]
    rows += [
        row(each, "one of the records, each alike", True, "read once, it is one record") for each in measured.records
    ]
    cells = [
        (f"{index:04b}", index, float(abs(prepared[index]) ** 2), float(abs(right[index]) ** 2)) for index in range(16)
    ]
    return Result(
        tuple(rows),
        table(("basis state", "index", "prepared", "theory"), cells),
        partial(_draw, prepared),
        f"{measured.run.backend}, {how.shots} shots, seed {how.seed}",
        height=7.5,
    )


def coefficients(_how: Run) -> Result:
    """Table 2: uniform superpositions, whose coefficients the paper does not normalise."""
    claims = [table_2(qubits) for qubits in TABLE_2_ROWS]
    data = [
        (qubits, 2**qubits, float(each.printed_norm or 0), 2 ** (-qubits / 2))
        for qubits, each in zip(TABLE_2_ROWS, claims, strict=True)
    ]
    return Result(
        tuple(_claim(each) for each in claims),
        table(("x", "basis states", "sum of probabilities as printed", "right coefficient"), data),
        partial(_draw_norms, data),
        "this machine's processor",
    )


def _claim(claim: Claim) -> Row:
    norm = 1.0 if claim.right is None else float(np.vdot(claim.right, claim.right).real)
    found = "norm 1" if abs(norm - 1) < 1e-12 else f"norm {norm:.6g}"
    if claim.right is None:
        return Row(claim.where, claim.paper, claim.holds, "not a state", False, None, claim.why)
    return Row(claim.where, claim.paper, claim.holds, found, claim.agrees, found == "norm 1", claim.why)


def _draw(prepared: NDArray[np.complex128], figure: Figure) -> None:
    circuit, axes = figure.subplots(2, 1)
    dataset_circuit(dataset(EXAMPLE)).draw("mpl", ax=circuit)
    circuit.set_title("Embedding of 0000 and 0111 (QUMA Fig. 5)")
    names = [f"{index:04b}" for index in range(16)]
    axes.bar(names, np.abs(prepared), color=["C0" if name in EXAMPLE else "0.8" for name in names])
    axes.plot([8], [0.707], "rx", label="where the paper prints it: index 8")
    axes.tick_params(axis="x", rotation=90)
    axes.set(ylabel="amplitude")
    axes.legend()


def _draw_norms(data: list[tuple[int, int, float, float]], figure: Figure) -> None:
    axes = figure.add_subplot()
    axes.bar([str(row[0]) for row in data], [row[2] for row in data], label="as printed, 1/sqrt(2) each")
    axes.axhline(1, color="C1", label="a state")
    axes.set(xlabel="x", ylabel="sum of probabilities", title="Norm of the states of QUMA Table 2")
    axes.legend()

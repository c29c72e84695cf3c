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
    DataSet,
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
from qcot.reproduce.model import Result, Row, Run, row, table

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy.typing import NDArray


def example(how: Run) -> Result:
    """Fig. 5 with eq. 9 to 11: the state that our circuit prepares, and what measuring it gives."""
    data = dataset(EXAMPLE)
    prepared, right = _prepared(data), data.vector()
    measured = measure(data, how.shots, how.seed, how.backend)
    thrice = dataset([*EXAMPLE, EXAMPLE[0]], count_duplicates=True)
    rows = [
        _claim(equation_9(), thrice),
        _claim(equation_10(), data),
        _claim(equation_11(), data),
        _unmeasured(one_qubit(4)),
        _claim(figure_5(), data),
    ]
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
        tuple(
            _claim(each, dataset(f"{index:0{qubits}b}" for index in range(1 << qubits)))
            for qubits, each in zip(TABLE_2_ROWS, claims, strict=True)
        ),
        table(("x", "basis states", "sum of probabilities as printed", "right coefficient"), data),
        partial(_draw_norms, data),
        "Qiskit's state vectors",
    )


def _claim(claim: Claim, data: DataSet) -> Row:
    """The claim, with how near the state that our circuit prepares comes to the right one."""
    assert claim.right is not None
    overlap = float(abs(np.vdot(_prepared(data), claim.right)) ** 2)
    found = f"prepared with overlap {overlap:.9f}"
    return Row(claim.where, claim.paper, claim.holds, found, claim.agrees, abs(overlap - 1) < 1e-9, claim.why)


def _unmeasured(claim: Claim) -> Row:
    return Row(claim.where, claim.paper, claim.holds, "not measured", claim.agrees, None, claim.why)


def _prepared(data: DataSet) -> NDArray[np.complex128]:
    """The state vector of the circuit, which is the simulator's and no sample."""
    load_qiskit()
    from qiskit.quantum_info import Statevector

    return np.asarray(Statevector(dataset_circuit(data)).data)


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

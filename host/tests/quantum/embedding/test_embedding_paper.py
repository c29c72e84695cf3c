"""What the paper says of embedding, beside what holds: each slip is one, and what is right stays so."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from qcot.errors import QcotError
from qcot.quantum.embedding import claims, equation_9, equation_10, equation_11, figure_5, problems, table_2
from qcot.quantum.embedding.paper import holevo_bits, one_qubit, recovery_probability
from qiskit.quantum_info import Statevector, partial_trace


def test_the_paper_slips_where_it_does_and_nowhere_else() -> None:
    assert {each.where: each.agrees for each in claims()} == {
        "eq. 9, for 0000, 0111, 0000": False,
        "eq. 10": True,
        "eq. 11": True,
        "4.3, 4 bits in one qubit": False,
        "Fig. 5": False,
        "Table 2, x = 1": True,
        "Table 2, x = 2": False,
        "Table 2, x = 3": False,
        "Table 2, x = 4": False,
    }


def test_every_right_state_has_norm_one() -> None:
    for each in claims():
        if each.right is not None:
            assert np.vdot(each.right, each.right).real == pytest.approx(1)


def test_0111_stands_at_index_7_and_the_figure_says_8() -> None:
    found = figure_5()
    assert found.right is not None
    assert found.printed is not None
    assert np.flatnonzero(found.right).tolist() == [0, 7]
    assert np.flatnonzero(found.printed).tolist() == [0, 8]
    assert Statevector(found.right).equiv((Statevector.from_label("0000") + Statevector.from_label("0111")) / 2**0.5)


@pytest.mark.parametrize("qubits", [1, 2, 3, 4, 10])
def test_table_2_as_printed_has_probability_two_to_the_n_minus_1(qubits: int) -> None:
    row = table_2(qubits)
    assert row.printed_norm == pytest.approx(2 ** (qubits - 1))
    assert row.right is not None
    assert np.allclose(row.right, Statevector.from_label("+" * qubits).data)


def test_a_record_that_stands_twice_breaks_equation_9_as_printed() -> None:
    assert equation_9().printed_norm == pytest.approx((2 / math.sqrt(3)) ** 2 + 1 / 3)


def test_equations_10_and_11_are_one_state_whose_first_qubit_is_alone() -> None:
    one, two = equation_10().right, equation_11().right
    assert one is not None
    assert two is not None
    assert np.array_equal(one, two)
    assert partial_trace(Statevector(two), [0, 1, 2]).purity() == pytest.approx(1)
    assert partial_trace(Statevector(two), [1, 2, 3]).purity() == pytest.approx(0.5)


@pytest.mark.parametrize("bits", [1, 2, 5])
def test_one_qubit_carries_one_bit_however_many_states_it_is_given(bits: int) -> None:
    turns = np.arange(2**bits) * 2 * np.pi / 2**bits
    states = np.stack([np.ones_like(turns), np.exp(1j * turns)], axis=1) / math.sqrt(2)
    assert holevo_bits(states) == pytest.approx(1)
    # The best measurement of these states, of operators in proportion to the states themselves, reaches the bound.
    overlaps = np.abs(states.conj() @ states.T) ** 2 * 2 / 2**bits
    assert np.allclose(overlaps.sum(axis=1), 1)
    assert overlaps.diagonal().mean() == pytest.approx(recovery_probability(bits, 1))


def test_a_basis_state_for_each_record_carries_all_bits() -> None:
    states = np.array([np.kron(np.eye(2)[a], np.eye(2)[b]) for a, b in product((0, 1), repeat=2)], complex)
    assert holevo_bits(states) == pytest.approx(2)
    assert recovery_probability(2, 2) == 1
    assert "0.125" in one_qubit(4).holds


@pytest.mark.parametrize("qubits", [0, 21, 2.0, True])
def test_a_row_that_there_is_not_is_refused_by_name(qubits: int) -> None:
    with pytest.raises(QcotError) as refused:
        table_2(qubits)
    assert refused.value.problem is problems.NO_ROW

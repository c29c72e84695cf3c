"""What QUMA 4.3 and 4.4 say of embedding, beside what holds: eq. 9 to 11, Table 2, Fig. 5, and bits in a qubit."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qcot.errors import QcotError
from qcot.quantum.embedding.dataset import MAX_VECTOR_BITS, dataset
from qcot.quantum.embedding.problems import NO_ROW

EXAMPLE = ("0000", "0111")
"""The data set of QUMA eq. 10 and 11."""
TABLE_2_ROWS = (1, 2, 3, 4)

Vector = NDArray[np.complex128]


@dataclass(frozen=True, eq=False)
class Claim:
    """A statement of the paper, with the vector it prints, beside what holds and why; no vector where it prints none.

    Index k of a vector is the amplitude of the basis state whose bits are k in binary, first bit first.
    """

    where: str
    paper: str
    holds: str
    why: str
    printed: Vector | None
    right: Vector | None

    @property
    def agrees(self) -> bool:
        """Whether the printed vector is the right one, to the three digits that are printed."""
        if self.printed is None or self.right is None:
            return False
        return bool(np.allclose(self.printed, self.right, atol=5e-4))

    @property
    def printed_norm(self) -> float | None:
        """Total probability that the printed vector stands for; a state has 1."""
        return None if self.printed is None else float(np.vdot(self.printed, self.printed).real)


def equation_9() -> Claim:
    """A data set as a superposition: 1/sqrt(K) is right for different records only."""
    printed = np.zeros(16, complex)
    for record in (*EXAMPLE, EXAMPLE[0]):
        printed[int(record, 2)] += 1 / math.sqrt(3)
    return Claim(
        "eq. 9, for 0000, 0111, 0000",
        "|H> = sum_k |i^k> / sqrt(K)",
        "|H> = sum over different records of sqrt(times / K) |i>",
        "A record that stands twice adds its amplitudes: the norm is 1 only for different records.",
        printed,
        dataset([*EXAMPLE, EXAMPLE[0]], count_duplicates=True).vector(),
    )


def equation_10() -> Claim:
    """The example's state is right; its number of qubits and of examples is not."""
    return Claim(
        "eq. 10",
        "four examples, 0000 and 0111, in a pair of qubits: (|0000> + |0111>) / sqrt(2)",
        "two examples in four qubits: (|0000> + |0111>) / sqrt(2)",
        "The state is right. It takes one qubit a bit, and the data set has two records.",
        _example_as_printed(7),
        dataset(EXAMPLE).vector(),
    )


def equation_11() -> Claim:
    """The same state again, said to be that of four Qblocks."""
    return Claim(
        "eq. 11",
        "the state of four Qblocks is (|0000> + |0111>) / sqrt(2)",
        "the same state; it is that of four qubits, and one of them is not entangled",
        "The first qubit is |0> throughout; the other three form a GHZ state.",
        _example_as_printed(7),
        dataset(EXAMPLE).vector(),
    )


def figure_5() -> Claim:
    """The output state of the embedding of eq. 10: one of its two amplitudes is printed at the wrong place."""
    return Claim(
        "Fig. 5",
        "0.707 at indexes 0 and 8",
        "0.707 at indexes 0 and 7",
        "0111 is 7; index 8 is 1000. Read with the first bit as the lowest, 0111 would be 14, not 8 either.",
        _example_as_printed(8),
        dataset(EXAMPLE).vector(),
    )


def table_2(qubits: int) -> Claim:
    """Row x = ``qubits`` of Table 2, 1 to 20: every coefficient is 2^(-n/2), not 1/sqrt(2)."""
    if type(qubits) is not int or not 1 <= qubits <= MAX_VECTOR_BITS:
        raise QcotError(NO_ROW, f"qubits are {qubits!r}")
    size = 1 << qubits
    return Claim(
        f"Table 2, x = {qubits}",
        f"each of {size} basis states with 1/sqrt(2)",
        f"each of {size} basis states with 2^(-{qubits}/2) = {2 ** (-qubits / 2):.4g}",
        f"As printed the probabilities add up to {size / 2:g}." if qubits > 1 else "For one qubit they are the same.",
        np.full(size, 1 / math.sqrt(2), complex),
        np.full(size, 2 ** (-qubits / 2), complex),
    )


def one_qubit(bits: int) -> Claim:
    """`A sequence of n bits can be stored using only one quantum bit`: one bit can be read, and no more."""
    best = recovery_probability(bits, 1)
    return Claim(
        f"4.3, {bits} bits in one qubit",
        "a sequence of n bits can be stored using only one quantum bit",
        f"one qubit yields at most 1 bit; {bits} bits are read from it right with probability at most {best:.4g}",
        "Holevo: the bits that can be read are at most the entropy of the mean state, one a qubit. Nayak: the odds.",
        None,
        None,
    )


def claims() -> tuple[Claim, ...]:
    """All of them, in the paper's order."""
    rows = tuple(table_2(qubits) for qubits in TABLE_2_ROWS)
    return equation_9(), equation_10(), equation_11(), one_qubit(4), figure_5(), *rows


def recovery_probability(bits: int, qubits: int) -> float:
    """Best probability of reading back ``bits`` random bits from ``qubits`` qubits: 2^(qubits - bits), at most 1."""
    return 2.0 ** min(qubits - bits, 0)


def holevo_bits(states: NDArray[np.complex128]) -> float:
    """Holevo's bound on the bits that equally likely pure states, one a row, carry: entropy of their mean, in bits."""
    mean = np.einsum("ij,ik->jk", states, states.conj()) / len(states)
    weights = np.linalg.eigvalsh(mean)
    weights = weights[weights > 1e-15]
    return float(-(weights * np.log2(weights)).sum())


def _example_as_printed(second: int) -> Vector:
    """0.707 at index 0 and at ``second``, as Fig. 5 rounds it."""
    vector = np.zeros(16, complex)
    vector[[0, second]] = 0.707
    return vector

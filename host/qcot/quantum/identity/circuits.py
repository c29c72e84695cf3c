"""The circuits of a validation: one pair each, of two qubits and whatever an attacker adds.

Qubit 0 stays with the verifier, qubit 1 travels. Classical bits 0 and 1 are the pair's; an attacker's follow.
Barriers stand where a half changes hands: a transpiler that saw the whole would cancel the preparation of a pair
against its Bell measurement, and no link would be left to be noisy.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from qcot.quantum.backends import MAX_SEED, load_qiskit, run_circuits
from qcot.quantum.identity.messages import Basis, Symbol

if TYPE_CHECKING:
    from collections.abc import Callable

    from qiskit import QuantumCircuit

    from qcot.quantum.attacks.records import Attack
    from qcot.quantum.backends import Backend

PAULIS: tuple[str, ...] = ("I", "Z", "X", "XZ")
"""By symbol 0 to 3, the bits 00, 01, 10, 11."""
BELL_STATES: tuple[str, ...] = ("Phi+", "Phi-", "Psi+", "Psi-")
"""What each symbol's Pauli on the travelling half makes of Phi+ (QUMA eq. 12, 14, 13, 15)."""

Setting = TypeVar("Setting", bound=Hashable)


@dataclass(frozen=True)
class Outcomes:
    """What was measured on pairs, in their order, as two bits a pair: 2 * bit 1 + bit 0; and what ran it."""

    values: tuple[int, ...]
    backend: str


@lru_cache(maxsize=64)
def check_circuit(basis: Basis, attack: Attack | None = None) -> QuantumCircuit:
    """A pair Phi+ whose halves are both measured in ``basis``: without an attack or noise, the two bits are equal."""
    circuit = _pair(attack)
    _attacked(circuit, attack, "way")
    if basis == "X":
        circuit.h([0, 1])
    circuit.measure([0, 1], [0, 1])
    return circuit


@lru_cache(maxsize=64)
def bell_circuit(symbol: Symbol, attack: Attack | None = None) -> QuantumCircuit:
    """A pair Phi+ whose travelling half the prover turns by the symbol's Pauli; then it is measured in the Bell basis.

    Bit 0 is then the phase, bit 1 the parity, so that 2 * bit 1 + bit 0 is the symbol.
    """
    circuit = _pair(attack)
    _attacked(circuit, attack, "way")
    if attack is None or attack.place == "way":
        encode(circuit, symbol, 1)
    _attacked(circuit, attack, "encoding")
    circuit.barrier()
    circuit.cx(0, 1)
    circuit.h(0)
    circuit.measure([0, 1], [0, 1])
    return circuit


def encode(circuit: QuantumCircuit, symbol: Symbol, qubit: int) -> None:
    """Append the symbol's Pauli; for 3 it is Z, then X."""
    if symbol & 1:
        circuit.z(qubit)
    if symbol & 2:
        circuit.x(qubit)


def measure_checks(
    bases: Sequence[Basis], seed: int, attack: Attack | None = None, backend: Backend | None = None
) -> Outcomes:
    """Both ends' results for one pair a basis: the prover's in bit 1, the verifier's in bit 0."""
    return _measure(bases, lambda basis: check_circuit(basis, attack), seed, backend)


def measure_bell(
    symbols: Sequence[Symbol], seed: int, attack: Attack | None = None, backend: Backend | None = None
) -> Outcomes:
    """The Bell state that the verifier finds, as a symbol, for one pair a symbol encoded."""
    return _measure(symbols, lambda symbol: bell_circuit(symbol, attack), seed, backend)


def pair_counts(counts: Mapping[str, int]) -> Counter[int]:
    """Counts of a circuit's pair alone, 2 * bit 1 + bit 0, whatever the attacker found."""
    found: Counter[int] = Counter()
    for bits, times in counts.items():
        found[int(bits[-2:], 2)] += times
    return found


def deal(counts: Mapping[str, int], wanted: int, random: np.random.Generator) -> list[int]:
    """``wanted`` of a circuit's pairs, in random order.

    The shots of one circuit are alike, so their counts in a random order are as good as the order they came in.
    """
    found = pair_counts(counts)
    dealt: list[int] = random.permutation(np.repeat(list(found), list(found.values())))[:wanted].tolist()
    return dealt


def _measure(
    settings: Sequence[Setting],
    circuit: Callable[[Setting], QuantumCircuit],
    seed: int,
    backend: Backend | None,
) -> Outcomes:
    """One job: a circuit for each setting that occurs, a shot for each pair that has it.

    All circuits of a job run equally often; of those with fewer pairs the shots left over are not used.
    """
    random = np.random.default_rng(seed)
    wanted = Counter(settings)
    run = run_circuits(
        [circuit(setting) for setting in wanted], max(wanted.values()), int(random.integers(MAX_SEED)), backend
    )
    dealt = {
        setting: iter(deal(counts, wanted[setting], random)) for setting, counts in zip(wanted, run.counts, strict=True)
    }
    return Outcomes(tuple(next(dealt[setting]) for setting in settings), run.backend)


def _pair(attack: Attack | None) -> QuantumCircuit:
    load_qiskit()
    from qiskit import QuantumCircuit

    own = (attack.qubits, attack.bits) if attack else (0, 0)
    circuit = QuantumCircuit(2 + own[0], 2 + own[1])
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.barrier()
    return circuit


def _attacked(circuit: QuantumCircuit, attack: Attack | None, place: str) -> None:
    if attack is not None and attack.place == place:
        attack.touch(circuit, attack.angle or 0.0)
        circuit.barrier()

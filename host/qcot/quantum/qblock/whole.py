"""Checks of a whole chain in one job of three circuits: by inversion, and of every block by the two colours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from qcot.errors import QcotError
from qcot.quantum.backends import load_qiskit, run_circuits
from qcot.quantum.qblock.chain import Chain, Int64, require_same_length
from qcot.quantum.qblock.closed import COLOURS, ClosedForm
from qcot.quantum.qblock.problems import CHAIN_TOO_LONG

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

    from qcot.quantum.backends import Backend, Counts
    from qcot.quantum.statistics import Estimate

MAX_RUN_BLOCKS = 5000
"""100 shots of so many take Aer's matrix product states some 20 s, and rather more than linearly more of more."""


@dataclass(frozen=True, eq=False)
class ChainCheck:
    """What the checks of a whole chain ran and counted.

    ``zeros``: shots of the inversion that gave all zeros. ``detected``: times each block gave 1 when its colour was
    checked, shape (n,). ``silent``: shots of each colour in which no block gave 1.
    """

    backend: str
    shots: int
    seed: int
    seconds: float
    zeros: int
    detected: Int64
    silent: tuple[int, ...]


def prepare_circuit(chain: Chain) -> QuantumCircuit:
    """|Q_n>: H, P(theta) on each block, CP(phi) from each to the next; oldest on qubit 0."""
    _require_runnable(chain)
    load_qiskit()
    from qiskit import QuantumCircuit

    circuit = QuantumCircuit(len(chain), name="qblocks")
    circuit.h(range(len(chain)))
    _turn(circuit, chain, 1)
    return circuit


def inverse_circuit(prepared: Chain, expected: Chain) -> QuantumCircuit:
    """Prepare ``prepared``, undo ``expected``: CP(-phi), P(-theta), H, all measured; all zeros if they are the same."""
    circuit = _prepared_and_turned_back(prepared, expected)
    circuit.h(range(len(prepared)))
    circuit.measure_all()
    return circuit


def colour_circuit(prepared: Chain, expected: Chain, colour: int) -> QuantumCircuit:
    """Check the blocks of one colour (0 even, 1 odd) while their neighbours are measured in Z.

    The same as the inversion but for H, which only the checked blocks get: each is a local check of its own. CP and P
    are diagonal, so that what is undone on a neighbour changes nothing of what Z finds there.
    """
    circuit = _prepared_and_turned_back(prepared, expected)
    circuit.h(range(colour, len(prepared), len(COLOURS)))
    circuit.measure_all()
    return circuit


def run_chain_check(
    prepared: Chain, expected: Chain, shots: int, seed: int, backend: Backend | None = None
) -> ChainCheck:
    """Run the check by inversion and both colours of the local check in one job, each ``shots`` times.

    Raises QcotError for chains of different lengths, too long for circuits or for the backend, on bad shots or seed,
    and when the backend fails.
    """
    colours = range(min(len(prepared), len(COLOURS)))
    circuits = [inverse_circuit(prepared, expected), *(colour_circuit(prepared, expected, c) for c in colours)]
    run = run_circuits(circuits, shots, seed, backend)
    inverse, *coloured = run.counts
    detected = np.zeros(len(prepared), np.int64)
    silent = []
    for colour, seen in zip(colours, coloured, strict=True):
        ones, quiet = _ones(seen, colour)
        detected[colour :: len(COLOURS)] = ones
        silent.append(quiet)
    zeros = inverse.get("0" * len(prepared), 0)
    return ChainCheck(run.backend, shots, seed, run.seconds, zeros, detected, tuple(silent))


def compare(check: ChainCheck, theory: ClosedForm) -> tuple[Estimate, ...]:
    """How often a shot showed anything: by inversion, then in each colour; beside theory, which knows no noise."""
    from qcot.quantum.statistics import proportion

    coloured = zip(COLOURS, check.silent, theory.colours, strict=False)
    return (
        proportion("by inversion", check.shots - check.zeros, check.shots, theory.detection),
        *(proportion(f"local, {name} blocks", check.shots - n, check.shots, p) for name, n, p in coloured),
    )


def _ones(seen: Counts, colour: int) -> tuple[Int64, int]:
    """How often each block of a colour gave 1, and how often none did."""
    width = len(next(iter(seen)))
    bits = np.frombuffer("".join(seen).encode(), np.uint8).reshape(len(seen), width)[:, ::-1] == ord("1")
    times = np.fromiter(seen.values(), np.int64)
    checked = bits[:, colour :: len(COLOURS)]
    return times @ checked, int(times[~checked.any(axis=1)].sum())


def _prepared_and_turned_back(prepared: Chain, expected: Chain) -> QuantumCircuit:
    require_same_length(prepared, expected)
    circuit = prepare_circuit(prepared)
    circuit.barrier()  # or a transpiler cancels what is prepared against what is checked
    _turn(circuit, expected, -1)
    return circuit


def _turn(circuit: QuantumCircuit, chain: Chain, sign: int) -> None:
    """P(sign theta) on each block, CP(sign phi) on each link."""
    for at, angle in enumerate((sign * chain.theta).tolist()):
        circuit.p(angle, at)
    for at, angle in enumerate((sign * chain.phi).tolist()):
        circuit.cp(angle, at, at + 1)


def _require_runnable(chain: Chain) -> None:
    if len(chain) > MAX_RUN_BLOCKS:
        raise QcotError(CHAIN_TOO_LONG, f"{len(chain):,} Qblocks are more than {MAX_RUN_BLOCKS:,}")

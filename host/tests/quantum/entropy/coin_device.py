"""A real Qiskit device whose coins are what a test makes them: stuck, biased, alternating, or sound."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit
from qiskit.circuit import Measure
from qiskit.circuit.library import HGate
from qiskit.providers import BackendV2, JobStatus, JobV1, Options
from qiskit.result import Result
from qiskit.transpiler import Target

Bits = NDArray[np.uint8]
Maker = Callable[[int, np.random.Generator], Bits]
"""From a number of shots to that many rows of bits, one a qubit."""


class Done(JobV1):
    """A job that has ended."""

    def __init__(self, backend: BackendV2, result: Result) -> None:
        super().__init__(backend, "1")
        self._result = result

    def submit(self) -> None: ...

    def result(self) -> Result:
        return self._result

    def status(self) -> JobStatus:
        return JobStatus.DONE


class CoinDevice(BackendV2):
    """Gives ``make``'s bits to whatever circuit it is asked to run."""

    def __init__(self, width: int, make: Maker) -> None:
        super().__init__(name="coins")
        self.make = make
        self.random = np.random.default_rng(1)
        self._target = Target(num_qubits=width)
        self._target.add_instruction(HGate(), {(qubit,): None for qubit in range(width)})
        self._target.add_instruction(Measure(), {(qubit,): None for qubit in range(width)})

    @property
    def target(self) -> Target:
        return self._target

    @property
    def max_circuits(self) -> None:
        return None

    @classmethod
    def _default_options(cls) -> Options:
        return Options()

    def run(self, run_input: list[QuantumCircuit], *, shots: int, memory: bool) -> Done:
        assert memory
        results: list[dict[str, Any]] = []
        for circuit in run_input:
            rows = self.make(shots, self.random)
            taken = [hex(int("".join(map(str, row[::-1])), 2)) for row in rows.tolist()]
            results.append(
                {
                    "shots": shots,
                    "success": True,
                    "data": {"counts": dict(Counter(taken)), "memory": taken},
                    "header": {"memory_slots": circuit.num_clbits, "creg_sizes": [["c", circuit.num_clbits]]},
                }
            )
        return Done(
            self, Result.from_dict({"backend_name": "coins", "job_id": "1", "success": True, "results": results})
        )


def sound(shots: int, random: np.random.Generator, width: int = 8) -> Bits:
    return random.integers(0, 2, (shots, width), np.uint8)


def one_qubit(fault: Callable[[Bits], Bits], qubit: int = 3) -> Maker:
    """All sound but ``qubit``, whose bits go through ``fault``."""

    def make(shots: int, random: np.random.Generator) -> Bits:
        rows = sound(shots, random)
        rows[:, qubit] = fault(rows[:, qubit])
        return rows

    return make


def after(shots_before: int, fault: Maker) -> Maker:
    """Sound for so many shots, then ``fault``."""
    given = 0

    def make(shots: int, random: np.random.Generator) -> Bits:
        nonlocal given
        given += shots
        return sound(shots, random) if given <= shots_before else fault(shots, random)

    return make

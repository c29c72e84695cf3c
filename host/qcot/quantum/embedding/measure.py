"""Prepare a data set, measure it, and hold the counts to the amplitudes."""

from __future__ import annotations

from dataclasses import dataclass

from qcot.quantum.backends import Backend, RunResult, run_circuits
from qcot.quantum.embedding.circuits import dataset_circuit, measured
from qcot.quantum.embedding.dataset import DataSet
from qcot.quantum.statistics import Estimate, proportion


@dataclass(frozen=True)
class Measurement:
    """How often each record was measured, beside times / K; ``strangers`` are shots that gave no record of the set."""

    data: DataSet
    records: tuple[Estimate, ...]
    strangers: int
    run: RunResult


def measure(data: DataSet, shots: int = 1024, seed: int = 0, backend: Backend | None = None) -> Measurement:
    """Prepare ``data`` and measure it ``shots`` times."""
    run = run_circuits([measured(dataset_circuit(data))], shots, seed, backend)
    (seen,) = run.counts
    total = sum(data.times.values())
    found = [proportion(record, seen.get(record, 0), shots, times / total) for record, times in data.times.items()]
    strangers = sum(times for bits, times in seen.items() if bits not in data.times)
    return Measurement(data, tuple(found), strangers, run)

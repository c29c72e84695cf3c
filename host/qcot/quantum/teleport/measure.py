"""Run a chain's circuits and set what was measured beside the closed forms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from qcot.quantum.backends import Backend, run_circuits
from qcot.quantum.statistics import Estimate, proportion
from qcot.quantum.teleport.chain import Chain, Prediction, predict
from qcot.quantum.teleport.circuits import INPUTS, supports_feed_forward, teleport_circuit


@dataclass(frozen=True)
class Measurement:
    """Fidelity of teleported qubits: ``mean`` over all states, and ``axes`` by the axis that they lie on."""

    prediction: Prediction
    mean: Estimate
    axes: tuple[Estimate, ...]
    backend: str
    shots: int
    """Of each of the six input states."""
    seed: int
    seconds: float


def measure(chain: Chain, shots: int, seed: int, backend: Backend | None = None) -> Measurement:
    """Teleport each of the six input states ``shots`` times over ``chain``.

    Theory stands beside it where gates are perfect, on the ideal simulator; another backend adds its own noise.
    """
    predicted = predict(chain)
    feed_forward = supports_feed_forward(backend)
    circuits = [teleport_circuit(predicted, state, undo=True, feed_forward=feed_forward) for state in INPUTS]
    run = run_circuits(circuits, shots, seed, backend)
    kept = [read(counts)[0] for counts in run.counts]
    ideal = backend is None
    theory = axis_fidelities(predicted)
    axes = []
    for axis, expected in theory.items():
        both = [count for state, count in zip(INPUTS, kept, strict=True) if state.axis == axis]
        axes.append(proportion(f"states along {axis}", sum(both), len(both) * shots, expected if ideal else None))
    mean = proportion("mean over all states", sum(kept), len(kept) * shots, predicted.fidelity if ideal else None)
    return Measurement(predicted, mean, tuple(axes), run.backend, shots, seed, run.seconds)


def axis_fidelities(prediction: Prediction) -> dict[str, float]:
    """Fidelity of a state along each axis: (1 + w^k)/2 on Z, which dephasing spares, (1 + w^k Lambda)/2 on X and Y."""
    correlation = prediction.chain.werner**prediction.chain.hops
    kept = {"X": prediction.coherence, "Y": prediction.coherence, "Z": 1.0}
    return {axis: (1 + correlation * factor) / 2 for axis, factor in kept.items()}


def read(counts: Mapping[str, int]) -> tuple[int, int]:
    """How often the receiver measured 0 and 1, whatever the Bell measurements gave."""
    zeros = sum(times for bits, times in counts.items() if bits[-1] == "0")
    return zeros, sum(counts.values()) - zeros

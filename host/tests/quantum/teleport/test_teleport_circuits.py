"""Teleportation as it runs: perfect links lose nothing, noisy ones what theory says, and every state arrives."""

import math

import pytest
from qcot.errors import QcotError
from qcot.quantum.backends import named_backend, run_circuits
from qcot.quantum.statistics import Estimate, binomial_bounds
from qcot.quantum.teleport import INPUTS, Chain, measure, predict, teleport_circuit
from qcot.quantum.teleport.circuits import supports_feed_forward
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.quantum_info import DensityMatrix, Statevector, partial_trace

PERFECT = [Chain(hops, 0, fidelity=1, t2_ms=math.inf) for hops in (1, 2, 3, 6)]


def within(estimate: Estimate, theory: float) -> bool:
    low, high = binomial_bounds(estimate.samples, theory)
    return low <= round(estimate.measured * estimate.samples) <= high


@pytest.mark.parametrize("feed_forward", [True, False])
@pytest.mark.parametrize("chain", PERFECT, ids=lambda chain: f"{chain.hops} hops")
def test_perfect_links_deliver_every_state_untouched(chain: Chain, feed_forward: bool) -> None:
    circuits = [teleport_circuit(predict(chain), each, undo=True, feed_forward=feed_forward) for each in INPUTS]
    for counts in run_circuits(circuits, 20, 3).counts:
        assert {bits[-1] for bits in counts} == {"0"}


@pytest.mark.parametrize("state", INPUTS, ids=lambda state: state.name)
def test_without_feed_forward_the_receiver_holds_the_state_itself(state: object) -> None:
    circuit = teleport_circuit(predict(PERFECT[1]), state, undo=False, feed_forward=False)  # type: ignore[arg-type]
    circuit.remove_final_measurements()
    received = partial_trace(Statevector(circuit), [0, 1, 2, 3, 5, 6])
    wanted = {"0": "0", "1": "1", "+": "+", "-": "-", "+i": "r", "-i": "l"}[state.name]  # type: ignore[attr-defined]
    assert received == DensityMatrix.from_label(wanted)


@pytest.mark.parametrize(
    "chain",
    [
        Chain(1, 50, 0.9, 1),
        Chain(2, 100, 0.95, 5),
        Chain(4, 100, 0.95, 3),
        Chain(3, 30, 0.25, 1),
        Chain(2, 100, 1, 0.5),
    ],
    ids=str,
)
def test_measured_fidelity_is_the_closed_form(chain: Chain) -> None:
    found = measure(chain, 250, 11)
    assert within(found.mean, found.prediction.fidelity)
    assert [each.name[-1] for each in found.axes] == ["X", "Y", "Z"]
    assert found.mean.agrees
    for axis in found.axes:
        assert axis.theory is not None
        assert within(axis, axis.theory)
    assert (found.shots, found.seed, found.backend) == (250, 11, "aer_simulator_statevector")


def test_deferred_correction_loses_as_much_as_feed_forward() -> None:
    predicted = predict(Chain(3, 60, 0.93, 2))
    circuits = [teleport_circuit(predicted, each, undo=True, feed_forward=False) for each in INPUTS]
    run = run_circuits(circuits, 250, 2)
    kept = sum(times for counts in run.counts for bits, times in counts.items() if bits[-1] == "0")
    low, high = binomial_bounds(1_500, predicted.fidelity)
    assert low <= kept <= high


def test_dephasing_spares_the_poles_and_takes_the_equator() -> None:
    found = measure(Chain(2, 100, fidelity=1, t2_ms=0.05), 300, 1)
    x, y, z = found.axes
    assert z.measured == 1
    assert max(x.measured, y.measured) < 0.65


def test_width_does_not_grow_with_hops() -> None:
    widths = {hops: teleport_circuit(predict(Chain(hops)), INPUTS[0], undo=True).num_qubits for hops in (1, 2, 9, 32)}
    assert widths == {1: 5, 2: 7, 9: 7, 32: 7}


def test_a_device_that_cannot_act_on_measurements_runs_it_deferred() -> None:
    device = GenericBackendV2(5, seed=1)
    assert not supports_feed_forward(device)
    assert supports_feed_forward(GenericBackendV2(5, seed=1, control_flow=True))
    found = measure(Chain(1, 10, fidelity=1), 50, 1, device)
    assert found.backend == device.name
    assert found.mean.theory is None
    assert found.mean.measured > 0.8


def test_a_noisy_device_adds_its_own_errors() -> None:
    chain = Chain(1, 0, fidelity=1, t2_ms=math.inf)
    assert measure(chain, 100, 1, named_backend("noisy")).mean.measured < 1
    assert measure(chain, 100, 1).mean.measured == 1


def test_shots_that_are_none_are_refused() -> None:
    with pytest.raises(QcotError, match="quantum-shots"):
        measure(Chain(), 0, 1)

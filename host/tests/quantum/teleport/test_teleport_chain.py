"""Closed forms of repeater chains against sampled waiting times, density matrices and known limits."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qcot.errors import QcotError
from qcot.quantum.teleport import CLASSICAL_LIMIT, Chain, Prediction, predict, sweep

PAULIS = {
    "I": np.eye(2),
    "X": np.array([[0, 1], [1, 0]]),
    "Y": np.array([[0, -1j], [1j, 0]]),
    "Z": np.diag([1, -1]),
}
PHI = np.outer([1, 0, 0, 1], [1, 0, 0, 1]) / 2

CHAINS = st.builds(
    Chain,
    hops=st.integers(1, 12),
    distance_km=st.floats(0, 500),
    fidelity=st.floats(0.25, 1),
    t2_ms=st.floats(0.01, 1e6) | st.just(math.inf),
    loss_db_km=st.floats(0, 1),
    efficiency=st.floats(0.01, 1),
)


def perfect(**changes: float) -> Chain:
    return dataclasses.replace(Chain(t2_ms=math.inf), **changes)


@pytest.mark.parametrize("hops", [1, 2, 3, 5, 8])
@pytest.mark.parametrize("fidelity", [1.0, 0.98, 0.9, 0.25])
def test_swapped_werner_pairs_have_parameter_w_to_the_k(hops: int, fidelity: float) -> None:
    w = (4 * fidelity - 1) / 3
    found = predict(perfect(hops=hops, fidelity=fidelity))
    assert found.pair_fidelity == pytest.approx((1 + 3 * w**hops) / 4)
    assert found.fidelity == pytest.approx((1 + w**hops) / 2)
    assert found.bit_error == pytest.approx((1 - w**hops) / 2)


def test_the_classical_limit_is_where_the_end_to_end_pair_has_fidelity_one_half() -> None:
    at = predict(perfect(hops=1, fidelity=0.5))
    assert at.fidelity == pytest.approx(CLASSICAL_LIMIT)
    assert predict(perfect(hops=1, fidelity=0.5001)).beats_classical
    assert not predict(perfect(hops=1, fidelity=0.4999)).beats_classical


@pytest.mark.parametrize(
    "chain",
    [
        Chain(1, 80, t2_ms=1),
        Chain(2, 100, t2_ms=10),
        Chain(4, 100, t2_ms=2),
        Chain(7, 210, t2_ms=5),
        Chain(3, 0, t2_ms=1),
        Chain(5, 50, t2_ms=1, efficiency=1, loss_db_km=0),
    ],
    ids=str,
)
def test_waiting_is_what_sampling_the_attempts_gives(chain: Chain) -> None:
    size = 100_000
    tries = np.random.default_rng(4).geometric(chain.success, (size, chain.hops))
    last = tries.max(axis=1)
    waited = (last[:, None] - tries).sum(axis=1) * chain.attempt_ms
    news = chain.distance_km / 200
    coherence = np.exp(-(2 * waited + 2 * chain.hops * chain.attempt_ms + news) / chain.t2_ms)
    found = predict(chain)
    for theory, samples in ((found.attempts, last), (found.coherence, coherence)):
        assert abs(theory - samples.mean()) <= 5 * samples.std() / math.sqrt(size) + 1e-12


@pytest.mark.parametrize("chain", [Chain(1, 40, 0.9, 1), Chain(2, 40, 0.93, 1), Chain(3, 60, 0.95, 2)], ids=str)
def test_fidelity_is_that_of_the_density_matrix(chain: Chain) -> None:
    """Werner pairs swapped as matrices, dephased by the mean coherence, and a qubit teleported over what is left."""
    w = (4 * chain.fidelity - 1) / 3
    link = w * PHI + (1 - w) * np.eye(4) / 4
    pair = link
    for _ in range(chain.hops - 1):
        pair = swapped(pair, link)
    kept = predict(chain).coherence
    z = np.kron(np.eye(2), PAULIS["Z"])
    pair = (1 + kept) / 2 * pair + (1 - kept) / 2 * z @ pair @ z
    assert np.trace(pair @ PHI).real == pytest.approx(predict(chain).pair_fidelity)
    haar = np.random.default_rng(1).normal(size=(400, 2, 2)).view(np.complex128)[..., 0]
    states = haar / np.linalg.norm(haar, axis=1, keepdims=True)
    got = [float((state.conj() @ teleported(pair, state) @ state).real) for state in states]
    assert np.mean(got) == pytest.approx(predict(chain).fidelity, abs=5 * np.std(got) / math.sqrt(len(got)) + 1e-9)


def bell(name: str) -> np.ndarray:
    return np.kron(np.eye(2), PAULIS[name]) @ np.array([1, 0, 0, 1]) / math.sqrt(2)


def swapped(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Qubits a b | c d: b and c measured in the Bell basis, d corrected."""
    whole = np.kron(left, right)
    out = np.zeros((4, 4), complex)
    for name, pauli in PAULIS.items():
        project = np.kron(np.kron(np.eye(2), bell(name).conj()[None, :]), np.eye(2))
        fix = np.kron(np.eye(2), pauli)
        out += fix @ project @ whole @ project.conj().T @ fix.conj().T
    return out


def teleported(pair: np.ndarray, state: np.ndarray) -> np.ndarray:
    whole = np.kron(np.outer(state, state.conj()), pair)
    out = np.zeros((2, 2), complex)
    for name, pauli in PAULIS.items():
        project = np.kron(bell(name).conj()[None, :], np.eye(2))
        out += pauli @ project @ whole @ project.conj().T @ pauli.conj().T
    return out


@settings(max_examples=40)
@given(CHAINS)
def test_every_prediction_is_a_probability_and_fidelity_follows_from_the_pair(chain: Chain) -> None:
    found = predict(chain)
    assert 0 <= found.coherence <= 1
    assert 0.25 - 1e-9 <= found.pair_fidelity <= 1
    assert found.fidelity == pytest.approx((2 * found.pair_fidelity + 1) / 3)
    assert found.attempts >= 1
    assert 0 <= found.bit_error <= 0.5


@settings(max_examples=40)
@given(CHAINS, st.floats(1.01, 10))
def test_a_better_memory_never_hurts_and_spares_classical_bits(chain: Chain, factor: float) -> None:
    better = predict(dataclasses.replace(chain, t2_ms=chain.t2_ms * factor))
    now = predict(chain)
    assert better.fidelity >= now.fidelity - 1e-12
    assert better.bit_error == now.bit_error


def values(found: tuple[Prediction, ...]) -> list[float]:
    return [each.fidelity for each in found]


def test_fidelity_falls_with_distance_with_hops_and_with_memory_noise() -> None:
    for name, worse in (("distance_km", [0, 10, 50, 100, 300]), ("hops", [1, 2, 4, 8]), ("t2_ms", [1e3, 100, 10, 1])):
        found = values(sweep(Chain(distance_km=0) if name == "hops" else Chain(), name, worse))
        assert found == sorted(found, reverse=True)
        assert len(set(found)) == len(found)


def test_repeaters_buy_rate_with_fidelity() -> None:
    one, two, eight = sweep(Chain(distance_km=200, t2_ms=1e4), "hops", [1, 2, 8])
    assert one.pairs_per_second < two.pairs_per_second < eight.pairs_per_second
    assert one.fidelity > two.fidelity > eight.fidelity


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"hops": 0}, "teleport-hops"),
        ({"hops": 33}, "teleport-hops"),
        ({"hops": 2.0}, "teleport-hops"),
        ({"hops": True}, "teleport-hops"),
        ({"fidelity": 0.2}, "teleport-fidelity"),
        ({"fidelity": 1.01}, "teleport-fidelity"),
        ({"fidelity": math.nan}, "teleport-fidelity"),
        ({"distance_km": -1}, "teleport-distance"),
        ({"distance_km": math.inf}, "teleport-distance"),
        ({"distance_km": 2_000}, "teleport-distance"),
        ({"distance_km": 1_900, "loss_db_km": 10}, "teleport-distance"),
        ({"t2_ms": 0}, "teleport-t2"),
        ({"t2_ms": math.nan}, "teleport-t2"),
        ({"loss_db_km": -0.1}, "teleport-link"),
        ({"efficiency": 0}, "teleport-link"),
        ({"efficiency": 1.1}, "teleport-link"),
    ],
)
def test_a_chain_that_cannot_be_is_refused_by_name(changes: dict[str, float], name: str) -> None:
    with pytest.raises(QcotError) as caught:
        dataclasses.replace(Chain(), **changes)
    assert caught.value.problem.name == name


def test_only_what_a_chain_has_can_be_swept() -> None:
    with pytest.raises(QcotError, match="teleport-sweep"):
        sweep(Chain(), "colour", [1])

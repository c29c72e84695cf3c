"""The sampler against Qiskit's circuits, photon by photon, and against the closed forms of a link."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qcot.errors import QcotError
from qcot.quantum.backends import run_circuits
from qcot.quantum.qkd import LinkParameters
from qcot.quantum.qkd.circuits import pair, photon
from qcot.quantum.qkd.photons import CHUNK, MAX_PHOTONS, Sifted, transmit
from qcot.quantum.qkd.protocols import BB84, E91, EVE_ANGLES, PROTOCOLS, Protocol, named_protocol
from qcot.quantum.statistics import binomial_bounds

NOISY = LinkParameters(misalignment=0.03, depolarizing=0.2)
EVES = (None, *range(len(EVE_ANGLES)))
SHOTS = 800
TESTS = 64
"""Bounds are checked as often in a test, so each gets its share of the false alarms."""


def sent(protocol: Protocol, photons: int, link: LinkParameters, seed: int = 1) -> Sifted:
    random = np.random.Generator(np.random.SFC64(seed))
    return transmit(protocol, photons, link, random, random.bytes)


def within(successes: int, trials: int, probability: float) -> bool:
    low, high = binomial_bounds(trials, min(max(probability, 0.0), 1.0), 1e-6 / TESTS)
    return low <= successes <= high


def only(protocol: Protocol, sender: int, receiver: int) -> Protocol:
    """The same protocol with one setting at each end, whose outcomes are kept."""
    return Protocol("one", protocol.ends, (protocol.sender[sender],), (protocol.receiver[receiver],), ((0, 0),))


def test_a_photon_of_bb84_differs_as_often_as_its_circuit_says() -> None:
    """Both against the same probability: each state and basis, with noise, with and without Eve."""
    cases = [(bit, sender, receiver, eve) for bit in (0, 1) for sender in (0, 1) for receiver in (0, 1) for eve in EVES]
    found = run_circuits([photon(*case[:3], NOISY, case[3]) for case in cases], SHOTS, 2)
    theory = BB84.differ(NOISY)
    for (bit, sender, receiver, eve), counts in zip(cases, found.counts, strict=True):
        different = sum(times for bits, times in counts.items() if int(bits[-1]) != bit)
        assert within(different, SHOTS, theory[sender, 0 if eve is None else eve + 1, receiver])


def test_a_pair_of_e91_differs_as_often_as_its_circuit_says() -> None:
    cases = [(sender, receiver, eve) for sender in range(3) for receiver in range(3) for eve in EVES]
    found = run_circuits([pair(sender, receiver, NOISY, eve) for sender, receiver, eve in cases], SHOTS, 3)
    theory = E91.differ(NOISY)
    for (sender, receiver, eve), counts in zip(cases, found.counts, strict=True):
        different = sum(times for bits, times in counts.items() if bits[-1] != bits[-2])
        assert within(different, SHOTS, theory[sender, 0 if eve is None else eve + 1, receiver])


@pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=list(PROTOCOLS))
@pytest.mark.parametrize("eavesdropper", [0.0, 0.7])
def test_the_sampler_draws_from_the_circuits_probabilities(protocol: Protocol, eavesdropper: float) -> None:
    link = LinkParameters(misalignment=0.03, depolarizing=0.2, eavesdropper=eavesdropper, efficiency=1.0, dark_count=0)
    theory = protocol.differ(link)
    share = np.array([1 - eavesdropper, *[eavesdropper / len(EVE_ANGLES)] * len(EVE_ANGLES), 0.0])
    for sender in range(len(protocol.sender)):
        for receiver in range(len(protocol.receiver)):
            found = sent(only(protocol, sender, receiver), 20_000, link)
            different = int((found.sender ^ found.receiver).sum())
            assert within(different, len(found.sender), share @ theory[sender, :, receiver])


def differing(protocol: Protocol, link: LinkParameters, sender: int, receiver: int) -> float:
    """Probability that these settings' outcomes differ, whoever touched the photon."""
    touch = [1 - link.eavesdropper, *[link.eavesdropper / len(EVE_ANGLES)] * len(EVE_ANGLES), 0.0]
    clean = protocol.clean(link)
    return float(clean * (np.array(touch) @ protocol.differ(link)[sender, :, receiver]) + (1 - clean) / 2)


LINKS = (
    LinkParameters(),
    LinkParameters(distance_km=20, dark_count=0.01, misalignment=0.02),
    LinkParameters(distance_km=5, depolarizing=0.3, eavesdropper=0.5),
    LinkParameters(distance_km=0, efficiency=1, dark_count=0, misalignment=0, depolarizing=0),
    LinkParameters(distance_km=0, efficiency=0.01, dark_count=0.3),
)


@pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=list(PROTOCOLS))
@pytest.mark.parametrize("link", LINKS, ids=["default", "dark", "tapped", "perfect", "darkness"])
def test_rates_of_a_whole_run_are_those_of_the_closed_forms(protocol: Protocol, link: LinkParameters) -> None:
    found = sent(protocol, 200_000, link)
    assert within(found.detected, found.sent, protocol.coincidence(link))
    assert within(len(found.sender), found.detected, protocol.key_share)
    assert within(int((found.sender ^ found.receiver).sum()), len(found.sender), protocol.error_rate(link))
    assert within(int(found.sender.sum()), len(found.sender), 0.5)
    for (sender, receiver, _), (same, other) in zip(protocol.chsh, found.outcomes, strict=True):
        assert within(other, same + other, differing(protocol, link, sender, receiver))


def test_s_follows_the_error_rate_whatever_causes_it() -> None:
    """Of the four terms that the sampler draws from, not of the formula itself."""
    for link in LINKS:
        s = math.fsum(sign * (1 - 2 * differing(E91, link, *settings)) for *settings, sign in E91.chsh)
        q = np.mean([differing(E91, link, *settings) for settings in E91.key])
        assert q == pytest.approx(E91.error_rate(link))
        assert s == pytest.approx(2 * math.sqrt(2) * (1 - 2 * q)) == pytest.approx(E91.bell(link))


@settings(max_examples=30)
@given(st.integers(0, 2 * CHUNK // 1000), st.integers(0, 3))
def test_nothing_gets_lost_between_chunks_of_a_perfect_link(thousands: int, more: int) -> None:
    photons = max(1, thousands * 1000 + more)
    found = sent(BB84, photons, LINKS[3])
    assert (found.sent, found.detected) == (photons, photons)
    assert len(found.sender) == len(found.receiver)
    assert np.array_equal(found.sender, found.receiver)


def test_a_seed_gives_the_same_run_and_another_seed_another() -> None:
    runs = [sent(BB84, 5000, LinkParameters(), seed) for seed in (1, 1, 2)]
    assert np.array_equal(runs[0].sender, runs[1].sender)
    assert np.array_equal(runs[0].receiver, runs[1].receiver)
    assert not np.array_equal(runs[0].sender[:1000], runs[2].sender[:1000])


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("distance_km", -1),
        ("distance_km", 1001),
        ("attenuation_db_per_km", -0.1),
        ("efficiency", 1.5),
        ("dark_count", 0.6),
        ("misalignment", 0.51),
        ("depolarizing", float("nan")),
        ("eavesdropper", float("inf")),
    ],
)
def test_a_link_that_cannot_be_is_refused_by_name(member: str, value: float) -> None:
    with pytest.raises(QcotError, match=member) as caught:
        LinkParameters(**{member: value})
    assert caught.value.problem.name == "qkd-link"


def test_a_link_that_never_clicks_is_refused() -> None:
    with pytest.raises(QcotError, match="qkd-link"):
        LinkParameters(efficiency=0, dark_count=0)


@pytest.mark.parametrize("photons", [0, -1, MAX_PHOTONS + 1, 1.5, True])
def test_photons_that_cannot_be_sent_are_refused(photons: int) -> None:
    with pytest.raises(QcotError, match="qkd-photons"):
        sent(BB84, photons, LinkParameters())


def test_an_unknown_protocol_is_refused() -> None:
    with pytest.raises(QcotError, match="qkd-protocol"):
        named_protocol("b92")

"""Attacks on the simulator: what shows, counted, is what theory says, to one in a million."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from qcot.errors import QcotError
from qcot.quantum.attacks import ATTACKS, Attack, curve, detected_within, figure_12, measure, named_attack
from qcot.quantum.backends import named_backend
from qcot.quantum.statistics import Estimate, binomial_bounds

TESTED = [*ATTACKS.values(), named_attack("entangle-partial", 1.2)]


def require_theory(estimate: Estimate) -> None:
    assert estimate.theory is not None
    low, high = binomial_bounds(estimate.samples, estimate.theory)
    assert low <= round(estimate.measured * estimate.samples) <= high, estimate


@pytest.mark.parametrize("attack", TESTED, ids=lambda attack: f"{attack.name}-{attack.angle}")
def test_detection_counted_is_detection_in_theory(attack: Attack) -> None:
    found = measure(attack, 1_000, 3)
    assert found.z.theory == attack.detection_z
    for estimate, samples in ((found.z, 1_000), (found.x, 1_000), (found.check, 2_000), (found.bell, 4_000)):
        assert estimate.samples == samples
        require_theory(estimate)
    assert (found.backend, found.shots, found.seed) == ("aer_simulator_statevector", 1_000, 3)


def test_detection_over_pairs_grows_as_theory_says() -> None:
    found = curve(ATTACKS["entangle"], (1, 2, 5, 9), trials=400, seed=2)
    assert [point.pairs for point in found.points] == [1, 2, 5, 9]
    for point in found.points:
        assert point.check.theory == detected_within(1 / 4, point.pairs)
        assert point.bell.theory == detected_within(1 / 2, point.pairs)
        require_theory(point.check)
        require_theory(point.bell)


def test_figure_12_has_a_curve_for_each_kind_of_attack() -> None:
    curves = figure_12(trials=20, seed=1)
    assert len({each.attack.name for each in curves}) == len(curves) == 4
    for each in curves:
        measured = [point.bell.measured for point in each.points]
        assert measured == sorted(measured), "the same pairs serve all points, so more of them never show less"
        require_theory(each.points[-1].check)


def test_noise_of_the_backend_shows_beside_theory() -> None:
    found = measure(ATTACKS["outsider"], 2_000, 1, named_backend("noisy"))
    assert found.check.theory == 0
    assert found.check.measured > 0
    assert found.check.agrees is False


def test_a_seed_gives_the_same_counts_and_another_one_others() -> None:
    once, again, other = (measure(ATTACKS["substitution"], 500, seed) for seed in (1, 1, 2))
    assert (once.z, once.x, once.bell) == (again.z, again.x, again.bell)
    assert (once.z, once.x, once.bell) != (other.z, other.x, other.bell)


@pytest.mark.parametrize(
    ("pairs", "trials"), [((), 1), ((0,), 1), ((1001,), 1), ((1.5,), 1), ((1,), 0), ((1000,), 1001)]
)
def test_tests_out_of_range_are_refused(pairs: Sequence[int], trials: int) -> None:
    with pytest.raises(QcotError, match=r"^attack-tests: "):
        curve(ATTACKS["entangle"], pairs, trials)


def test_shots_and_seeds_that_are_none_are_refused() -> None:
    with pytest.raises(QcotError, match=r"^quantum-shots: "):
        measure(ATTACKS["entangle"], 0, 1)
    for ask in (lambda: measure(ATTACKS["entangle"], 1, -1), lambda: curve(ATTACKS["entangle"], (1,), 1, -1)):
        with pytest.raises(QcotError, match=r"^quantum-seed: "):
            ask()

"""The attacks' closed forms against density matrices that know nothing of our circuits."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qcot.errors import QcotError
from qcot.quantum.attacks import ATTACKS, Attack, detected_within, named_attack

Matrix = npt.NDArray[np.complex128]
ONE, X, Z = np.eye(2), np.array([[0, 1], [1, 0]]), np.diag([1, -1])
PHI = np.outer([1, 0, 0, 1], [1, 0, 0, 1]) / 2


def along(degrees: float) -> list[Matrix]:
    """Projectors of a measurement of spin-like states at that many degrees from |0>, in amplitudes."""
    turn = math.radians(degrees)
    one, other = np.array([math.cos(turn), math.sin(turn)]), np.array([-math.sin(turn), math.cos(turn)])
    return [np.outer(one, one), np.outer(other, other)]


def through(kraus: Sequence[Matrix]) -> Matrix:
    """Phi+ after these operators on the travelling half, the second."""
    return sum((np.kron(ONE, k) @ PHI @ np.kron(ONE, k).conj().T for k in kraus), np.zeros((4, 4)))  # type: ignore[return-value]


UNCHANGED = through([ONE])
MIXED = np.eye(4) / 4
TWIRLED = through([m / 2 for m in (ONE, X, Z, X @ Z)])
CHECKED_AND_BELL: dict[str, Callable[[float], tuple[Matrix, Matrix]]] = {
    "outsider": lambda _: (UNCHANGED, TWIRLED),
    "intercept-z": lambda _: (through(along(0)),) * 2,
    "intercept-x": lambda _: (through(along(45)),) * 2,
    "intercept-breidbart": lambda _: (through(along(22.5)),) * 2,
    "entangle": lambda _: (through([np.diag([1, 0]), np.diag([0, 1])]),) * 2,
    "entangle-partial": lambda v: (through([np.diag([1, math.cos(v)]), np.diag([0, math.sin(v)])]),) * 2,
    "substitution": lambda _: (MIXED,) * 2,
}
"""The pair's state at a check and at the Bell measurement, from each attack's definition."""


def differ(state: Matrix, observable: Matrix) -> float:
    """Probability that both ends find different values of it."""
    return float(1 - np.trace(np.kron(observable, observable) @ state).real) / 2


def require_theory(attack: Attack) -> None:
    checked, bell = CHECKED_AND_BELL[attack.name](attack.angle or 0.0)
    assert attack.detection_z == pytest.approx(differ(checked, Z), abs=1e-12)
    assert attack.detection_x == pytest.approx(differ(checked, X), abs=1e-12)
    assert attack.detection_bell == pytest.approx(1 - np.trace(PHI @ bell).real, abs=1e-12)


@pytest.mark.parametrize("name", ATTACKS)
def test_detection_is_what_the_density_matrix_gives(name: str) -> None:
    require_theory(ATTACKS[name])


@settings(max_examples=50)
@given(st.floats(0, math.pi / 2))
def test_partial_entangling_is_detected_as_its_angle_says(angle: float) -> None:
    attack = named_attack("entangle-partial", angle)
    require_theory(attack)
    assert attack.detection_check == pytest.approx((1 - math.cos(angle)) / 4)


def test_partial_entangling_at_a_right_angle_is_the_cnot_and_at_zero_nothing() -> None:
    full, none, cnot = named_attack("entangle-partial", math.pi / 2), named_attack("entangle-partial", 0.0), "entangle"
    assert full.detection_check == pytest.approx(ATTACKS[cnot].detection_check)
    assert full.detection_bell == pytest.approx(ATTACKS[cnot].detection_bell)
    assert (none.detection_check, none.detection_bell) == (0, 0)


@pytest.mark.parametrize(
    ("name", "check", "bell"),
    [
        ("outsider", 0, 3 / 4),
        ("intercept-z", 1 / 4, 1 / 2),
        ("intercept-x", 1 / 4, 1 / 2),
        ("intercept-breidbart", 1 / 4, 1 / 2),
        ("entangle", 1 / 4, 1 / 2),
        ("substitution", 1 / 2, 3 / 4),
    ],
)
def test_the_table_of_detections_per_pair(name: str, check: float, bell: float) -> None:
    assert (ATTACKS[name].detection_check, ATTACKS[name].detection_bell) == (check, bell)


def test_a_check_in_z_alone_is_blind_to_what_copies_z() -> None:
    blind = {name for name, attack in ATTACKS.items() if attack.detection_z == 0}
    assert blind == {"outsider", "intercept-z", "entangle", "entangle-partial"}


@given(st.floats(0, 1), st.integers(0, 1000))
def test_detection_over_n_pairs_is_one_minus_a_power(per_pair: float, tests: int) -> None:
    assert detected_within(per_pair, tests) == pytest.approx(1 - (1 - per_pair) ** tests, abs=1e-12)


def test_detection_over_many_pairs_keeps_the_small_ones() -> None:
    assert detected_within(1e-20, 1000) == pytest.approx(1e-17)


@pytest.mark.parametrize("angle", [-0.1, 1.6, math.nan, math.inf])
def test_an_angle_out_of_range_is_refused(angle: float) -> None:
    with pytest.raises(QcotError, match=r"^attack-angle: "):
        named_attack("entangle-partial", angle)


def test_an_angle_for_an_attack_without_one_and_an_unknown_name_are_refused() -> None:
    with pytest.raises(QcotError, match=r"^attack-angle: intercept-z has no angle"):
        named_attack("intercept-z", 0.5)
    with pytest.raises(QcotError, match=r"^attack-unknown: 'eve' is none of outsider, "):
        named_attack("eve")

"""`qcot quantum attack`: what it shows, and what it refuses."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from qcot.quantum.attacks import ATTACKS
from quantum_command import Run, program, quantum

__all__ = ["program", "quantum"]


def test_help_has_an_example_and_names_every_attack(quantum: Run) -> None:
    status, out, _ = quantum("attack", "--help")
    assert status == 0
    assert re.search(r"Example: .*qcot quantum attack", out)
    assert all(name in out for name in ATTACKS)


def test_all_attacks_are_measured_beside_theory(quantum: Run) -> None:
    status, out, _ = quantum("attack", "--shots", "300", "--json")
    assert status == 0
    found = json.loads(out)["attacks"]
    assert [each["name"] for each in found] == list(ATTACKS)
    for each in found:
        attack = ATTACKS[each["name"]]
        assert each["detection"]["check"]["theory"] == attack.detection_check
        assert each["detection"]["bell"]["theory"] == attack.detection_bell
        assert all(value["agrees"] and value["low"] <= value["high"] for value in each["detection"].values())
        assert (each["backend"], each["shots"], each["seed"]) == ("aer_simulator_statevector", 300, 1)


def test_one_attack_shows_its_circuit_the_papers_claim_and_what_is_right(quantum: Run, tmp_path: Path) -> None:
    picture = tmp_path / "attack.png"
    status, out, _ = quantum("attack", "entangle-partial", "--angle", "1.0", "--shots", "200", "--png", picture)
    assert status == 0
    assert "q_2:" in out
    assert "QUMA says" in out
    assert "corrected" in out
    assert "1.0000 radians" in out
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("eve",), "attack-unknown"),
        (("entangle-partial", "--angle", "2"), "attack-angle"),
        (("entangle-partial", "--angle", "-0.1"), "attack-angle"),
        (("entangle", "--angle", "1"), "attack-angle"),
        (("all", "--angle", "1"), "attack-angle"),
        (("entangle", "--shots", "0"), "quantum-shots"),
        (("entangle", "--seed", "-1"), "quantum-seed"),
    ],
)
def test_bad_input_is_refused_by_name(quantum: Run, words: tuple[str, ...], problem: str) -> None:
    status, out, err = quantum("attack", *words)
    assert (status, out) == (1, "")
    assert err.startswith(f"{problem}: ")
    assert "what to do: " in err


@pytest.mark.parametrize("name", ["block", "link", "tail"])
def test_a_forgery_of_qblocks_is_measured_beside_theory_and_drawn(quantum: Run, name: str) -> None:
    status, out, _ = quantum("attack", name, "--shots", "300", "--json")
    assert status == 0
    (found,) = json.loads(out)["qblock_attacks"]
    assert found["name"] == name
    assert all(each["agrees"] and each["theory"] > 0 for each in found["detection"].values())
    status, out, _ = quantum("attack", name, "--shots", "64")
    assert status == 0
    assert "q_3:" in out
    assert "own check" in out


def test_a_forgery_of_qblocks_takes_no_angle(quantum: Run) -> None:
    status, _, err = quantum("attack", "tail", "--angle", "1")
    assert status == 1
    assert "attack-angle" in err

"""`qcot quantum validate`: each step is shown, an attack is refused, and so is what makes no sense."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from quantum_command import Run, program, quantum

__all__ = ["program", "quantum"]


def test_help_has_an_example(quantum: Run) -> None:
    status, out, _ = quantum("validate", "--help")
    assert status == 0
    assert re.search(r"Example: .*qcot quantum validate", out)


def test_an_honest_validation_shows_its_steps_circuit_and_burnt_key(quantum: Run, tmp_path: Path) -> None:
    picture = tmp_path / "pair.png"
    status, out, _ = quantum("validate", "--png", picture)
    assert status == 0
    for shown in (
        "q_1:",
        "verifier",
        "prover",
        "0 of 128 differ",
        "0 of 128 mismatch",
        "refused, key-used",
        "simulated",
    ):
        assert shown in out
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("attack", "problem"),
    [("outsider", "validation-identity-refused"), ("intercept-breidbart", "validation-channel-disturbed")],
)
def test_an_attack_is_refused(quantum: Run, attack: str, problem: str) -> None:
    status, out, _ = quantum("validate", "--attack", attack, "--json")
    assert status == 0, "the attack was asked for, and shown"
    (found,) = json.loads(out)["validations"]
    assert not found["accepted"]
    assert (found["attack"], found["problem"]) == (attack, problem)
    assert found["remedy"]
    assert found["reason"]


def test_sizes_and_bounds_follow_the_options(quantum: Run) -> None:
    words = ("--pairs", "12", "--checks", "8", "--tau", "0", "--shots", "3", "--record", "ab" * 32, "--json")
    status, out, _ = quantum("validate", *words)
    assert status == 0
    found = json.loads(out)
    assert (found["runs"], found["accepted"]) == (3, 3)
    for each in found["validations"]:
        assert (each["pairs"], each["checks"], each["tau"], each["record_hash"]) == (12, 8, 0, "ab" * 32)
    assert len({each["key_id"] for each in found["validations"]}) == 3


def test_noise_above_the_bound_is_a_refusal_with_a_name_and_status_1(quantum: Run) -> None:
    words = ("validate", "--backend", "noisy", "--checks", "512", "--tau", "0")
    status, out, err = quantum(*words)
    assert status == 1
    assert "of 512 differ, at most 0 may" in out
    assert err.startswith("validation-channel-disturbed: ")
    status, out, _ = quantum(*words, "--json")
    assert status == 1
    assert json.loads(out)["validations"][0]["problem"] == "validation-channel-disturbed"


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("--pairs", "0"), "validation-pairs"),
        (("--pairs", "129"), "validation-pairs"),
        (("--checks", "0"), "validation-checks"),
        (("--checks", "4097"), "validation-checks"),
        (("--tau", "128"), "validation-tau"),
        (("--tau", "-1"), "validation-tau"),
        (("--record", "ab"), "validation-record-hash"),
        (("--record", "zz"), "validation-record-hash"),
        (("--shots", "0"), "validation-runs"),
        (("--shots", "1001"), "validation-runs"),
        (("--seed", "-1"), "quantum-seed"),
        (("--attack", "eve"), "attack-unknown"),
        (("--attack", "entangle-partial", "--angle", "2"), "attack-angle"),
        (("--angle", "1"), "attack-angle"),
    ],
)
def test_bad_input_is_refused_by_name(quantum: Run, words: tuple[str, ...], problem: str) -> None:
    status, out, err = quantum("validate", *words)
    assert (status, out) == (1, "")
    assert err.startswith(f"{problem}: ")
    assert "what to do: " in err

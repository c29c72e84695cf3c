"""What every command of `qcot quantum` has in common: what it says of its run, what it refuses, how it fits a page."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import NoReturn

import pytest
from qcot.cli.common import out as console
from qcot.cli.quantum.group import TECHNIQUES
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit_aer import AerSimulator
from quantum_command import Run, program, quantum

__all__ = ["program", "quantum"]

QUICK = {
    "hash": ("--text", "a", "--backend", "ideal", "--steps", "1", "--shots", "100"),
    "embed": ("--shots", "9"),
    "qblock": ("--shots", "9"),
    "audit": ("--bits", "3", "--t", "1000", "--sweep", "1", "--shots", "9"),
    "validate": ("--pairs", "1", "--checks", "1"),
    "attack": ("intercept-z", "--shots", "9"),
    "qkd": ("--photons", "20000", "--shots", "9", "--eve", "0.1"),
    "entropy": ("--bytes", "1", "--shots", "1024"),
    "teleport": ("--message", "a", "--repeats", "1", "--shots", "9"),
    "simulate": ("--blocks", "1", "--records", "1", "--shots", "9"),
}
every_command = pytest.mark.parametrize("name", QUICK)


class Unknown(AerSimulator):
    """Somebody's backend, of whose kind nothing is known."""


class Vanishing(AerSimulator):
    """A backend that goes away with the first job that it is given."""

    def run(self, *_: object, **__: object) -> NoReturn:
        raise ConnectionError("the line went dead")


def tiny() -> GenericBackendV2:
    """A machine of one qubit."""
    return GenericBackendV2(1, basis_gates=["id", "rz", "sx", "x"])


def strict(text: str) -> dict[str, object]:
    """JSON as its standard has it: no NaN, no infinities."""

    def refuse(constant: str) -> float:
        raise ValueError(constant)

    found: dict[str, object] = json.loads(text, parse_constant=refuse)
    return found


def test_every_technique_is_held_to_them() -> None:
    assert set(QUICK) == set(TECHNIQUES)


@every_command
def test_json_is_strict_and_says_what_ran_it(quantum: Run, name: str) -> None:
    record = strict(quantum(name, *QUICK[name], "--seed", "5", "--json")[1])
    assert record["backend"] == "aer_simulator_statevector"
    assert record["simulation"] is True
    assert record["seed"] == 5
    assert isinstance(record["shots"], int)
    assert isinstance(record["seconds"], float)


@every_command
def test_a_page_of_80_columns_holds_it_and_says_what_ran_it(
    quantum: Run, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(console, "width", 80)
    _, shown, err = quantum(name, *QUICK[name], "--seed", "5")
    lines = (shown + err).splitlines()
    assert [line for line in lines if len(line) > 80] == []
    facts = {line.split("  ")[0]: line for line in lines}
    assert "aer_simulator_statevector, a simulation" in facts["ran on"]
    assert "5" in facts["seed"]
    assert {"shots", "seconds"} <= set(facts)


@every_command
@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("--shots", "0"), ""),
        (("--seed", "-1"), "quantum-seed"),
        (("--backend", "nonsense"), "quantum-backend-unknown"),
        (("--png", "here.jpg"), "picture-unwritable"),
        (("--png", "/no/such/folder/x.png"), "picture-unwritable"),
    ],
)
def test_nonsense_is_refused_before_anything_runs(
    quantum: Run, monkeypatch: pytest.MonkeyPatch, name: str, words: tuple[str, ...], problem: str
) -> None:
    monkeypatch.setattr(AerSimulator, "run", pytest.fail)
    status, out, err = quantum(name, *QUICK[name], *words)
    assert (status, out) == (1, "")
    assert err.startswith(problem)
    assert "what to do: " in err


@every_command
@pytest.mark.parametrize(
    ("backend", "problem"), [("Vanishing", "quantum-backend-gone"), ("tiny", "quantum-backend-too-small")]
)
def test_a_backend_that_goes_away_or_is_too_small_gives_its_name_and_no_result(
    quantum: Run, name: str, backend: str, problem: str
) -> None:
    status, out, err = quantum(name, *QUICK[name], "--backend", f"{__name__}:{backend}")
    if (name, backend) == ("entropy", "tiny"):  # tosses as many qubits as there are
        assert (status, err) == (0, "")
        return
    assert (status, out) == (1, "")
    assert err.startswith(f"{problem}: ")
    assert "what to do: " in err


def test_a_backend_that_does_not_tell_is_not_called_a_simulation(quantum: Run) -> None:
    words = ("embed", "--shots", "9", "--backend", f"{__name__}:Unknown")
    assert strict(quantum(*words, "--json")[1])["simulation"] is None
    assert "does not tell whether it simulates" in quantum(*words)[1]


def test_a_picture_of_what_has_no_circuit_is_said_not_to_be(quantum: Run, tmp_path: Path) -> None:
    status, _, err = quantum("embed", "--paper", "--png", tmp_path / "x.png")
    assert status == 0
    assert "no circuit to draw" in err
    assert not list(tmp_path.iterdir())


def test_json_has_null_for_what_is_no_number(quantum: Run) -> None:
    record = strict(quantum("teleport", *QUICK["teleport"], "--t2", "inf", "--json")[1])
    first = record["theory_by_hops"][0]  # type: ignore[index]
    assert first["t2_ms"] is None
    assert math.isfinite(first["wait_ms"])

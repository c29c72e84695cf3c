"""`qcot quantum embed` as people and machines use it."""

import json
from pathlib import Path

import pytest
from quantum_command import Run, program, quantum

__all__ = ["program", "quantum"]


def test_it_explains_itself_draws_and_measures_the_papers_example(quantum: Run, tmp_path: Path) -> None:
    picture = tmp_path / "circuit.png"
    status, out, err = quantum("embed", "--png", picture)
    assert status == 0, err
    assert "one qubit a bit" in out
    assert "simulation unless the backend" in out
    assert "q_3:" in out
    assert out.count(" agrees") == 2
    assert "aer_simulator_statevector" in out
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_counts_and_amplitudes_as_json_for_machines(quantum: Run) -> None:
    words = ("--hex", "0f", "ff", "ff", "--count-duplicates", "--shots", "300", "--seed", "4", "--json")
    _status, out, _err = quantum("embed", *words)
    found = json.loads(out)
    assert (found["backend"], found["shots"], found["seed"]) == ("aer_simulator_statevector", 300, 4)
    assert found["seconds"] > 0
    assert found["records"] == {"00001111": 1, "11111111": 2}
    assert [each["theory"] for each in found["measured"]] == pytest.approx([1 / 3, 2 / 3])
    assert sum(round(each["measured"] * 300) for each in found["measured"]) == 300
    assert found["strangers"] == 0


def test_the_papers_claims_stand_beside_what_holds(quantum: Run) -> None:
    status, out, _err = quantum("embed", "--paper")
    assert status == 0
    assert out.count("does not hold") == 6
    assert "0111 is 7" in out
    found = json.loads(quantum("embed", "--paper", "--json")[1])["claims"]
    assert [each["printed_norm"] for each in found if each["where"] == "Table 2, x = 3"] == pytest.approx([4])


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (["012"], "embedding-not-bits"),
        (["--hex", "0g"], "embedding-not-bits"),
        (["01", "011"], "embedding-unequal"),
        (["01", "01"], "embedding-duplicate"),
        ([""], "embedding-empty"),
        (["0" * 65], "embedding-too-wide"),
        (["--shots", "0"], "quantum-shots"),
        (["--backend", "perfect"], "quantum-backend-unknown"),
        (["--backend", "noisy:/nowhere/machine.json"], "quantum-noise-file"),
    ],
)
def test_what_cannot_be_is_refused_by_name(quantum: Run, words: list[str], name: str) -> None:
    status, out, _err = quantum("embed", *words, "--json")
    assert status == 1
    assert json.loads(out)["error"]["name"] == name

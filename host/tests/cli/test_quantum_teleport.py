"""`qcot quantum teleport` as people and machines use it."""

import json
from pathlib import Path

import pytest
from quantum_command import Run, program, quantum

__all__ = ["program", "quantum"]


def test_it_explains_itself_draws_and_sends_the_message(quantum: Run, tmp_path: Path) -> None:
    picture = tmp_path / "circuit.png"
    status, out, err = quantum("teleport", "--message", "21 °C", "--hops", "3", "--shots", "100", "--png", str(picture))
    assert status == 0, err
    assert "keeps nothing secret by itself" in out
    assert "memory_0" in out
    assert "the check sum fits: '21 °C'" in out
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_theory_and_measurement_as_json_for_machines(quantum: Run) -> None:
    _status, out, _err = quantum(
        "teleport", "--message", "a", "--t2", "inf", "--distance", "0", "--shots", "200", "--seed", "3", "--json"
    )
    found = json.loads(out)
    assert (found["shots"], found["seed"], found["backend"]) == (200, 3, "aer_simulator_statevector")
    assert [each["hops"] for each in found["theory_by_hops"]] == [1, 2, 4, 8, 16]
    assert found["theory_by_hops"][1]["t2_ms"] is None
    assert found["fidelity"]["theory"] == pytest.approx((1 + ((4 * 0.98 - 1) / 3) ** 2) / 2)
    assert found["message"]["received"] == "a"
    layers = [each["layer"] for each in found["message"]["layers"]]
    assert list(dict.fromkeys(layers)) == ["physical", "quantum network", "quantum teleportation", "application"]


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (["--hops", "0"], "teleport-hops"),
        (["--fidelity", "1.5"], "teleport-fidelity"),
        (["--message", "x" * 65], "teleport-message"),
        (["--t2", "nan"], "teleport-t2"),
    ],
)
def test_what_cannot_be_is_refused_by_name(quantum: Run, words: list[str], name: str) -> None:
    status, out, _err = quantum("teleport", *words, "--json")
    assert status == 1
    assert json.loads(out)["error"]["name"] == name

"""`qcot quantum entropy` as people and machines use it."""

import json
import stat
from pathlib import Path

import pytest
from quantum_command import Run, program, quantum

__all__ = ["program", "quantum"]


def test_it_explains_itself_and_gives_bytes(quantum: Run) -> None:
    status, out, err = quantum("entropy")
    assert status == 0, err
    assert "A simulator is a pseudo-random generator" in out
    assert "┤ H ├┤M├" in out
    facts = dict(line.split("  ", 1) for line in out.splitlines() if "  " in line)
    assert facts["credited"].strip().startswith("0 bits")
    assert facts["ran on"].strip() == "aer_simulator_statevector, a simulation"
    assert len(bytes.fromhex(facts["output"].strip())) == 32


def test_bits_as_json_for_machines(quantum: Run) -> None:
    _status, out, _err = quantum("entropy", "--bits", "13", "--json", "--seed", "4", "--shots", "1024")
    found = json.loads(out)
    assert len(found["output"]) == 13
    assert set(found["output"]) <= {"0", "1"}
    assert (found["seed"], found["shots"], found["credited_bits"]) == (4, 1024, 0)
    assert set(found["assessment"]["estimates"]) == {"most common value", "collision", "Markov"}


def test_a_file_is_its_owners_alone_and_never_overwritten(quantum: Run, tmp_path: Path) -> None:
    file = tmp_path / "bits"
    assert quantum("entropy", "--bytes", "100", "--out", str(file), "--shots", "1024")[0] == 0
    assert len(file.read_bytes()) == 100
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    before = file.read_bytes()
    status, _out, err = quantum("entropy", "--out", str(file), "--shots", "1024")
    assert (status, file.read_bytes()) == (1, before)
    assert "entropy-file" in err


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (["--bytes", "0"], "entropy-size"),
        (["--bits", "8", "--bytes", "1"], "entropy-size"),
        (["--bits", "9", "--out", "x"], "entropy-size"),
        (["--shots", "1023"], "entropy-samples"),
    ],
)
def test_what_cannot_be_is_refused_by_name(quantum: Run, words: list[str], name: str) -> None:
    status, out, _err = quantum("entropy", *words, "--json")
    assert status == 1
    assert json.loads(out)["error"]["name"] == name

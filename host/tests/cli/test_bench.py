"""`qcot bench pqc`: every scheme can be measured, and what is told is what was measured."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from qcot.crypto import kem, signing
from qcot.reproduce import measure, pqm4, schemes
from quantum_command import Run, program

__all__ = ["program"]

QUICK = ("ML-DSA-65", "SLH-DSA-SHA2-128f", "ML-KEM-768")


def test_sizes_times_memory_and_the_microcontrollers_cycles_are_told(program: Run, tmp_path: Path) -> None:
    words = [word for name in QUICK for word in ("--only", name)]
    status, out, _ = program("bench", "pqc", *words, "--seconds", "0.1", "--png", tmp_path / "pqc.png", "--json")
    assert status == 0
    told = {each["name"]: each for each in json.loads(out)["schemes"]}
    assert tuple(told) == QUICK
    # FIPS 204 table 2 and FIPS 203 table 3; keys kept as seeds.
    assert told["ML-DSA-65"]["bytes"] == {"private_key": 32, "public_key": 1952, "output": 3309}
    assert told["ML-KEM-768"]["bytes"] == {"private_key": 64, "public_key": 1184, "output": 1088}
    assert tuple(told["ML-KEM-768"]["steps"]) == schemes.KEM_STEPS
    assert told["SLH-DSA-SHA2-128f"]["steps"]["sign"]["cortex_m4_cycles"] == 400443378  # SPHINCS+-SHA256-128f-simple
    assert told["ML-KEM-768"]["steps"]["keygen"]["cortex_m4_cycles"] is None
    for scheme in told.values():
        for step in scheme["steps"].values():
            low, high = step["quartiles_ms"]
            assert 0 < low <= step["median_ms"] <= high
            assert step["runs"] >= measure.MIN_RUNS
            assert step["processor_ms"] > 0
            assert step["memory_bytes"] >= 0
    assert (tmp_path / "pqc.png").read_bytes().startswith(b"\x89PNG")


def test_people_are_told_what_stands_in_for_energy(program: Run) -> None:
    status, out, _ = program("bench", "pqc", "--only", "ML-DSA-44", "--seconds", "0")
    assert status == 0
    text = " ".join(out.split())
    assert ("energy mJ" if measure.energy_is_readable() else "processor time stands in for energy") in text
    assert "1,312" in text


def test_lms_is_signed_for_the_measurement_alone() -> None:
    sizes, steps = schemes.operations(signing.LMS)
    assert sizes.output == 4 + (4 + 32 + 34 * 32) + 4 + 5 * 32  # RFC 8554 sections 4.5 and 5.4: W8, H5
    assert tuple(steps) == pqm4.STEPS
    first, second = (steps["sign"]() for _ in range(2))
    assert first[:4] == second[:4] == bytes(4)  # its one-time key never wears out
    steps["verify"]()


@pytest.mark.parametrize("name", ["ML-DSA-66", "Rainbow", ""])
def test_a_scheme_that_is_none_of_ours_is_refused_before_anything_is_measured(program: Run, name: str) -> None:
    status, _, err = program("bench", "pqc", "--only", "ML-KEM-512", "--only", name)
    assert status == 1
    assert "algorithm-" in err


def test_every_algorithm_and_kem_of_ours_is_among_the_schemes() -> None:
    assert set(schemes.known()) == {*signing.ALGORITHMS, *kem.KEMS}


def test_the_memory_of_an_operation_is_what_it_touches() -> None:
    asked = "print(*(memory(each) for each in (lambda: None, lambda: bytearray(b'x' * 3_000_000))))"
    words = [sys.executable, "-c", f"from qcot.reproduce.measure import memory; {asked}"]
    nothing, copied = map(int, subprocess.run(words, check=True, capture_output=True).stdout.split())
    assert nothing == 0
    assert copied == pytest.approx(6_000_000, abs=64 << 10)  # the bytes and their copy


def test_energy_is_counted_over_a_counter_that_turns_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    package = tmp_path / "intel-rapl:0"
    package.mkdir()
    (package / "max_energy_range_uj").write_text("999999\n")
    (package / "energy_uj").write_text("999000\n")
    monkeypatch.setattr(measure, "RAPL", tmp_path)
    readings = iter(["1000\n", "3000\n", "5000\n"])
    spent = measure.cost(lambda: (package / "energy_uj").write_text(next(readings)), 0)
    assert spent.runs == 3
    assert spent.energy == pytest.approx((5000 + 1000) / 1e3 / 3)  # uJ to mJ, of each run
    (package / "energy_uj").unlink()
    assert measure.cost(lambda: None, 0).energy is None

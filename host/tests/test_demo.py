"""The demonstration in short, as `make demo` runs it: real bootloaders, real broker, real ledger, real tampering."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

QCOT = [sys.executable, "-c", "from qcot.cli.main import main; main()"]


def test_two_flashed_boards_reach_a_verified_ledger_that_has_each_reading_or_says_it_is_lost(tmp_path: Path) -> None:
    report = tmp_path / "out" / "demo.json"
    done = subprocess.run(
        [*QCOT, "demo", "--qblocks", "2", "--report", report],
        env=os.environ | {"TMPDIR": str(tmp_path)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(report.read_text())
    assert told["boards"] == 2
    assert "platformio" in told["uploaded_with"]
    assert told["readings_sampled"] == told["readings_in_ledger"] + told["readings_told_lost"]
    assert told["readings_in_ledger"] > 400
    assert told["every_value_accounted"]
    assert told["qblocks"] >= 2
    assert told["transactions"] >= told["qblocks"]
    assert told["ledger_verified"]
    assert told["tampering_detected"]
    assert told["evidence_verified"]
    assert told["certified"][:4] == [
        "root SLH-DSA-SHA2-128s", "issuer ML-DSA-44", "bridge ML-DSA-65", "gateway ML-DSA-44"
    ]  # fmt: skip
    assert len(told["certified"]) == 6
    flipped, forged, altered = (each["finding"] for each in told["tampering"])
    assert "bad-signature" in flipped
    assert "qblock-phase" in forged
    assert "bad-signature" in altered
    assert told["quantum_backend"].startswith("aer_simulator")
    check = told["quantum_check"]
    # sin^2(pi / 3) and five standard deviations of a binomial of that many shots
    assert check["theory"] == pytest.approx(0.75)
    assert abs(check["measured"] - 0.75) < 5 * (0.75 * 0.25 / check["shots"]) ** 0.5
    assert told["seconds"] > 0

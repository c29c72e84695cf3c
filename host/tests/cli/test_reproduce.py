"""`qcot reproduce`: the page, the data and the pictures, and that it says so when something is off theory."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from qcot.reproduce.items import ITEMS
from quantum_command import Run, program

__all__ = ["program"]

FIGURES = ("fig3", "fig5", "fig7", "fig10", "fig11", "fig12", "fig13")
TABLES = ("table1", "table2", "table3", "table4", "table5", "table6", "table2.2")


def test_every_table_and_figure_that_can_be_computed_has_an_item() -> None:
    assert sorted(item.name for item in ITEMS) == sorted(FIGURES + TABLES)


def test_an_item_leaves_its_claims_data_and_picture(program: Run, tmp_path: Path) -> None:
    folder = tmp_path / "made" / "here"
    status, out, _ = program(
        "reproduce", "--only", "fig3", "--only", "table1", "--shots", "200", "--out", folder, "--json"
    )
    assert status == 0
    told = json.loads(out)
    assert told["summary"]["measured off theory"] == 0
    assert (told["backend"], told["shots"], told["seed"], told["simulation"]) == ("ideal", 200, 1, True)
    assert {row["item"] for row in told["rows"]} == {"fig3", "table1"}
    page = (folder / "reproduction.md").read_text()
    for row in told["rows"]:
        assert row["why"].replace("|", "\\|") in page
    with (folder / "fig3.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["theory"]) for row in rows] == pytest.approx([row_theory(n) for n in range(9)])
    for name in ("fig3", "table1"):
        assert (folder / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        ["reproduction.md", "fig3.csv", "fig3.png", "table1.csv", "table1.png"]
    )


def test_what_cannot_be_written_is_refused_by_name(program: Run, tmp_path: Path) -> None:
    (tmp_path / "table2.csv").mkdir()
    status, _, err = program("reproduce", "--only", "table2", "--out", tmp_path)
    assert status == 1
    assert "out-unwritable: " in err


def row_theory(step: int) -> float:
    """|x|^2 of the qubit at ``step`` pi/8 from |0>, by the half-angle formula."""
    from math import cos, pi

    return (1 - cos(step * pi / 8)) / 2


def test_a_noisy_backend_that_misses_theory_is_said_to_and_fails(program: Run, tmp_path: Path) -> None:
    noise = tmp_path / "noise.json"
    noise.write_text(json.dumps(NOISE))
    status, out, _ = program("reproduce", "--only", "fig3", "--backend", f"noisy:{noise}", "--out", tmp_path / "r")
    assert status == 1
    assert "measured off theory" in out
    assert "does not agree" in (tmp_path / "r" / "reproduction.md").read_text()


NOISE = {"readout_1_given_0": 0.2, "readout_0_given_1": 0.2}


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("--only", "fig99"), "no-such-item"),
        (("--out", "/dev/null/here"), "out-unwritable"),
        (("--only", "fig3", "--backend", "nonsense"), "quantum-backend-unknown"),
        (("--shots", "0"), "quantum-shots"),
        (("--shots", "63"), "reproduce-shots"),
        (("--seed", "-1"), "quantum-seed"),
        (("--samples", "99"), "walk-samples"),
    ],
)
def test_what_cannot_be_done_is_refused_by_name_before_anything_runs(
    program: Run, tmp_path: Path, words: tuple[str, ...], problem: str
) -> None:
    status, _, err = program("reproduce", *(("--out", tmp_path / "r") if "--out" not in words else ()), *words)
    assert status == 1
    assert err.startswith(problem)
    assert "what to do:" in err
    assert not list((tmp_path / "r").glob("*.png"))

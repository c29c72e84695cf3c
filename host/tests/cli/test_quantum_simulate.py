"""`qcot quantum simulate`: the network, its timeline and its replicas are shown, and what is wrong has its name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from qcot.cli.quantum.simulate import FAULT_HELP
from qcot.quantum.network.faults import FAULTS
from quantum_command import Run, program, quantum

__all__ = ["program", "quantum"]

SMALL = ("--topology", "campus-sequence", "--records", "1", "--blocks", "1", "--shots", "32")


def test_help_has_an_example_and_every_fault(quantum: Run) -> None:
    status, out, _ = quantum("simulate", "--help")
    assert status == 0
    assert "Example: qcot quantum simulate" in out
    named = {each.split("[")[0].strip() for each in FAULT_HELP.split("TARGET.")[1].rstrip(".").split(",")}
    assert named == set(FAULTS)


def test_a_run_shows_links_circuit_timeline_and_replicas(quantum: Run, tmp_path: Path) -> None:
    picture, log = tmp_path / "network.png", tmp_path / "events.jsonl"
    status, out, _ = quantum("simulate", *SMALL, "--png", picture, "--log", log)
    assert status == 0
    for shown in (
        "library-clinic",
        "┤ H ├",
        "Timeline",
        "double-check",
        "Replicas",
        "agrees",
        "ran on",
        "not used",
        "simulated",
    ):
        assert shown in out
    assert picture.read_bytes().startswith(b"\x89PNG")
    events = [json.loads(line) for line in log.read_text().splitlines()]
    assert events[-1]["event"] == "qblock appended"
    again = tmp_path / "again.jsonl"
    quantum("simulate", *SMALL, "--log", again)
    assert again.read_bytes() == log.read_bytes()


def test_json_tells_all_of_a_fault(quantum: Run) -> None:
    status, out, _ = quantum("simulate", *SMALL, "--fault", "altered-phase", "--json")
    assert status == 0
    found = json.loads(out)
    assert found["fault"] == {"name": "altered-phase", "target": [], "detected": True}
    assert found["agrees"]
    assert found["simulation"]
    assert {each["state"] for each in found["outcomes"]} == {"agrees"}
    assert {"backend", "shots", "seed", "seconds", "keys", "traffic", "validations", "timeline"} <= set(found)
    assert "qblock refused" in {each["event"] for each in found["timeline"]}


def test_a_fault_and_what_it_showed_are_told_to_people(quantum: Run) -> None:
    status, out, _ = quantum("simulate", *SMALL, "--fault", "outsider")
    assert status == 0
    for shown in ("Ravana", "should show", "showed", "yes", "Noticed", "identity refused"):
        assert shown in out


def test_a_topology_with_junk_is_refused_by_name(quantum: Run, tmp_path: Path) -> None:
    file = tmp_path / "net.json"
    file.write_text(
        '{"nodes": [{"name": "A"}, {"name": "B"}], "quantum": [],'
        ' "classical": [{"between": ["A", "Q"], "distance_m": 1}]}'
    )
    status, _, err = quantum("simulate", "--topology", file)
    assert status == 1
    assert "network-missing-node" in err
    assert "'Q'" in err
    assert "what to do" in err


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("--fault", "flood"), "network-unknown-fault"),
        (("--fault", "node-down:Q"), "network-fault-target"),
        (("--records", "0"), "network-count"),
        (("--shots", "0"), "quantum-shots"),
        (("--seed", "-1"), "quantum-seed"),
        (("--topology", "nowhere.json"), "network-unreadable"),
        (("--format", "visio"), "network-unknown-shape"),
        (("--backend", "abacus"), "quantum-backend-unknown"),
        (("--png", "nowhere/x.png"), "picture-unwritable"),
        (("--png", "x.abacus"), "picture-unwritable"),
        (("--log", "nowhere/x.jsonl"), "network-log-unwritable"),
    ],
)
def test_bad_options_are_refused_by_name(quantum: Run, words: tuple[str, ...], problem: str) -> None:
    status, out, err = quantum("simulate", *SMALL, *words, "--json")
    assert status == 1
    assert json.loads(out or err)["error"]["name"] == problem


def test_a_network_in_which_no_qblock_comes_about_fails_though_its_replicas_agree(quantum: Run, tmp_path: Path) -> None:
    noise = tmp_path / "noise.json"
    noise.write_text('{"readout_1_given_0": 0.3, "readout_0_given_1": 0.3}')
    status, out, _ = quantum("simulate", *SMALL, "--backend", f"noisy:{noise}")
    assert status == 1
    assert "0 of 1 came about" in out
    assert "link disturbed" in out

"""`qcot quantum hash`: digests, the walk as a circuit, the statistics, and what is refused."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from qcot.quantum.walk import walk_hash, walk_hash_bits
from quantum_command import Run, program, quantum

__all__ = ["program", "quantum"]

ABC = "0eacf75de03658af4afccf53bab1b00920fc1605233bc9f287d03a55ed70a9b8"


def test_help_has_an_example(quantum: Run) -> None:
    status, out, _ = quantum("hash", "--help")
    assert status == 0
    assert re.search("Example: .*qcot quantum hash", out)


def test_digest_is_the_same_from_hex_text_bits_and_file(quantum: Run, tmp_path: Path) -> None:
    (tmp_path / "abc").write_bytes(b"abc")
    for words in (
        ("--hex", "616263"),
        ("--text", "abc"),
        ("--bits", "011000010110001001100011"),
        ("--file", tmp_path / "abc"),
    ):
        status, out, _ = quantum("hash", *words, "--json")
        assert status == 0
        assert json.loads(out)["digest"] == ABC


@pytest.mark.parametrize(
    ("words", "digest"),
    [
        (("--text", ""), walk_hash(b"")),
        (("--hex", ""), walk_hash(b"")),
        (("--text", "ä"), walk_hash("ä".encode())),
        (("--bits", "011111011"), walk_hash_bits("011111011")),
    ],
    ids=["empty", "no-digits", "umlaut", "nine-bits"],
)
def test_empty_messages_other_scripts_and_odd_numbers_of_bits_are_messages(
    quantum: Run, words: tuple[str, ...], digest: bytes
) -> None:
    assert json.loads(quantum("hash", *words, "--json")[1])["digest"] == digest.hex()


def test_people_are_shown_what_it_is_one_step_and_the_digest(quantum: Run, tmp_path: Path) -> None:
    picture = tmp_path / "step.png"
    status, out, _ = quantum("hash", "--text", "abc", "--png", picture)
    assert status == 0
    for shown in (ABC, "no proof of security", "W0", "+-1 mod 7", "24 bits, 153 steps", "exact integers"):
        assert shown in out
    assert "ran on" not in out, "nothing ran on a backend, so none is named"
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_backend_runs_the_walk_beside_and_says_that_it_is_a_cross_check(quantum: Run) -> None:
    words = ("hash", "--text", "abc", "--backend", "ideal", "--shots", "2000", "--seed", "5")
    status, out, _ = quantum(*words)
    assert status == 0
    for shown in ("cross-check", "aer_simulator_statevector", "2000, of 153 steps", "agrees"):
        assert shown in out
    record = json.loads(quantum(*words, "--json")[1])
    circuit = record["circuit"]
    assert record["digest"] == ABC
    assert (circuit["backend"], circuit["shots"], circuit["seed"]) == ("aer_simulator_statevector", 2000, 5)
    assert sum(map(sum, circuit["counts"])) == 2000
    assert sum(map(sum, circuit["exact"])) == pytest.approx(1)
    assert circuit["fidelity"]["low"] < 1 < circuit["fidelity"]["high"]


def test_steps_choose_how_far_the_circuit_walks(quantum: Run) -> None:
    out = quantum("hash", "--text", "abc", "--backend", "ideal", "--steps", "3", "--json")[1]
    assert json.loads(out)["circuit"]["steps"] == 3


def test_statistics_tell_every_test_beside_theory(quantum: Run) -> None:
    status, out, _ = quantum("hash", "--statistics", "-n", "100", "--seed", "2", "--json")
    record = json.loads(out)
    assert status == 0
    assert (record["messages"], record["seed"]) == (100, 2)
    assert list(record["tests"]) == [
        "sensitivity", "confusion and diffusion", "uniformity", "collisions", "byte distance", "birthday, truncated",
    ]  # fmt: skip
    assert all(each["low"] <= each["measured"] <= each["high"] for test in record["tests"].values() for each in test)
    assert [each["condition"] for each in record["examples"]] == ["C1", "C2", "C3", "C4"]


def test_statistics_are_a_table_for_people(quantum: Run) -> None:
    status, out, _ = quantum("hash", "--statistics", "-n", "100")
    assert status == 0
    words = " ".join(out.split())
    for shown in ("W_N(0)", "agrees", "C4, one bit removed", "nothing about attacks", "exact integers"):
        assert shown in words


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("--hex", "abc"), "walk-not-hex"),
        (("--hex", "0g"), "walk-not-hex"),
        (("--bits", "012"), "walk-not-bits"),
        ((), "walk-message"),
        (("--text", "a", "--hex", "00"), "walk-message"),
        (("--text", "a", "--statistics"), "walk-message"),
        (("--statistics", "--backend", "ideal"), "walk-message"),
        (("--statistics", "-n", "99"), "walk-samples"),
        (("--statistics", "-n", "100", "--seed", "-1"), "quantum-seed"),
        (("--file", "no-such-file"), "walk-file"),
        (("--file", "."), "walk-file"),
        (("--text", "a", "--backend", "ideal", "--steps", "0"), "walk-steps"),
        (("--text", "a", "--backend", "ideal", "--steps", "138"), "walk-steps"),
        (("--text", "a", "--backend", "ideal", "--shots", "0"), "quantum-shots"),
        (("--text", "a", "--backend", "ideal", "--shots", "99"), "walk-shots"),
        (("--text", "a", "--backend", "ideal", "--seed", "-1"), "quantum-seed"),
        (("--text", "a", "--backend", "nowhere"), "quantum-backend-unknown"),
        (("--text", "a", "--png", "no-such-folder/step.png"), "picture-unwritable"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(quantum: Run, words: tuple[str, ...], problem: str) -> None:
    status, out, _ = quantum("hash", *words, "--json")
    assert status != 0
    error = json.loads(out)["error"]
    assert error["name"] == problem
    assert error["reason"]
    assert error["remedy"]


def test_a_file_that_is_too_large_is_refused(quantum: Run, tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(bytes((1 << 16) + 1))
    status, out, _ = quantum("hash", "--file", tmp_path / "large", "--json")
    assert status != 0
    assert json.loads(out)["error"]["name"] == "walk-file"

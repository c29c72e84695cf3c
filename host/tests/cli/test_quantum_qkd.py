"""`qcot quantum qkd` as people and machines use it."""

import json
import stat
from pathlib import Path

import pytest
from qcot.quantum.qkd import KeyStore
from quantum_command import Run, program, quantum

__all__ = ["program", "quantum"]

QUICK = ("--photons", "100000", "--shots", "100", "--seed", "1")


def test_bb84_explains_itself_and_shows_its_stages_beside_theory(quantum: Run) -> None:
    status, out, err = quantum("qkd", *QUICK)
    assert status == 0, err
    assert "secrecy rests on this machine, not on physics" in out
    assert "┤ X ├┤ H ├" in out
    for stage in ("sent", "seen", "sifted", "errors in a sample", "parities told", "secret bits", "keys of 32 bytes"):
        assert any(line.startswith(stage) for line in out.splitlines())
    assert "DISAGREES" not in out
    facts = dict(line.split("  ", 1) for line in out.splitlines() if "  " in line)
    assert int(facts["result"].split()[0]) > 0


def test_e91_as_json_for_machines(quantum: Run) -> None:
    status, out, _err = quantum("qkd", "--protocol", "e91", *QUICK, "--json")
    found = json.loads(out)
    assert status == 0
    assert found["keys"] == found["secret_bits"] // 256 > 0
    assert 2 < found["bell_low"] < found["bell"]
    assert {each["name"] for each in found["measured"]} == {"seen, of sent", "sifted, of seen", "error rate", "S"}
    assert all(each["agrees"] for each in (*found["measured"], *found["circuits"]))
    assert (found["seed"], found["shots"], found["backend"]) == (1, 100, "aer_simulator_statevector")


def test_no_key_is_printed(quantum: Run) -> None:
    from qcot.quantum.qkd import distribute

    key = distribute("bb84", 100_000, seed=1).keys[0]
    for words in (("--json",), ()):
        out = quantum("qkd", *QUICK, *words)[1]
        assert key.hex() not in out
        assert repr(key) not in out


def test_an_eavesdropper_is_what_was_asked_for_and_no_failure(quantum: Run) -> None:
    status, out, _err = quantum("qkd", "--eve", "1", *QUICK)
    assert status == 0
    assert "no key, qkd-error-rate" in out
    assert "Eve in X" in out


def test_a_noisy_backend_gets_no_theory_beside_it(quantum: Run) -> None:
    found = json.loads(quantum("qkd", *QUICK, "--backend", "noisy", "--json")[1])
    assert {each["theory"] for each in found["circuits"]} == {None}


def test_the_circuit_is_drawn_into_a_file(quantum: Run, tmp_path: Path) -> None:
    assert quantum("qkd", *QUICK, "--png", tmp_path / "photon.png")[0] == 0
    assert (tmp_path / "photon.png").read_bytes().startswith(b"\x89PNG")


def test_both_ends_stores_get_the_same_keys_for_their_owner_alone(quantum: Run, tmp_path: Path) -> None:
    file = tmp_path / "keys" / "link"
    for times in (1, 2):
        status, out, err = quantum("qkd", "--photons", "50000", "--shots", "1", "--store", file, "--json")
        assert status == 0, err
        found = json.loads(out)
        assert found["stored"] == [f"{file}.alice", f"{file}.bob"]
        with KeyStore(f"{file}.alice", create=False) as alice, KeyStore(f"{file}.bob", create=False) as bob:
            assert alice.available() == bob.available() >= times
    assert {stat.S_IMODE(each.stat().st_mode) for each in file.parent.iterdir()} == {0o600}
    with KeyStore(f"{file}.alice") as alice, KeyStore(f"{file}.bob") as bob:
        keys = [alice.take() for _ in range(alice.available())]
        assert [bob.take_by_id(key.id) for key in keys] == keys
        assert len({key.secret for key in keys}) == len(keys)


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (["--protocol", "b92"], "qkd-protocol"),
        (["--photons", "0"], "qkd-photons"),
        (["--distance", "-1"], "qkd-link"),
        (["--noise", "0.6"], "qkd-link"),
        (["--noise", "nan"], "qkd-link"),
        (["--eve", "1.1"], "qkd-link"),
        (["--shots", "0"], "quantum-shots"),
        (["--seed", "-1"], "quantum-seed"),
        (["--seed", "1", "--store", "x"], "qkd-seeded-store"),
        (["--backend", "none"], "quantum-backend-unknown"),
        (["--store", "x", "--photons", "100"], "qkd-too-short"),
    ],
)
def test_what_cannot_be_is_refused_by_name(quantum: Run, words: list[str], name: str, tmp_path: Path) -> None:
    words = [str(tmp_path / word) if word == "x" else word for word in words]
    status, out, _err = quantum("qkd", *words, "--json")
    assert status == 1
    assert json.loads(out)["error"]["name"] == name
    assert list(tmp_path.iterdir()) == []


def test_a_link_too_noisy_or_a_run_too_short_fails_with_the_reason(quantum: Run) -> None:
    status, out, err = quantum("qkd", "--noise", "0.2", *QUICK)
    assert (status, "qkd-error-rate" in err) == (1, True)
    assert "DISAGREES" not in out
    status, out, _err = quantum("qkd", "--photons", "3000", "--seed", "1", "--shots", "1", "--json")
    assert (status, json.loads(out)["problem"]) == (1, "qkd-too-short")

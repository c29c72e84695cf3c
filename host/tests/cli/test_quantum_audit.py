"""`qcot quantum audit` as people and machines use it, and on a ledger's Qblocks."""

import json
from pathlib import Path

import pytest
from boards import Board, BridgeSide
from qcot.home import Home, create_home
from qcot.ledger import closing
from qcot.ledger.store import Ledger
from qcot.ledger.transactions import parse
from qcot.settings import Settings
from quantum_command import Run, program, quantum
from trust_site import Authority

__all__ = ["program", "quantum"]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home whose ledger holds two Qblocks, 2,345 ms apart."""
    made = create_home(tmp_path_factory.mktemp("audited") / "home", Settings())
    board, bridge = Board(7), BridgeSide("bridge", "home")
    authority = Authority("home").root
    ledger = Ledger.open_or_create(made.ledger, site="home", origin=Settings().log_origin, authority=authority)
    keeper = closing.Bookkeeper("gateway", made.gateway_key(), 64)
    for time, entries in ((1_700_000_000_000, [board.enrolment()]), (1_700_000_002_345, [board.entry()])):
        ledger.append_transactions([parse(bridge.sign(*entries))], time)
        closing.end(ledger, keeper, closing.begin(ledger, keeper, now=time, seed=1).run())
    ledger.close()
    return made


def test_it_explains_itself_draws_and_recovers_a_time(quantum: Run, tmp_path: Path) -> None:
    picture = tmp_path / "circuit.png"
    status, out, err = quantum("audit", "--t", "1234567890", "--shots", "8", "--sweep", "1", "--png", picture)
    assert status == 0, err
    assert "What it is not" in out
    assert "drawn for 3 of the 42 bits" in out
    assert "ancilla" in out
    assert "recovered t  1234567890 ms, in 8 of 8 shots" in out
    assert "aer_simulator_statevector" in out
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_a_qblocks_time_is_recovered_and_compared_with_the_ledger(quantum: Run, home: Home) -> None:
    status, out, err = quantum("audit", "--height", "1", "--home", home.path, "--shots", "4", "--sweep", "2", "--json")
    assert status == 0, err
    found = json.loads(out)
    assert (found["audited"], found["recorded_ms"], found["recovered_ms"]) == ("Qblock 1", 2_345, 2_345)
    assert found["agrees"] is True
    assert found["phase"] == {"numerator": (1 << 41) + 2_345, "bits": 43}
    assert found["found"] == [{"t_ms": 2_345, "shots": 4}]
    assert (found["backend"], found["shots"], found["seed"]) == ("aer_simulator_statevector", 4, 1)
    assert [row["bits"] for row in found["success"]] == [1, 2]
    assert all(row["two_nearest"]["theory"] > 0.81 for row in found["success"])


def test_a_machine_too_noisy_to_find_the_time_is_no_success(quantum: Run, tmp_path: Path) -> None:
    machine = tmp_path / "machine.json"
    machine.write_text('{"depolarizing_1q": 0.5, "depolarizing_2q": 1}')
    words = ("--backend", f"noisy:{machine}", "--shots", "20", "--sweep", "0", "--bits", "12", "--t", str(1 << 41))
    status, out, _err = quantum("audit", *words)
    assert status == 1
    assert "DIFFERS" in out
    assert "noisy:machine.json" in out


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (["--t", "5", "--height", "0"], "audit-one-of-two"),
        (["--t", "-1"], "audit-phase"),
        (["--t", str(1 << 42)], "audit-phase"),
        (["--bits", "0"], "audit-bits"),
        (["--bits", "65"], "audit-bits"),
        (["--height", "2"], "no-such-qblock"),
        (["--height", "0", "--home", "/nowhere"], "ledger-missing"),
        (["--shots", "0"], "quantum-shots"),
    ],
)
def test_what_cannot_be_is_refused_by_name(
    quantum: Run, home: Home, monkeypatch: pytest.MonkeyPatch, words: list[str], name: str
) -> None:
    monkeypatch.setenv("QCOT_HOME", str(home.path))
    status, out, _err = quantum("audit", *words, "--json")
    assert status == 1
    assert json.loads(out)["error"]["name"] == name

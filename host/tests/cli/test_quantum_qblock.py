"""`qcot quantum qblock` as people and machines use it, on random chains and on a ledger's."""

import json
from pathlib import Path

import pytest
from boards import Board, BridgeSide
from qcot.home import Home, create_home
from qcot.ledger import closing, qblock
from qcot.ledger.store import Ledger
from qcot.ledger.transactions import parse
from qcot.settings import Settings
from quantum_command import Run, program, quantum
from trust_site import Authority

__all__ = ["program", "quantum"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, list[qblock.Header]]:
    """A home whose ledger holds three Qblocks, 2,000 ms apart, and their headers."""
    home = create_home(tmp_path_factory.mktemp("chained") / "home", Settings())
    board, bridge = Board(7), BridgeSide("bridge", "home")
    authority = Authority("home").root
    ledger = Ledger.open_or_create(home.ledger, site="home", origin=Settings().log_origin, authority=authority)
    keeper = closing.Bookkeeper("gateway", home.gateway_key(), 16)
    for number, entries in enumerate(([board.enrolment()], [board.entry()], [board.entry()])):
        now = 1_700_000_000_000 + 2_000 * number
        ledger.append_transactions([parse(bridge.sign(*entries))], now)
        closing.end(ledger, keeper, closing.begin(ledger, keeper, now=now, seed=1).run())
    headers = [header for height in range(3) if (header := ledger.header(height))]
    ledger.close()
    return home, headers


def test_it_explains_itself_draws_and_checks_an_honest_chain(quantum: Run, tmp_path: Path) -> None:
    picture = tmp_path / "circuit.png"
    status, out, err = quantum("qblock", "--shots", "100", "--png", picture)
    assert status == 0, err
    assert "One qubit does not authenticate a block" in out
    assert "q_2" in out
    assert "passes with certainty" in out
    assert "|111>" in out
    assert "aer_simulator_statevector" in out
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(("forgery", "circuits"), [("block", [2]), ("link", [2, 3]), ("tail", [2, 3, 4])])
def test_a_forgery_is_shown_as_theory_says_and_where_it_is(quantum: Run, forgery: str, circuits: list[int]) -> None:
    status, out, err = quantum("qblock", "--blocks", "5", "--forge", forgery, "--shots", "400", "--json")
    assert status == 0, err
    found = json.loads(out)
    assert (found["forged"], found["at"], found["first_wrong"]) == (forgery, 2, 2)
    assert len(found["measured"]) == 3
    assert all(each["low"] <= each["theory"] <= each["high"] for each in found["measured"])
    assert [block for block, times in enumerate(found["detected"]) if times] == circuits
    assert (found["backend"], found["shots"], found["seed"]) == ("aer_simulator_statevector", 400, 1)
    assert found["shots_for_miss"] > 1
    assert found["shots_for_mean_miss"] == 318_309_886_184


def test_a_ledgers_chain_is_checked_as_its_headers_record_it(
    quantum: Run, made: tuple[Home, list[qblock.Header]]
) -> None:
    home, headers = made
    status, out, err = quantum("qblock", "--home", home.path, "--last", "2", "--shots", "50", "--json")
    assert status == 0, err
    found = json.loads(out)
    assert (found["blocks"], found["first_height"], found["first_wrong"]) == (2, 1, None)
    recorded = [(header.quantum.phases.h, header.quantum.phases.t_ms) for header in headers]
    assert [(block["h"], block["t_ms"]) for block in found["phases"]] == recorded[1:]
    assert found["detected"] == [0, 0]
    status, out, err = quantum("qblock", "--home", home.path, "--shots", "50", "--forge", "block")
    assert status == 0, err
    assert "Qblocks 0 to 2 of" in out
    assert "is random: Qblock 1." in out


def test_a_million_blocks_are_checked_in_closed_form(quantum: Run) -> None:
    status, out, err = quantum("qblock", "--blocks", "1000000", "--forge", "block", "--delta", "1e-6")
    assert status == 0, err
    assert "drawn for its first 3 blocks" in out
    assert "1,000,000 Qblocks in" in out
    assert "nothing: closed form only" in out
    assert "500000" in out


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (["--blocks", "0"], "qblock-chain"),
        (["--blocks", "10000001"], "qblock-chain"),
        (["--blocks", "5001", "--method", "run"], "qblock-chain-too-long"),
        (["--method", "guess"], "qblock-method"),
        (["--blocks", "3", "--last", "3"], "qblock-which"),
        (["--shots", "0"], "quantum-shots"),
        (["--shots", "0", "--method", "closed"], "quantum-shots"),
        (["--seed", "-1"], "quantum-seed"),
        (["--miss", "0"], "quantum-odds"),
        (["--forge", "genesis"], "qblock-forgery"),
        (["--forge", "block", "--at", "3"], "qblock-forgery"),
        (["--at", "1"], "qblock-forgery"),
        (["--delta", "1"], "qblock-forgery"),
        (["--forge", "block", "--delta", "nan"], "qblock-forgery"),
        (["--backend", "nowhere"], "quantum-backend-unknown"),
        (["--home", "/nowhere", "--last", "2"], "ledger-missing"),
    ],
)
def test_what_cannot_be_is_refused_by_name(quantum: Run, words: list[str], name: str) -> None:
    status, out, _err = quantum("qblock", *words, "--json")
    assert status == 1
    assert json.loads(out)["error"]["name"] == name

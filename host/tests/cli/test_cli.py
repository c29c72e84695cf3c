"""Every command as people and machines use it: what it prints, how it fails, and that no traceback is ever shown."""

import fcntl
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from boards import Board, BridgeSide
from command import Run, run
from home_site import founded, introduction
from qcot.boards.registry import BoardRegistry, EnrolledBoard
from qcot.cli import app as entry
from qcot.home import Home
from qcot.ledger import closing
from qcot.ledger.store import Ledger
from qcot.ledger.transactions import parse
from qcot.settings import Settings

__all__ = ["run"]

COMMANDS = [
    (name,) for name in entry.COMMANDS if name != "ledger"
] + [("ledger", name) for name in ("list", "show", "verify", "prove")] + [
    *(("authority", name) for name in ("window", "issue", "list", "revoke", "rotate-issuer")),
    *(("certificate", name) for name in ("request", "install", "show", "rotate")),
]  # fmt: skip


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, Board]:
    """A home whose ledger holds two Qblocks: one board's enrolment and 28 readings, then 14 more."""
    made, board = founded(tmp_path_factory.mktemp("recorded") / "home"), Board(7)
    bridge, now = BridgeSide("bridge", "home"), time.time_ns() // 1_000_000
    bridge.key = made.bridge_key()
    known = introduction(made, (board.device, board.key))
    ledger = Ledger.open_or_create(made.ledger, site="home", origin=Settings().log_origin, authority=made.root())
    keeper = closing.Bookkeeper("gateway", made.gateway_key(), 64)
    first = bridge.sign(*known, board.enrolment(), board.entry(), board.entry(), bare=True)
    ledger.append_transactions([parse(first)], now)
    closing.end(ledger, keeper, closing.begin(ledger, keeper, now=now, seed=1).run())
    ledger.append_transactions([parse(bridge.sign(board.entry(), bare=True))], now + 2000)
    closing.end(ledger, keeper, closing.begin(ledger, keeper, now=now + 2000, seed=2).run())
    ledger.close()
    return made, board


@pytest.fixture
def board(recorded: tuple[Home, Board]) -> Board:
    """The board whose readings the home's ledger holds."""
    return recorded[1]


@pytest.fixture
def home(recorded: tuple[Home, Board], tmp_path: Path) -> Home:
    """A copy of the recorded home."""
    shutil.copytree(recorded[0].path, tmp_path / "home")
    return Home(tmp_path / "home")


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_explains_itself_with_an_example(run: Run, words: tuple[str, ...]) -> None:
    status, out, _ = run(*words, "--help")
    assert status == 0
    assert re.search(rf"Example: .*qcot {' '.join(words)}", out), out


def test_the_overview_names_every_command(run: Run) -> None:
    status, out, _ = run("--help")
    assert status == 0
    assert all(re.search(rf"\b{name}\b", out) for name in entry.COMMANDS)


def test_an_unknown_command_is_wrong_usage(run: Run) -> None:
    status, _, err = run("frobnicate")
    assert status == 2
    assert "No such command" in err


def test_init_refuses_a_site_that_cannot_be_a_topic(run: Run) -> None:
    status, _, err = run("init", "--site", "a/b")
    assert status == 2
    assert "a-z A-Z 0-9 _ -" in err


def test_joining_an_authority_under_another_site_is_wrong_usage_and_leaves_nothing(
    run: Run, home: Home, tmp_path: Path
) -> None:
    new = tmp_path / "new"
    status, _, err = run("init", "--join", home.authority_file, "--site", "other", "--home", new)
    assert status == 2
    assert f"of site {home.settings().site}" in err
    assert not new.exists()


def test_verify_holds_and_counts(run: Run, home: Home) -> None:
    status, out, _ = run("ledger", "verify", "--shots", "32", "--json")
    outcome = json.loads(out)
    assert status == 0
    assert outcome["holds"]
    assert (outcome["readings"], outcome["transactions"], outcome["qblocks"], outcome["checkpoints"]) == (42, 2, 2, 2)
    status, out, _ = run("ledger", "verify")
    assert status == 0
    assert "42 readings in 2 transactions, 2 Qblocks" in out
    assert "holds" in out


def test_verify_names_the_first_thing_that_is_wrong(run: Run, home: Home) -> None:
    database = sqlite3.connect(home.ledger)
    ((raw,),) = database.execute("SELECT bytes FROM leaf WHERE idx = 2").fetchall()
    flipped = bytearray(raw)
    flipped[-1] ^= 1
    with database:
        database.execute("UPDATE leaf SET bytes = ? WHERE idx = 2", (bytes(flipped),))
    database.close()
    status, out, _ = run("ledger", "verify", "--json")
    failure = json.loads(out)["failure"]
    assert status == 1
    assert (failure["leaf"], failure["name"]) == (2, "bad-signature")
    status, out, _ = run("ledger", "verify")
    assert status == 1
    assert "first thing wrong: leaf 2" in out


def test_list_and_show_tell_of_qblocks_boards_and_readings(run: Run, home: Home, board: Board) -> None:
    blocks = json.loads(run("ledger", "list", "--json")[1])
    assert [(block["height"], block["transactions"]) for block in blocks] == [(0, 1), (1, 1)]
    assert json.loads(run("ledger", "list", "--boards", "--json")[1])[0] | {"link": ""} == {
        "device": board.device.hex(), "epoch": 1, "readings": 42, "link": "",
    }  # fmt: skip
    shown = json.loads(run("ledger", "show", "1", "--json")[1])
    values = [value for _, _, _, value in shown["run"][0]["entries"][0]["readings"]]
    assert values == [value for _, _, _, value in board.sampled[28:]]
    for words in (("ledger", "list"), ("ledger", "list", "--boards"), ("ledger", "show", "0")):
        assert run(*words)[0] == 0
    assert f"prove {board.device.hex()} 1 0" in run("ledger", "list", "--boards")[1]
    assert "epoch 1 seq 28 to " in run("ledger", "show", "1")[1]
    status, _, err = run("ledger", "show", "9")
    assert status == 1
    assert "no-such-qblock" in err


def test_a_proof_is_checked_without_a_home_and_only_as_it_was(
    run: Run, home: Home, board: Board, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "proof.qcot"
    assert run("ledger", "prove", board.device.hex(), "1", "30", "--out", file)[0] == 0
    root = tmp_path / "authority.pub"
    root.write_bytes(home.authority_file.read_bytes())
    monkeypatch.setenv("QCOT_HOME", str(tmp_path / "nowhere"))
    status, out, _ = run("verify", file, "--root", root, "--json")
    said = json.loads(out)
    assert status == 0
    assert (said["facts"]["seq"], said["facts"]["value"]) == (30, board.sampled[30][3])
    assert run("verify", file, "--root", home.root().kid.hex())[0] == 0
    assert run("verify", file, "--root", bytes(16).hex())[0] == 1
    held = bytearray(file.read_bytes())
    held[len(held) // 2] ^= 1
    file.write_bytes(held)
    assert run("verify", file)[0] == 1


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (("ledger", "verify"), "ledger-missing"),
        (("ledger", "prove", "zz", "1", "1"), "ledger-missing"),
        (("gateway",), "no-home"),
        (("bridge",), "no-home"),
        (("up",), "no-home"),
        (("enroll", "/dev/null"), "no-home"),
        (("verify", "/nonexistent"), "file-unreadable"),
        (("flash", "uno", "--port", "/nonexistent"), "port-missing"),
        (("flash", "uno", "--port", "/dev/null"), "not-a-port"),
        (("emulate", "native", "--state", "/proc/none"), "state-unusable"),
        (("demo", "--report", "/proc/none/report.json"), "report-unwritable"),
        (("demo", "--keep", "/proc/none"), "folder-not-new"),
        (("demo", "--keep", "/usr"), "folder-not-new"),
        (("flash", "teapot", "--port", "/dev/null"), "unknown-board"),
        (("emulate", "uno", "--signal", "/nonexistent.csv"), "bad-signal"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_what_cannot_work_is_refused_by_name_for_people_and_machines(
    run: Run, words: tuple[str, ...], name: str
) -> None:
    status, _, err = run(*words)
    assert status == 1
    assert err.startswith(f"{name}: ")
    assert "what to do: " in err


def test_a_port_that_another_program_uses_is_not_flashed(run: Run) -> None:
    board, port = os.openpty()
    fcntl.flock(port, fcntl.LOCK_EX)
    status, _, err = run("flash", "uno", "--port", os.ttyname(port))
    os.close(board)
    os.close(port)
    assert status == 1
    assert err.startswith("port-busy: ")


def test_boards_says_what_to_do_where_there_are_none(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qcot.cli.boards.serial_ports", list)
    _, out, _ = run("boards")
    assert "qcot emulate uno" in out
    assert "qcot enroll PORT" in out
    assert json.loads(run("boards", "--json")[1]) == {"ports": [], "boards": []}


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_output_that_nobody_can_take_is_no_bug(home: Home, unbuffered: str) -> None:
    words = [sys.executable, "-c", "from qcot.cli.main import main; main()", "ledger", "list", "--home", home.path]
    with Path("/dev/full").open("w") as full:
        set_so = os.environ | {"PYTHONUNBUFFERED": unbuffered}
        done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, text=True, check=False, env=set_so)
    assert done.returncode == 1
    assert done.stderr == f"disk-full: [Errno 28] No space left on device\nwhat to do: {entry.DISK_FULL.remedy}\n"


@pytest.mark.parametrize(
    ("closed", "words", "name"),
    [
        ("trusted", ("certificate", "show"), "not-permitted"),
        ("ledger", ("ledger", "list"), "not-permitted"),
        ("keys/gateway.seed", ("gateway",), "key-file-unreadable"),
        (".", ("ledger", "witness", "init", "tower", "--site", "home"), "not-permitted"),
    ],
)
def test_what_this_user_may_not_touch_is_no_bug(home: Home, closed: str, words: tuple[str, ...], name: str) -> None:
    place = home.path / closed
    mode = place.stat().st_mode
    place.chmod(0o500 if closed == "." else 0)  # typer itself refuses a home that cannot be looked into
    rights = "-dac_override,-dac_read_search"
    bound = [] if os.geteuid() else ["setpriv", "--bounding-set", rights, "--inh-caps", rights]
    try:
        done = subprocess.run(
            [*bound, sys.executable, "-c", "from qcot.cli.main import main; main()", *words, "--home", home.path],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    finally:
        place.chmod(mode)
    assert done.returncode == 1
    assert done.stderr.startswith(f"{name}: ")
    assert "Permission denied" in done.stderr


def test_errors_are_json_where_json_was_asked_for(run: Run) -> None:
    status, out, _ = run("ledger", "verify", "--json")
    assert status == 1
    assert json.loads(out)["error"].keys() == {"name", "reason", "remedy"}


@pytest.mark.parametrize(
    ("device", "seq", "name"),
    [("zz", "1", "bad-device-id"), ("00", "1", "bad-device-id"), ("0000000000000007", "99", "no-such-reading")],
)
def test_a_reading_that_is_not_there_cannot_be_proven(run: Run, home: Home, device: str, seq: str, name: str) -> None:
    status, _, err = run("ledger", "prove", device, "1", seq)
    assert status == 1
    assert err.startswith(f"{name}: ")


@pytest.mark.parametrize("rate", ["A0", "A0=", "A0=x", "=5", "A0=0.05", "A0=201", "A0=nan"])
def test_a_rate_that_no_board_takes_is_refused_before_a_port_is_opened(run: Run, home: Home, rate: str) -> None:
    status, _, err = run("enroll", "/dev/null", "--rate", rate)
    assert status == 1
    assert err.startswith("bad-rate: ")


def test_a_broken_settings_file_names_all_its_errors(run: Run, home: Home) -> None:
    home.settings_file.write_text('site = "a b"\n[gateway]\nshots = 0\n')
    status, _, err = run("gateway")
    assert status == 1
    assert "settings-broken: 2 wrong" in err
    assert "site:" in err
    assert "gateway.shots:" in err


def test_a_setting_that_is_wrong_is_not_taken_for_a_board_without_certificate(
    run: Run, home: Home, board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    BoardRegistry(home.path).record(EnrolledBoard(board.device, "uno", (1, 0, 0), bytes(32), ()))
    home.certificate_file(f"boards/{board.device.hex()}").write_bytes(b"one")
    monkeypatch.setenv("QCOT_NOPE", "1")
    status, _, err = run("boards")
    assert status == 1
    assert "QCOT_NOPE: no such setting" in err


def test_a_bug_leaves_a_file_and_not_a_traceback(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_path: Path | None) -> Home:
        raise ZeroDivisionError("on purpose")

    import qcot.cli.ledger

    monkeypatch.setattr(qcot.cli.ledger, "open_home", broken)
    status, _, err = run("ledger", "verify")
    assert status == 1
    file = Path(re.search(r"details are in (\S+)", err)[1])
    assert "on purpose" in file.read_text()
    file.unlink()

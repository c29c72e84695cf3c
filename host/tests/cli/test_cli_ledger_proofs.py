"""What leaves a ledger by the command line: evidence, checkpoints, witnesses' and the authority's signatures."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from boards import Board, BridgeSide
from home_site import founded, introduction
from lms_board import LmsBoard
from qcot.authority.registration import register_board
from qcot.boards.nodes import KeyProof, SignerState
from qcot.boards.registry import BoardRegistry
from qcot.certificates.certificate import Certificate
from qcot.cli import app as entry
from qcot.home import Home
from qcot.ledger import checkpoint, closing
from qcot.ledger.clocks import Clock
from qcot.ledger.store import Ledger
from qcot.ledger.transactions import CheckpointEntry, StatementEntry, parse
from qcot.link.signer import Phase
from qcot.settings import GatewaySettings, Settings

Run = Callable[..., str]
GROUPS = ["prove", "checkpoint", "consistency", "policy", "anchor", "witness"]
BELOW = {"witness": ["init", "add", "show", "sign", "ask", "take"], "anchor": ["ask", "sign", "take"]}


@pytest.fixture
def qcot(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Run `qcot` with these words; gives standard output, or standard error where it refuses (``wrong`` names why)."""

    def run(*words: str | Path, wrong: str | None = None, to: Path | None = None) -> str:
        monkeypatch.setattr("sys.argv", ["qcot", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            entry.run()
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        assert (ended.value.code or 0) == (0 if wrong is None else 1), out + err
        if to is not None:
            to.write_text(out)
        if wrong is not None:
            assert wrong in out + err
        return out

    monkeypatch.setenv("QCOT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "200")
    return run


def filled(home: Home, board: Board) -> None:
    """Two Qblocks: one board's enrolment and 28 readings, then 14 more."""
    settings, bridge, now = home.settings(), BridgeSide("bridge", "home"), time.time_ns() // 1_000_000
    bridge.key = home.bridge_key()
    known = introduction(home, (board.device, board.key))
    keeper = closing.Bookkeeper("gateway", home.gateway_key(), 64)
    with Ledger.open_or_create(home.ledger, site="home", origin=settings.log_origin, authority=home.root()) as ledger:
        for at, entries in enumerate(([*known, board.enrolment(), board.entry(), board.entry()], [board.entry()])):
            ledger.append_transactions([parse(bridge.sign(*entries, bare=True))], now + 600_000 * at)
            closing.end(ledger, keeper, closing.begin(ledger, keeper, now=now + 600_000 * at, seed=at).run())


@pytest.fixture
def board() -> Board:
    return Board(7)


@pytest.fixture
def home(tmp_path: Path, board: Board) -> Home:
    made = founded(tmp_path / "home")
    filled(made, board)
    return made


@pytest.mark.parametrize(
    "words", [(each,) for each in GROUPS] + [(group, each) for group, names in BELOW.items() for each in names]
)
def test_every_command_explains_itself_with_an_example(qcot: Run, words: tuple[str, ...]) -> None:
    text = " ".join(qcot("ledger", *words, "--help").split())
    assert f"qcot ledger {' '.join(words)}" in text


def test_evidence_is_checked_without_a_home_and_says_what_holds(
    qcot: Run, home: Home, board: Board, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, root = tmp_path / "proof.qcot", home.root().kid.hex()
    said = qcot("ledger", "prove", board.device.hex(), "1", "30", "--out", file)
    assert f"qcot verify {file} --root {root}" in said
    monkeypatch.setenv("QCOT_HOME", str(tmp_path / "nowhere"))
    found = json.loads(qcot("verify", file, "--json"))
    assert found["holds"]
    assert (found["facts"]["seq"], found["facts"]["value"]) == (30, board.sampled[30][3])
    assert (found["facts"]["root"], found["facts"]["root_pinned"]) == (root, False)
    spoken = " ".join(root[at : at + 4] for at in range(0, 32, 4))  # as `qcot certificate show` prints it
    for pin in (root, spoken, home.authority_file):
        assert json.loads(qcot("verify", file, "--root", pin, "--json"))["facts"]["root_pinned"]
        assert "yours to settle" not in qcot("verify", file, "--root", pin)
    assert "yours to settle" in qcot("verify", file)
    qcot("verify", file, "--root", "00" * 16, wrong="key-not-pinned")
    qcot("verify", file, "--root", "tower", wrong="bad-root")
    qcot("verify", file, "--root", file, wrong="authority-file")
    data = file.read_bytes()
    file.write_bytes(data.replace(b"uno", b"UNO", 1))
    assert "FAILS" in qcot("verify", file, wrong="certificate-forged")
    file.write_bytes(data[:-1])
    assert json.loads(qcot("verify", file, "--json", wrong="bad-cbor"))["steps"][-1]["name"] == "format"


def signing(home: Home, board: Board) -> LmsBoard:
    """The board makes a key, is certified for it, samples on, and signs where it stands."""
    key, proven = LmsBoard(9), {"epoch": 1, "seq": 0, "link": bytes(32)}
    registry = BoardRegistry(home.path)
    proof = KeyProof(**proven, signature=key.sign(board.device, **proven))
    registry.keep_signer(board.device, SignerState(Phase.READY, 1, 1, 32, key.public, proof))
    found = registry.board(board.device)
    assert found is not None
    made = register_board(home, found, int(time.time()))
    assert isinstance(made, Certificate)
    bridge, now = BridgeSide("bridge", "home"), time.time_ns() // 1_000_000 + 1_200_000
    bridge.key, bridge.sequence = home.bridge_key(), 2
    keeper = closing.Bookkeeper("gateway", home.gateway_key(), 64)
    clocked = replace(board.entry(), clock=Clock(1_699_999_990_000_000, 0, 7500))
    own = CheckpointEntry(board.device, 1, board.seq, board.link, key.sign(board.device, 1, board.seq, board.link))
    origin = home.settings().log_origin
    with Ledger.open_or_create(home.ledger, site="home", origin=origin, authority=home.root()) as ledger:
        batch = [bridge.sign(StatementEntry(made.raw), bare=True), bridge.sign(clocked, own, bare=True)]
        assert all(each.leaf for each in ledger.append_transactions([parse(raw) for raw in batch], now))
        closing.end(ledger, keeper, closing.begin(ledger, keeper, now=now, seed=9).run())
    return key


def test_what_a_board_signed_itself_is_told_proven_and_insisted_on(
    qcot: Run, home: Home, board: Board, tmp_path: Path
) -> None:
    device, root = board.device.hex(), home.root().kid.hex()
    assert "signed" not in qcot("ledger", "verify")
    qcot("ledger", "prove", device, "1", "41", "--signed", wrong="no-such-checkpoint")
    signing(home, board)
    assert f"board {device} signed 1 checkpoints itself, the last over all before reading 56" in qcot(
        "ledger", "verify"
    )
    told = json.loads(qcot("ledger", "verify", "--json"))["signed_by_boards"]
    assert told == [{"device": device, "checkpoints": 1, "epoch": 1, "seq": 56}]
    assert "checkpoint" in qcot("ledger", "show", "2")
    file = tmp_path / "reading.qcot"
    qcot("ledger", "prove", device, "1", "50", "--out", file)
    facts = json.loads(qcot("verify", file, "--signed", "--root", root, "--json"))["facts"]
    assert (facts["board_signed"], facts["board_signed_seq"], facts["board_signed_leaf"]) == (True, 56, 1)
    assert (facts["sampled"], facts["sampled_error_ms"]) == ("2023-11-14T22:13:10.500+00:00", "7.5")
    assert "at 2023-11-14T22:13:10.500+00:00 give or take 7.5 ms" in qcot("verify", file)
    for words, name in ((("49",), "cheap"), (("0", "--signed"), "asked"), (("44", "--checkpoint"), "own")):
        qcot("ledger", "prove", device, "1", *words, "--out", tmp_path / name)
    assert "signed itself that the link before reading 56" in qcot("verify", tmp_path / "own", "--signed")
    qcot("ledger", "prove", device, "1", "57", "--checkpoint", wrong="no-such-checkpoint")


def test_a_revocation_that_is_brought_counts(qcot: Run, home: Home, board: Board, tmp_path: Path) -> None:
    file, taken = tmp_path / "proof.qcot", tmp_path / "taken.cbor"
    qcot("ledger", "prove", board.device.hex(), "1", "30", "--out", file)
    qcot("authority", "revoke", board.device.hex(), "--out", taken, "--json")
    qcot("verify", file, "--revocation", taken, wrong="certificate-revoked")  # its Qblock is of ten minutes later
    qcot("verify", file, "--revocation", tmp_path / "none", wrong="file-unreadable")
    qcot("verify", file, "--revocation", file, wrong="bad-cbor")


def test_a_transaction_as_a_whole_is_proven_by_its_leaf(qcot: Run, home: Home, tmp_path: Path) -> None:
    file = tmp_path / "leaf.qcot"
    assert json.loads(qcot("ledger", "prove", "--leaf", "0", "--out", file, "--json"))["bytes"] == file.stat().st_size
    assert "as a whole" in qcot("verify", file)
    qcot("ledger", "prove", "--leaf", "0", "--out", file, wrong="file-exists")
    qcot("ledger", "prove", "--leaf", "1", wrong="no-such-reading")
    qcot("ledger", "prove", wrong="which-reading")
    qcot("ledger", "prove", "00" * 8, "1", wrong="which-reading")
    qcot("ledger", "prove", "00" * 8, "1", "2", "--leaf", "0", wrong="which-reading")


def test_checkpoint_consistency_and_policy_are_text_of_c2sp(qcot: Run, home: Home) -> None:
    text = qcot("ledger", "checkpoint")
    vkey = checkpoint.VerifierKey.parse(qcot("ledger", "checkpoint", "--vkey").strip())
    read = checkpoint.parse(text)
    assert read.verify(vkey) > 0
    assert vkey.name == read.origin == home.settings().log_origin
    assert json.loads(qcot("ledger", "checkpoint", "--json"))["text"] == text
    proof = checkpoint.parse_consistency(qcot("ledger", "consistency", "0", "1"))
    assert proof.checkpoint == read
    assert json.loads(qcot("ledger", "consistency", "0", "1", "--json"))["old"] == proof.old
    qcot("ledger", "consistency", "0", "2", wrong="not-closed-yet")
    qcot("ledger", "consistency", "1", "0", wrong="wrong-order")
    assert qcot("ledger", "policy").splitlines() == [f"log {vkey}", "quorum none"]
    assert json.loads(qcot("ledger", "policy", "--json"))["quorum"] == 0


def test_a_witness_of_another_home_cosigns_by_files_and_evidence_carries_it(
    qcot: Run, board: Board, tmp_path: Path
) -> None:
    settings = Settings(gateway=GatewaySettings(witnesses=("tower",), quorum=1))
    home = founded(tmp_path / "home", settings)
    qcot("certificate", "request", "gateway")  # says whom checkpoints need from now on
    filled(home, board)
    proof = tmp_path / "proof.qcot"
    prove = ("ledger", "prove", board.device.hex(), "1", "3", "--out", proof)
    qcot(*prove, wrong="quorum-missing")
    there, files = tmp_path / "tower", {name: tmp_path / name for name in ("vkey", "ask", "line")}
    made = json.loads(qcot("ledger", "witness", "init", "tower", "--site", "home", "--home", there, "--json"))
    qcot("ledger", "witness", "init", "tower", "--site", "home", "--home", there, wrong="witness-state")
    qcot("authority", "window", "--for", "10m")
    qcot("authority", "issue", made["request"], "--out", tmp_path / "answer", "--yes")
    qcot("certificate", "install", tmp_path / "answer")
    qcot("ledger", "checkpoint", "--vkey", to=files["vkey"])
    qcot("ledger", "witness", "ask", "tower", to=files["ask"])
    qcot("ledger", "witness", "sign", files["ask"], "--home", there, wrong="witness-log-unknown")
    qcot("ledger", "witness", "add", files["vkey"], "--home", there)
    qcot("ledger", "witness", "sign", files["ask"], "--home", there, to=files["line"])
    size = json.loads(qcot("ledger", "checkpoint", "--json"))["size"]
    shown = json.loads(qcot("ledger", "witness", "show", "--home", there, "--json"))
    assert shown["logs"][settings.log_origin]["size"] == size
    assert made["vkey"] in qcot("ledger", "witness", "show", "--home", there)
    assert json.loads(qcot("ledger", "witness", "take", files["line"], "--json")) == {"tower": size}
    qcot("ledger", "witness", "take", files["ask"], wrong="bad-checkpoint")
    assert json.loads(qcot("ledger", "witness", "ask", "tower", "--json"))["old"] == size
    assert f"witness tower {made['vkey']}" in qcot("ledger", "policy")
    qcot(*prove)
    found = json.loads(qcot("verify", proof, "--json"))
    assert (found["holds"], found["facts"]["witnesses"], found["facts"]["quorum"]) == (True, 1, 1)


def test_the_authority_anchors_here_and_by_files(qcot: Run, home: Home, board: Board, tmp_path: Path) -> None:
    proof, asked, made = tmp_path / "proof.qcot", tmp_path / "ask.txt", tmp_path / "anchor.cbor"
    size = json.loads(qcot("ledger", "checkpoint", "--json"))["size"]
    qcot("ledger", "anchor", "ask", to=asked)
    assert checkpoint.parse_consistency(asked.read_text()).old == 0
    assert json.loads(qcot("ledger", "anchor", "sign", asked, "--out", made, "--json"))["size"] == size
    assert json.loads(qcot("ledger", "anchor", "take", made, "--json"))["size"] == size
    assert json.loads(qcot("ledger", "anchor", "--json"))["size"] == size  # the same again
    assert json.loads(qcot("ledger", "anchor", "ask", "--json"))["old"] == size
    qcot("ledger", "prove", board.device.hex(), "1", "3", "--out", proof)
    assert json.loads(qcot("verify", proof, "--json"))["facts"]["anchored"] is True
    qcot("ledger", "anchor", "take", proof, wrong="bad-")
    qcot("ledger", "anchor", "sign", proof, "--out", made, wrong="file-unreadable")
    forged = tmp_path / "forged.txt"
    forged.write_text(asked.read_text().replace(home.settings().log_origin, "elsewhere"))
    qcot("ledger", "anchor", "sign", forged, "--out", made, wrong="checkpoint-unsigned")


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (("ledger", "checkpoint"), "ledger-missing"),
        (("ledger", "anchor", "ask"), "ledger-missing"),
        (("ledger", "anchor"), "authority-missing"),
        (("ledger", "witness", "show"), "witness-missing"),
        (("ledger", "witness", "sign", "/nonexistent"), "file-unreadable"),
        (("verify", "/nonexistent"), "file-unreadable"),
    ],
)
def test_what_is_missing_is_named(qcot: Run, words: tuple[str, ...], name: str) -> None:
    qcot(*words, wrong=name)

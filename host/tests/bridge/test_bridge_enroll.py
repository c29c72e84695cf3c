"""Enrolment over a real pty: no key is ever lost, and nothing is believed without proof."""

import binascii
import contextlib
import hmac
import json
import os
import signal
import stat
import struct
import time

import pytest
from bridge_site import sample
from patience import until
from qcot.boards import enroll as enrolment
from qcot.boards.enroll import enroll
from qcot.boards.registry import BoardRegistry, EnrolledBoard
from qcot.errors import QcotError
from qcot.link.messages import Code
from qcot.link.transport import SerialPort


def failure(*arguments, **options):
    with pytest.raises(QcotError) as caught:
        enroll(*arguments, **options)
    return caught.value.problem.name


def test_a_board_gets_an_identity_and_its_channels_are_recorded(home):
    board = home.blank()
    said = []
    done = enroll(board.path, home.registry, window=20, progress=said.append)
    assert done.fresh
    assert done.board.device == board.board.device
    assert any(board.board.device)
    assert home.registry.key(board.board.device) == board.board.key
    assert [(each.name, each.unit) for each in done.board.channels] == [("A0", "V"), ("A1", "V"), ("temp", "Cel")]
    assert home.registry.boards() == [done.board]
    assert BoardRegistry(home.path).board(board.board.device) == done.board
    assert len(said) == 3


def test_the_key_file_is_for_its_owner_alone(home):
    board = home.blank()
    enroll(board.path, home.registry, window=20)
    path = home.registry.key_path(board.board.device)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o640)
    with pytest.raises(QcotError, match="key-file-mode"):
        home.registry.key(board.board.device)


def test_enrolling_again_changes_nothing(home):
    board = home.blank()
    first = enroll(board.path, home.registry, window=20)
    key = board.board.key
    again = enroll(board.path, home.registry, window=20)
    assert again.board == first.board
    assert not again.fresh
    assert board.board.key == key
    assert len(list((home.path / "keys" / "boards").glob("*.key"))) == 1


def test_rates_can_be_set_on_a_board_in_mid_stream_and_its_readings_wait_for_the_bridge(home):
    board = home.blank()
    enroll(board.path, home.registry, window=20)
    with board.lock:
        sample(board, 28)
        board.board.base = 14  # as if a bridge had stored so many
    said = enroll(board.path, home.registry, rates={"A1": 5.0, "temp": 0.1}, window=20)
    assert not said.fresh
    assert board.board.rates == {1: 5000, 2: 100}
    assert (board.board.base, board.board.head) == (14, 28)


@pytest.mark.parametrize("hertz", [500.0, 0.05, -1.0, float("nan"), float("inf")])
def test_a_rate_that_no_board_takes_is_refused_before_the_board_hears_anything(home, hertz):
    board = home.blank()
    assert failure(board.path, home.registry, rates={"A0": hertz}, window=20) == "rate-refused"
    assert not board.board.key
    assert home.registry.boards() == []


@pytest.mark.parametrize(
    ("rates", "problem", "reason", "go_on"),
    [
        ({"B7": 1.0}, "no-channel", "peer-a has A0, A1, temp and no B7", ""),
        ({"A0": 5.0, "A1": 2.0, "temp": 0.5}, "rate-refused", "A1=2: pin-taken by A0", " --rate A0=5 --rate temp=0.5"),
    ],
)
def test_where_a_board_refuses_a_rate_the_reason_has_what_stands_and_the_command_that_goes_on(
    home, rates, problem, reason, go_on
):
    board = home.blank(shared_pins=(0, 1))
    with pytest.raises(QcotError) as caught:
        enroll(board.path, home.registry, rates=rates, window=20)
    assert caught.value.problem.name == problem
    assert reason in caught.value.reason
    assert f"board {board.board.device.hex()} keeps its identity" in caught.value.reason
    assert f"`qcot enroll {board.path}{go_on}` goes on from there" in caught.value.reason
    assert [each.device for each in home.registry.boards()] == [board.board.device]
    held = {name: hertz for name, hertz in rates.items() if f"{name}={hertz:g}" in go_on}
    again = enroll(board.path, home.registry, rates=held, window=20)
    assert not again.fresh
    assert board.board.rates == {0: 5000, 2: 500} if held else not board.board.rates


def test_a_board_that_another_home_enrolled_is_refused_by_name(home, tmp_path):
    board = home.blank()
    enroll(board.path, BoardRegistry(tmp_path / "other"), window=20)
    assert failure(board.path, home.registry, window=5) == "enrolled-elsewhere"


@pytest.mark.parametrize("code", [Code.STORAGE_FAILED, Code.ALREADY_ENROLLED])
def test_a_refusal_of_the_board_is_told_by_name(home, code):
    board = home.blank(refuse_enrol=code)
    assert failure(board.path, home.registry, window=5) == "enrol-refused"
    assert home.registry.boards() == []


def test_a_board_with_a_damaged_identity_is_told_by_name(home):
    assert failure(home.blank(damaged=True).path, home.registry, window=5) == "identity-damaged"


def test_silence_is_told_by_name_when_the_window_ends(home):
    board = home.blank()
    board.mute = True
    assert failure(board.path, home.registry, window=0.5) == "board-silent"


def test_a_port_that_is_not_there_is_told_by_name(home):
    assert failure(home.ports / "none", home.registry, window=1) == "port-missing"


def test_a_port_in_use_is_told_by_name_at_once(home):
    """The window is longer than a test may take."""
    board = home.blank()
    with contextlib.closing(SerialPort(board.path)):
        assert failure(board.path, home.registry, window=3600) == "port-busy"
    assert enroll(board.path, home.registry, window=20).fresh


def test_an_answer_without_proof_of_possession_enrols_nothing(home, monkeypatch):
    monkeypatch.setattr(enrolment, "ENROL_TIMEOUT", 0.5)
    board = home.blank()
    take = board.board._enrol

    def deaf(enrol):
        """Answers under another key than the one it was given."""
        take(type(enrol)(enrol.device, bytes(32), enrol.challenge))

    board.board._enrol = deaf
    assert failure(board.path, home.registry, window=5) == "enrolment-unproven"
    assert home.registry.boards() == []


@pytest.mark.parametrize("moment", ["key written", "identity given", "proof kept", "described"])
def test_an_enrolment_killed_at_any_moment_is_ended_by_the_next(home, moment):
    board = home.blank()
    child = os.fork()
    if child == 0:
        kill_at(moment, home.registry)
        with contextlib.suppress(BaseException):
            enroll(board.path, home.registry, window=20)
        os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
    assert home.registry.boards() == []
    until(lambda: moment == "key written" or board.board.key, "the identity")
    before = board.board.key
    done = enroll(board.path, home.registry, window=20)
    assert done.fresh == (moment == "key written")
    assert before in (b"", board.board.key)
    assert home.registry.key(board.board.device) == board.board.key
    assert home.registry.boards() == [done.board]
    assert proves(home.registry, board.board)


def proves(registry, board):
    """Whether what the authority is shown is the board's own answer, by the formulas of docs/link-protocol.md."""
    proof = registry.proof(board.device)
    key = hmac.digest(board.key, b"qcot/enrol/v1" + proof.challenge, "sha256")
    frame = b"\x04\x01\1\0\0\0" + board.device + proof.challenge + board.image
    mac = hmac.digest(key, frame, "sha256")[:16]
    return proof.frame == frame + mac + struct.pack("<H", binascii.crc_hqx(frame + mac, 0xFFFF))


def test_proof_of_possession_is_kept_for_the_authority_and_asked_for_again_where_it_was_lost(home):
    board = home.blank()
    enroll(board.path, home.registry, window=20)
    assert proves(home.registry, board.board)
    first = home.registry.proof(board.board.device)
    path = next((home.path / "keys" / "boards").glob("*.proof"))
    path.unlink()
    assert not enroll(board.path, home.registry, window=20).fresh
    assert proves(home.registry, board.board)
    assert home.registry.proof(board.board.device) != first
    path.unlink()
    board.reset()
    board.board.key = bytes(32)  # as if it were another board that says its id
    assert failure(board.path, home.registry, window=1) == "enrolment-unproven"
    assert not path.exists()


def kill_at(moment, registry):
    def die(*_):
        os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(10)

    if moment == "key written":
        registry.draw = lambda draw=registry.draw: (draw(), die())
    elif moment == "identity given":
        registry.keep_proof = die
    elif moment == "proof kept":
        enrolment.Dialogue.describe = die
    else:
        registry.record = die


@pytest.mark.parametrize("junk", ["", "[]", "{}", '{"device": "zz"}', "\x00"])
def test_a_broken_record_is_told_by_name(home, junk):
    board = home.blank()
    done = enroll(board.path, home.registry, window=20)
    path = home.path / "boards" / f"{done.board.device.hex()}.json"
    members = json.loads(path.read_text())
    for text in (junk, json.dumps(members | {"firmware": [1, 2]}), json.dumps(members | {"device": "00"})):
        path.write_text(text)
        with pytest.raises(QcotError, match="bad-board-record"):
            home.registry.board(done.board.device)
    other = EnrolledBoard.from_json(json.dumps(members | {"device": "11" * 8}))
    path.write_text(other.to_json())
    with pytest.raises(QcotError, match="bad-board-record"):
        home.registry.board(done.board.device)

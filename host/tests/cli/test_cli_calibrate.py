"""`qcot calibrate` with the firmware itself, built for this machine, in a home that has its own authority."""

import json
import time

import pytest
from command import run
from home_site import founded
from qcot.authority.registration import standing
from qcot.boards.emulator import EmulatedBoard
from qcot.boards.registry import BoardRegistry
from qcot.home import Home
from qcot.link.session import Session
from qcot.link.transport import SerialPort

__all__ = ["run"]


@pytest.fixture
def home(tmp_path):
    return founded(tmp_path / "home")


@pytest.fixture
def board(home, run, monkeypatch, tmp_path):
    monkeypatch.setitem(Session.__init__.__kwdefaults__, "listen", 0.0)  # no bootloader here
    with EmulatedBoard.start("native", state_dir=tmp_path / "board") as found:
        status, _, err = run("enroll", found.port, "--rate", "A0=0")
        assert status == 0, err
        yield found


def told(run, *words):
    status, out, _ = run(*words, "--json")
    found = json.loads(out)
    assert (status != 0) == isinstance(found.get("error"), dict), found
    return found


def certified(home: Home, device: str):
    found = standing(home, f"boards/{device}", int(time.time()))
    assert found is not None
    return found, {each.name: (each.num, each.den, each.offset) for each in found.board.channels}


def test_two_points_are_kept_by_the_board_the_record_and_a_new_certificate(run, board, home):
    status, out, _ = run("calibrate", board.port, "A0", "--point", "102=0.5", "--point", "922=4.6")
    assert status == 0
    assert "A0 = (raw -2) x 1/200 V" in out
    (record,) = BoardRegistry(home.path).boards()
    assert (record.channels[0].num, record.channels[0].den, record.channels[0].offset) == (1, 200, -2)
    assert (record.channels[1].num, record.channels[1].den, record.channels[1].offset) == (5, 1024, 0)
    first, channels = certified(home, record.device.hex())
    assert channels["A0"] == (1, 200, -2)
    found = told(run, "calibrate", board.port, "A0", "--point", "102=0.6")
    assert (found["num"], found["den"], found["offset"], found["error"]) == (1, 200, 18, 0.0)
    second, channels = certified(home, record.device.hex())
    assert channels["A0"] == (1, 200, 18)
    assert second.serial != first.serial


def test_a_calibration_outlives_the_board_and_is_taken_back_by_reset(run, board, home):
    told(run, "calibrate", board.port, "ds18b20", "--point", "3=0")
    board.power_cycle()
    again = told(run, "calibrate", board.port, "A1", "--point", "0=0")
    assert (again["num"], again["offset"]) == (5, 0)
    (record,) = BoardRegistry(home.path).boards()
    probe = next(each for each in record.channels if each.name == "ds18b20")
    assert (probe.num, probe.den, probe.offset) == (1, 16, -3)
    back = told(run, "calibrate", board.port, "ds18b20", "--reset")
    assert (back["num"], back["den"], back["offset"]) == (1, 16, 0)


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (("A9", "--point", "1=1"), "no-channel"),
        (("A0", "--point", "1"), "bad-point"),
        (("A0",), "bad-points"),
        (("A0", "--reset", "--point", "1=1"), "bad-points"),
        (("A0", "--point", "0=0", "--point", "1=99999"), "bad-gain"),
    ],
)
def test_what_cannot_be_done_is_refused_by_name_and_changes_nothing(run, board, home, words, name):
    before = [each.to_json() for each in BoardRegistry(home.path).boards()]
    assert told(run, "calibrate", board.port, *words)["error"]["name"] == name
    assert [each.to_json() for each in BoardRegistry(home.path).boards()] == before


def test_a_port_that_a_bridge_holds_is_refused_by_name(run, board):
    held = SerialPort(board.port)
    try:
        assert told(run, "calibrate", board.port, "A0", "--reset")["error"]["name"] == "port-busy"
    finally:
        held.close()


def test_a_board_that_is_not_enrolled_is_refused_by_name(run, board):
    board.press_erase()
    assert told(run, "calibrate", board.port, "A0", "--reset")["error"]["name"] == "board-unenrolled"

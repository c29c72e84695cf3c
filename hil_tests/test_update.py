"""New firmware on a board that is in use: what is in its EEPROM stays, also when the power fails during the upload."""

from dataclasses import replace
from functools import partial

import pytest
from qcot.boards.avr import CLOCK_HZ, AvrBoard
from qcot.boards.build import build
from qcot.boards.emulator import EmulatedBoard, wait_for
from qcot.boards.enroll import enroll
from qcot.boards.errors import IMAGE_DIFFERS, NO_HELLO, BoardError
from qcot.boards.flash import flash, hello_on, stage_of, upload
from qcot.link.problems import PORT_LOST

pytestmark = pytest.mark.has_bootloader

EPOCHS = slice(48, 144)  # docs/board.md, EEPROM: the one record that every boot writes
PAGE = 100  # of the flash, in mid-upload; an ATmega2560 has longer ones than the others
PAGE_BYTES = {"megaatmega2560": 256}
HALF_WRITTEN_RUNS = 3 * CLOCK_HZ  # the bootloader waits for one second of it
RATES = {"A0": 20.0, "A3": 1.0}


@pytest.fixture
def board(env, tmp_path):
    """A board with nothing on it but its bootloader."""
    build(env)  # before there is a board, which computes as it waits
    with EmulatedBoard.start(env, state_dir=tmp_path / "board", blank=True) as running:
        assert isinstance(running, AvrBoard)
        yield running


@pytest.fixture
def enrolled(env, board, registry):
    """The same, flashed and enrolled, with settings and something where the signing key is kept."""
    flash(env, board.port)
    return enroll(board.port, registry, rates=RATES).board


def kept(board: AvrBoard) -> bytes:
    """The EEPROM without its boot counter."""
    held = bytearray((board.setup.state_dir / "eeprom.bin").read_bytes())
    held[EPOCHS] = bytes(EPOCHS.stop - EPOCHS.start)
    return bytes(held)


def flash_of(board: AvrBoard) -> bytes:
    return (board.setup.state_dir / "flash.bin").read_bytes()


def unplugged_when_off(board: AvrBoard, line: str) -> None:
    """Listens to an upload: the port goes with the power, as it does when a cable is pulled."""
    if stage_of(line) == "writing":
        wait_for(lambda: not board.powered, 60, board.setup.env)
        board.unplug()


def test_an_update_keeps_identity_settings_and_signing_state_and_counts_on(env, board, enrolled):
    board.power_off()
    before = kept(board)
    board.power_on()
    epoch = hello_on(board.port, 15).epoch
    done = flash(env, board.port)
    assert done.hello.device == enrolled.device
    assert done.hello.epoch > epoch
    board.power_off()
    assert kept(board) == before


def test_a_power_cut_in_mid_upload_costs_nothing_but_another_upload(env, board, enrolled):
    board.power_off()
    before = kept(board)
    board.power_on()
    epoch, program = hello_on(board.port, 15).epoch, flash_of(board)
    board.power_off_at_page(PAGE)
    with pytest.raises(BoardError) as caught:
        upload(env, board.port, partial(unplugged_when_off, board))
    assert caught.value.problem is PORT_LOST
    size = PAGE_BYTES.get(env, 128)
    at, end = (PAGE - 1) * size, PAGE * size
    assert flash_of(board) == program[:at] + b"\xff" * size + program[end:]
    board.plug()
    board.run_cycles(HALF_WRITTEN_RUNS)  # whatever half a program does, it does it now
    assert kept(board) == before
    done = flash(env, board.port)
    assert done.hello.device == enrolled.device
    assert done.hello.epoch > epoch
    board.power_off()
    assert kept(board) == before


def test_a_board_that_runs_another_image_than_was_uploaded_is_not_believed(env, board, monkeypatch):
    made = upload(env, board.port)
    monkeypatch.setattr("qcot.boards.flash.upload", lambda *_: replace(made, image=bytes(32)))
    with pytest.raises(BoardError) as caught:
        flash(env, board.port)
    assert caught.value.problem is IMAGE_DIFFERS


def test_a_board_that_says_nothing_after_its_upload_is_told_by_name(board):
    with pytest.raises(BoardError) as caught:
        hello_on(board.port, 2.0)  # nothing but a bootloader is on it
    assert caught.value.problem is NO_HELLO

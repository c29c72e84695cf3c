"""A board that is its own USB port: what a computer does to it that a UART never sees."""

import pytest
import serial
from qcot.boards.avr import CLOCK_HZ
from qcot.boards.enroll import enroll

pytestmark = pytest.mark.own_usb


def test_closing_the_port_at_1200_baud_starts_the_board_anew_for_its_bootloader(board, registry, connect):
    enroll(board.port, registry)
    host = connect()
    epoch = host.opened().opened.epoch
    host.close()
    serial.Serial(board.port, 1200).close()
    board.run_cycles(CLOCK_HZ)
    # No bootloader here: the program starts again, and says so by its next epoch.
    assert connect().opened().opened.epoch == epoch + 1


def test_closing_the_port_at_another_speed_does_not(board, registry, connect):
    enroll(board.port, registry)
    host = connect()
    epoch = host.opened().opened.epoch
    host.close()
    for baud in (9600, 57600, 115200):
        serial.Serial(board.port, baud).close()
    board.run_cycles(CLOCK_HZ)
    assert connect().opened().opened.epoch == epoch


def test_a_reset_takes_the_board_off_the_bus_and_it_comes_back(board, registry, connect):
    enroll(board.port, registry)
    host = connect()
    epoch = host.opened().opened.epoch
    board.reset()
    assert host.opened().opened.epoch == epoch + 1

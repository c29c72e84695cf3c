"""A native board as a process: power, erasing and logs, with a stand-in for the program that keeps to its options."""

import stat
import sys
from pathlib import Path

import pytest
from qcot.boards.emulator import Conversion, EmulatedBoard
from qcot.boards.errors import EMULATOR_FAILED, UNKNOWN_BOARD, BoardError
from qcot.boards.recording import Signal

PROGRAM = f"""#!{sys.executable}
import argparse, os, pathlib, signal, tty
parser = argparse.ArgumentParser()
for name in ("eeprom", "link", "seed", "log", "signal"):
    parser.add_argument(f"--{{name}}")
for name in ("erase", "once", "until-eof"):
    parser.add_argument(f"--{{name}}", action="store_true")
chosen = parser.parse_args()
eeprom = pathlib.Path(chosen.eeprom)
boots = eeprom.read_bytes() if eeprom.exists() and not chosen.erase else b""
eeprom.write_bytes(boots + b"+")
sample = pathlib.Path(chosen.signal).read_text().split(",")[1].strip()
pathlib.Path(chosen.log).write_text(f"0 {{sample}} 100\\n6 5006 {{len(boots)}}\\n")
master, slave = os.openpty()
pathlib.Path(chosen.link).unlink(missing_ok=True)
os.symlink(os.ttyname(slave), chosen.link)
print("port:", os.ttyname(slave), flush=True)
signal.pause()
"""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "program"
    path.write_text(PROGRAM)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_power_is_the_process_and_the_eeprom_outlives_it(tmp_path: Path, program: Path) -> None:
    recording = Signal("one", (0.0,), (321,))
    with EmulatedBoard.start("native", state_dir=tmp_path / "board", elf=program, signal=recording) as board:
        eeprom = tmp_path / "board" / "eeprom.bin"
        assert Path(board.port).exists()
        first = board.pid
        board.power_off()
        assert not board.running
        assert not Path(board.port).exists()
        board.power_on()
        assert board.pid != first
        assert eeprom.read_bytes() == b"++"
        board.reset()
        assert eeprom.read_bytes() == b"+++"
        board.press_erase()
        assert eeprom.read_bytes() == b"+"
        board.power_cycle()
        assert eeprom.read_bytes() == b"++"
        assert Path(board.port).exists()
        assert board.adc_log()[:2] == [Conversion(100, 0, 321), Conversion(0, 6, 5006)]
        assert [row.at for row in board.adc_log() if row.channel == 6] == [0, 1, 2, 0, 1]
    assert not board.running


def test_a_native_board_that_is_to_start_off_waits_for_power(tmp_path: Path, program: Path) -> None:
    recording = Signal("one", (0.0,), (1,))
    with EmulatedBoard.start(
        "native", state_dir=tmp_path / "board", elf=program, signal=recording, powered=False
    ) as board:
        assert not board.running
        board.plug()
        assert board.running


def test_a_native_board_that_does_not_start_says_why(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\necho eeprom.bin: damaged >&2\nexit 2\n")
    program.chmod(0o755)
    with pytest.raises(BoardError) as caught:
        EmulatedBoard.start("native", state_dir=tmp_path / "board", elf=program)
    assert caught.value.problem is EMULATOR_FAILED
    assert "eeprom.bin: damaged" in caught.value.reason


@pytest.mark.parametrize(
    ("device", "expected"),
    [
        ("ds18b20=warm", "ds18b20=SIXTEENTHS of a degree, or file:CSV"),
        ("pulses=1,2,3", "pulses=HZ,COUNT"),
        ("fridge", "sht31, ds18b20 or pulses"),
    ],
)
def test_values_that_a_part_cannot_have_are_refused_with_its_usage(tmp_path: Path, device: str, expected: str) -> None:
    with pytest.raises(BoardError) as caught:
        EmulatedBoard.start("native", state_dir=tmp_path / "board", devices=[device])
    assert caught.value.problem is EMULATOR_FAILED
    assert f"--device {device}: expected {expected}" in caught.value.reason


def test_a_native_board_has_no_bootloader_to_be_blank_with(tmp_path: Path) -> None:
    with pytest.raises(BoardError) as caught:
        EmulatedBoard.start("native", state_dir=tmp_path, blank=True)
    assert caught.value.problem is UNKNOWN_BOARD


def test_a_native_board_ends_with_its_parent(tmp_path: Path) -> None:
    with EmulatedBoard.start("native", state_dir=tmp_path / "board") as board:
        process = board._process
        assert process
        assert process.stdin
        process.stdin.close()  # what the kernel does when the parent dies
        assert process.wait(20) == 0
        assert not Path(board.port).is_symlink()

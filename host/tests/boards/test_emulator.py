"""The emulator as a stand-in for a board: what a host sees of it, and what outlives it."""

import os
import resource
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import serial
from patience import PATIENCE_S
from qcot.boards.emulator import EmulatedBoard, build_emulator, wait_for
from qcot.boards.errors import (
    BAD_SIGNAL,
    EMULATOR_FAILED,
    EMULATOR_GONE,
    STATE_IN_USE,
    UNKNOWN_BOARD,
    BoardError,
)
from qcot.boards.recording import Signal
from sketch_board import BAUD, StartBoard, booted, convert, eeprom_read, eeprom_write, open_port

PORF, EXTRF, WDRF = 1, 2, 8
HOLD_S = 0.001


def ramp(values: list[int]) -> Signal:
    return Signal("ramp", tuple(index * HOLD_S for index in range(len(values))), tuple(values))


@pytest.mark.parametrize("env", ["uno", "megaatmega2560"])
def test_opening_the_port_resets_the_board_and_bytes_go_both_ways(start: StartBoard, env: str) -> None:
    board = start(env)
    with open_port(board) as link:
        assert booted(link) == (EXTRF, 1)
        text = bytes(range(256)) * 8
        for at in range(0, len(text), 200):
            part = text[at : at + 200]
            link.write(b"e" + bytes([len(part)]) + part)
            assert link.read(len(part)) == part


def test_an_open_and_close_too_quick_to_see_still_resets(start: StartBoard) -> None:
    board = start(dtr=True)
    with open_port(board) as link:
        booted(link)
        link.write(b"s")
        assert link.read(1) == b"S"
    for _ in range(3):
        os.close(os.open(board.port, os.O_RDWR | os.O_NOCTTY))
    with open_port(board) as link:
        assert booted(link) == (EXTRF, 1)


def test_a_second_opener_does_not_reset(start: StartBoard) -> None:
    board = start()
    with open_port(board) as link:
        booted(link)
        os.close(os.open(board.port, os.O_RDWR | os.O_NOCTTY))
        board.run_cycles(1_000_000)
        link.write(b"e\x02ok")
        assert link.read(2) == b"ok"


def test_without_dtr_an_open_port_leaves_the_board_alone(start: StartBoard) -> None:
    board = start(dtr=False)
    with open_port(board) as link:
        link.write(b"e\x02ok")
        assert link.read(2) == b"ok"


def test_nothing_said_before_the_open_is_heard_after_it(start: StartBoard) -> None:
    board = start()
    with open_port(board) as link:
        booted(link)
        link.write(b"f")
        assert link.read(3) == b"\x00\x01\x02"
    descriptor = os.open(board.port, os.O_RDWR | os.O_NOCTTY)  # unlike pyserial this flushes nothing
    try:
        board.run_cycles(1_000_000)
        heard = os.read(descriptor, 4096)
    finally:
        os.close(descriptor)
    assert heard == bytes([ord("B"), EXTRF, 1])


def test_a_host_that_does_not_read_does_not_hold_up_the_board(start: StartBoard) -> None:
    board = start(real_time=False)
    with open_port(board) as link:
        booted(link)
        link.write(b"f")
        board.run_cycles(160_000_000)  # ten seconds at 25 kB/s: more than any buffer keeps
        heard = link.read(1000)
    assert heard == bytes(index % 256 for index in range(1000))


@pytest.mark.parametrize("env", ["uno", "megaatmega2560"])
def test_the_adc_reads_each_of_the_1024_counts_as_recorded_and_at_its_time(start: StartBoard, env: str) -> None:
    hold_cycles = 3_200
    recording = Signal("ramp", tuple(count * hold_cycles / 16e6 for count in range(1024)), tuple(range(1024)))
    board = start(env, signal=recording, real_time=False)
    with open_port(board) as link:
        booted(link)
        link.write(b"c")
        answer = link.read(5000)
    read = [int.from_bytes(answer[at : at + 2], "little") for at in range(0, len(answer), 2)]
    log = board.adc_log()
    assert set(read) == set(range(1024))
    assert [row.value for row in log] == read
    assert [row.at // hold_cycles % 1024 for row in log] == read


def test_the_supply_and_the_temperature_of_the_chip_are_sensible(start: StartBoard) -> None:
    board = start(real_time=False)
    with open_port(board) as link:
        booted(link)
        bandgap, temperature = convert(link, 0x40 | 14), convert(link, 0xC0 | 8)
    assert 1.1 * 1024 / bandgap == pytest.approx(5.0, abs=0.05)  # volts
    assert (temperature - 324.31) / 1.22 == pytest.approx(25, abs=1)  # degrees, typical line of the ATmega328P
    assert [(row.channel, row.value) for row in board.adc_log()] == [(14, bandgap), (8, temperature)]


def test_a_recording_begins_anew_at_its_end_or_holds_its_last_value(start: StartBoard) -> None:
    again, once = start(signal=ramp([7, 9]), real_time=False), start(signal=ramp([7, 9]), once=True, real_time=False)
    for board in (again, once):
        with open_port(board) as link:
            booted(link)
            board.run_cycles(100_000)
            for _ in range(40):
                convert(link)
                board.run_cycles(9_000)
    assert {row.value for row in again.adc_log()} == {7, 9}
    assert {row.value for row in once.adc_log()} == {9}


@pytest.mark.parametrize("cut", ["power", "kill"])
def test_the_eeprom_outlives_a_power_cut(start: StartBoard, cut: str) -> None:
    board = start()
    with open_port(board) as link:
        booted(link)
        assert eeprom_read(link, 1023) == 0xFF
        eeprom_write(link, 1023, 0xA5)
    if cut == "power":
        board.power_off()
        assert not board.powered
    else:
        board.kill()
    board.power_on()
    with open_port(board) as link:
        booted(link)
        assert eeprom_read(link, 1023) == 0xA5


def test_writing_an_eeprom_byte_takes_as_long_as_on_the_chip(start: StartBoard) -> None:
    board = start(real_time=False)
    with open_port(board) as link:
        booted(link)
        eeprom_write(link, 0, 1)
    (began, first), (ended, second) = board.marks()
    assert (first, second) == (1, 2)
    assert 54_400 <= ended - began < 120_000  # 3.4 ms, and three bytes at 250,000 baud


def test_a_power_cut_tears_the_byte_that_is_being_written_and_no_other(start: StartBoard, tmp_path: Path) -> None:
    """The board writes 0xAA over 0x55 right after it boots; the power goes ever later."""
    results = {}
    for cut in range(500, 70_000, 5_000):
        folder = tmp_path / f"cut-{cut}"
        folder.mkdir()
        before = bytes([0x0F] * 6 + [0x55, 1] + [0x0F] * 1016)
        (folder / "eeprom.bin").write_bytes(before)
        board = start(state_dir=folder, powered=False, real_time=False, seed=cut)
        board.power_on(cut_after_cycles=cut)
        while board.powered:
            pass
        after = (folder / "eeprom.bin").read_bytes()
        assert after[:6] + after[7:] == before[:6] + before[7:]
        results[cut] = after[6]
    ordered = list(results.values())
    assert results[65_500] == 0xAA
    assert all(byte & 0x55 == 0x55 for cut, byte in results.items() if cut < 20_000)  # erasing: bits only go to 1
    assert all(byte & 0xAA == 0xAA for cut, byte in results.items() if 40_000 < cut < 50_000)  # programming: to 0
    assert len(set(ordered) - {0x55, 0xAA}) > 2


def test_the_same_cut_after_power_on_is_the_same_cycle(start: StartBoard) -> None:
    ends = []
    for _ in range(2):
        board = start(powered=False, real_time=False)
        board.power_on(cut_after_cycles=123_456)
        while board.powered:
            pass
        ends.append(board.cycles)
    assert ends[0] == ends[1]
    assert 0 <= ends[0] - 123_456 < 8


def test_the_causes_of_a_reset_are_told_apart(start: StartBoard) -> None:
    board = start(dtr=False, powered=False)
    with open_port(board) as link:
        board.power_on()
        assert booted(link) == (PORF, 1)
        link.write(b"d")
        assert booted(link) == (WDRF, 1)
        board.reset()
        assert booted(link) == (EXTRF, 1)


def test_a_pin_held_low_reads_low_through_a_reset_and_high_after_it_is_let_go(start: StartBoard) -> None:
    board = start(dtr=False)
    with open_port(board) as link:
        board.drive("12", "0")
        link.reset_input_buffer()
        for _ in range(2):
            board.reset()
            assert booted(link) == (EXTRF, 0)
        board.drive("12", "z")
        for _ in range(2):
            board.reset()
            assert booted(link) == (EXTRF, 1)


def test_the_led_and_the_state_are_told(start: StartBoard) -> None:
    board = start()
    with open_port(board) as link:
        booted(link)
        assert board.led
        board.power_off()
        assert not board.led
        assert not board.powered


@pytest.mark.parametrize("end", [b"h", b"q"])
def test_a_program_that_stops_for_good_stops_no_clock_and_a_reset_starts_it_anew(start: StartBoard, end: bytes) -> None:
    board = start()
    with open_port(board) as link:
        booted(link)
        link.write(end)
        wait_for(lambda: board.command("state?").startswith("stopped"), PATIENCE_S, "uno")
        board.run_cycles(1_000_000)
        board.reset()
        assert booted(link) == (EXTRF, 1)


def test_the_watchdog_starts_a_stopped_program_anew(start: StartBoard) -> None:
    with open_port(start()) as link:
        booted(link)
        link.write(b"H")
        assert booted(link) == (WDRF, 1)


def test_an_unplugged_board_hangs_up_and_comes_back_under_the_same_name(start: StartBoard) -> None:
    board = start()
    link = open_port(board)
    booted(link)
    board.unplug()
    assert not Path(board.port).exists()
    with pytest.raises(serial.SerialException):
        link.read(1)
    link.close()
    board.plug()
    with open_port(board) as again:
        assert booted(again)[1] == 1


def test_real_time_is_kept_and_full_speed_is_not(start: StartBoard) -> None:
    """Bounds that no load can break: a board in real time never runs ahead."""
    paced = start()
    began, at = time.monotonic(), paced.cycles
    paced.run_cycles(4_000_000)
    assert paced.cycles - at <= (time.monotonic() - began) * 16_000_000 + 2_000_000


def test_a_command_that_does_not_exist_is_refused(start: StartBoard) -> None:
    board = start()
    junk = (
        "fly",
        "",
        " ",
        "pin",
        "pin 99 0",
        "pin 12 7",
        "pin 12x 0",
        "pin Z9 0",
        "pin B 1",
        "pin B44 1",
        "power-off soon",
        "cut-page",
        "cut-page 0",
        "cut-page two",
        "cut-page 65536",
    )
    for text in (*junk, "power-on -5", "power-off 99999999999999999999", "%s%n", "\x00", "é" * 20):
        with pytest.raises(BoardError) as caught:
            board.command(text)
        assert caught.value.problem is EMULATOR_FAILED


def flood(client: socket.socket, part: bytes) -> None:
    while True:
        client.sendall(part)


def test_a_client_that_floods_the_control_socket_harms_only_itself(start: StartBoard) -> None:
    board = start()
    began, at = time.monotonic(), board.cycles
    with socket.socket(socket.AF_UNIX) as deaf, socket.socket(socket.AF_UNIX) as endless:
        for client in (deaf, endless):
            client.connect(str(board.socket))
            client.settimeout(PATIENCE_S)
        for client, part in ((deaf, b"cycles?\n" * 100), (endless, b"x" * 1000)):  # neither answers read, nor a line
            with pytest.raises((BrokenPipeError, ConnectionResetError)):
                flood(client, part)
        with open_port(board) as link:
            booted(link)
    # To be woken by all this made its clock no faster.
    assert board.cycles - at <= (time.monotonic() - began) * 16_000_000 + 500_000


def test_clients_that_connect_and_say_nothing_do_not_stop_the_board(start: StartBoard) -> None:
    board = start()
    idle = [socket.socket(socket.AF_UNIX) for _ in range(5)]
    for client in idle:
        client.connect(str(board.socket))
    with open_port(board) as link:
        booted(link)
    for client in idle:
        client.close()
    assert board.powered


def test_a_port_that_is_closed_in_mid_frame_leaves_the_board_ready_for_the_next(start: StartBoard) -> None:
    board = start()
    for _ in range(20):
        with open_port(board) as link:
            booted(link)
            link.write(b"e\xffhalf of it")  # it asked for 255 bytes
            assert link.read(10) == b"half of it"
    with open_port(board) as link:
        assert booted(link) == (EXTRF, 1)
        link.write(b"e\x02ok")
        assert link.read(2) == b"ok"


def test_two_boards_on_one_state_folder_are_refused(start: StartBoard) -> None:
    board = start()
    with pytest.raises(BoardError) as caught:
        start(state_dir=board.setup.state_dir)
    assert caught.value.problem is STATE_IN_USE
    with open_port(board) as link:
        booted(link)
    board.kill()
    with pytest.raises(BoardError) as caught:  # off is not gone
        start(state_dir=board.setup.state_dir)
    assert caught.value.problem is STATE_IN_USE
    board.stop()
    start(state_dir=board.setup.state_dir)


PARENT = """
import sys, time
from pathlib import Path
from qcot.boards.emulator import EmulatedBoard
board = EmulatedBoard.start("uno", state_dir=Path(sys.argv[1]), elf=Path(sys.argv[2]))
print(board.pid, flush=True)
time.sleep(600)
"""


def test_a_parent_that_is_killed_leaves_no_emulator_behind(
    start: StartBoard, sketches: dict[str, Path], tmp_path: Path
) -> None:
    command = [sys.executable, "-c", PARENT, str(tmp_path / "orphan"), str(sketches["uno"])]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        child = int(parent.stdout.readline())
        parent.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + PATIENCE_S
    while Path(f"/proc/{child}").exists() and "Z" not in Path(f"/proc/{child}/stat").read_text().split()[2]:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    with open_port(start(state_dir=tmp_path / "orphan")) as link:  # and the folder is free again
        booted(link)


@pytest.mark.parametrize("option", ["--adc-log", "--marks"])
def test_a_log_on_a_full_disk_stops_the_emulator_by_name(
    sketches: dict[str, Path], tmp_path: Path, option: str
) -> None:
    link = tmp_path / "tty"
    arguments = [build_emulator(), "-m", "atmega328p", "--elf", sketches["uno"], "--link", link, option, "/dev/full"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline().startswith("port: ")
        with serial.Serial(str(link), BAUD, timeout=PATIENCE_S) as port:
            booted(port)
            port.write(b"w\x00\x00\x01a\x40")  # marks, then converts
            _, said = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 2
    assert f"{option}: No space left on device" in said


def test_memories_that_the_disk_has_no_room_for_are_refused_by_name(sketches: dict[str, Path], tmp_path: Path) -> None:
    def no_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (512, 512))

    arguments = [build_emulator(), "-m", "atmega328p", "--elf", sketches["uno"], "--eeprom", tmp_path / "eeprom.bin"]
    done = subprocess.run(
        arguments, preexec_fn=no_room, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert done.returncode == 2
    assert "eeprom.bin: File too large" in done.stderr


def test_a_board_that_died_says_so(start: StartBoard) -> None:
    board = start()
    os.kill(board.pid, 9)
    board.kill()
    assert not board.running
    with pytest.raises(BoardError) as caught:
        board.reset()
    assert caught.value.problem is EMULATOR_GONE


def test_an_emulated_board_ends_with_its_parent(start: StartBoard) -> None:
    board = start()
    process = board._process
    assert process
    assert process.stdin
    process.stdin.close()  # what the kernel does when the parent dies
    assert process.wait(PATIENCE_S) == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("512\nabc\n", ":2: expected one value, got 'abc'"),
        ("0,512\n1;2\n", ":2: expected seconds,value, got '1;2'"),
        ("512\n1024\n", ":2: expected a whole count from 0 to 1023, got 1024"),
        ("0,1\n2,1\n1,1\n", ":3: expected time to go on from 2 s, got 1 s"),
        ("seconds,counts\n", ": expected samples, found none"),
    ],
)
def test_the_emulator_itself_refuses_a_broken_recording(
    start: StartBoard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, expected: str
) -> None:
    """What a user gives is checked in Python already; this is the second fence."""
    monkeypatch.setattr(Signal, "to_csv", lambda self: text)
    with pytest.raises(BoardError) as caught:
        start(signal=ramp([1]))
    assert caught.value.problem is EMULATOR_FAILED
    assert expected in caught.value.reason


def test_a_program_for_another_chip_is_refused(start: StartBoard, sketches: dict[str, Path], tmp_path: Path) -> None:
    junk = tmp_path / "junk.elf"
    for content, expected in ((b"no ELF", "expected an ELF"), (sketches["uno"].read_bytes()[:300], "cut short")):
        junk.write_bytes(content)
        with pytest.raises(BoardError) as caught:
            start(elf=junk)
        assert expected in caught.value.reason


def test_boards_and_inputs_that_do_not_exist_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BoardError) as caught:
        EmulatedBoard.start("nanoo", state_dir=tmp_path)
    assert caught.value.problem is UNKNOWN_BOARD
    with pytest.raises(BoardError) as caught:
        EmulatedBoard.start("uno", state_dir=tmp_path, elf=Path("any"), signal={"A9": ramp([1])})
    assert caught.value.problem is BAD_SIGNAL


def test_volts_rates_and_other_inputs_are_for_users_of_the_program_itself(
    sketches: dict[str, Path], tmp_path: Path
) -> None:
    volts, counts, log = tmp_path / "volts.csv", tmp_path / "counts.csv", tmp_path / "adc.log"
    volts.write_text("volts\n" + "2.5\n" * 3)
    counts.write_text("800\n")
    emulator = [build_emulator(), "-m", "atmega328p", "--elf", sketches["uno"], "--link", tmp_path / "tty"]
    for extra, mux, expected in (
        (["--signal", f"A3={volts}", "--volts", "--rate", "50"], 0x43, 511),
        (["--signal", f"A5={counts}", "--once"], 0x45, 800),
    ):
        arguments = [*emulator, *extra, "--adc-log", log, "--until-eof"]
        with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout
            assert process.stdin
            assert process.stdout.readline().startswith("port: /dev/pts/")
            with serial.Serial(str(tmp_path / "tty"), BAUD, timeout=PATIENCE_S) as link:
                booted(link)
                assert convert(link, mux) == expected
            assert log.read_text().split()[1:] == [str(mux & 0x0F), "1", str(expected)]
            process.stdin.close()
            assert process.wait(PATIENCE_S) == 0


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "expected -m and options"),
        (["-m", "atmega328p"], "nothing to run"),
        (["-m", "z80", "--bootloader", "any"], "z80: expected atmega328p, atmega2560 or atmega32u4"),
        (["-m", "atmega328p", "--elf", "any", "--rate", "0"], "--rate: expected a number above 0, got '0'"),
        (["-m", "atmega328p", "--elf", "any", "--signal", "A8=x"], "expected an input from A0 to A7"),
        (["-m", "atmega328p", "--elf", "any", "--signal", "missing.csv"], "missing.csv: No such file"),
        (["-m", "atmega328p", "--elf", "missing.elf"], "missing.elf: No such file"),
        (["-m", "atmega328p", "--bootloader", __file__], ":1: expected an Intel HEX record"),
    ],
)
def test_the_program_refuses_what_it_does_not_understand(arguments: list[str], expected: str) -> None:
    command = [build_emulator(), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == 2
    assert expected in done.stderr

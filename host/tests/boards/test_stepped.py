"""A board whose time the test holds: the same each time, and forked at a cycle of its life."""

import socket
import struct
import time
from pathlib import Path

import pytest
from patience import PATIENCE_S
from qcot.boards.emulator import EmulatedBoard
from qcot.boards.errors import EMULATOR_FAILED, EMULATOR_GONE, UNKNOWN_BOARD, BoardError
from qcot.boards.stepped import SteppedBoard
from sketch_board import StartBoard, booted, eeprom_write, open_port

BOOT = 20_000
WRITE = b"w\x06\0\xaa"  # 0xAA to EEPROM byte 6
WRITE_CYCLES = 54_400


def hear(board: SteppedBoard, cycles: int = BOOT) -> bytes:
    """What it says within ``cycles``."""
    said, end = b"", board.run(0).cycle + cycles
    while (left := end - board.run(0).cycle) > 0:
        said += board.run(left).said
    return said


def begin_write(board: SteppedBoard) -> int:
    """Let it write EEPROM byte 6 and stop in mid-write; returns when the byte takes."""
    hear(board)
    writes = board.run(0).writes
    step = board.run(1_000, WRITE)
    while step.writes == writes:
        step = board.run(1_000)
    assert 0 <= step.cycle - (step.written - WRITE_CYCLES) < 8
    step = board.run(WRITE_CYCLES * 3 // 4)  # in its second half bits go to 0
    assert step.writing
    return step.written


def test_the_same_steps_end_in_the_same_cycles_and_bytes(start: StartBoard) -> None:
    lives = []
    for _ in range(2):
        with start(stepped=True, seed=7).stepped() as board:
            lives.append([board.run(BOOT), board.run(BOOT, b"e\x03abc"), board.run(50_000, WRITE), board.run(99_999)])
    assert lives[0] == lives[1]
    assert [step.said for step in lives[0]][1:4] == [b"abc", b"", b"w"]


def test_a_step_ends_at_its_very_cycle_asleep_or_awake(start: StartBoard) -> None:
    with start(stepped=True).stepped() as board:
        hear(board)
        for data in (b"", b"s"):
            board.run(5_000, data)
            for cycles in (1, 7, 100, 12_345):
                at = board.run(0).cycle
                assert 0 <= board.run(cycles).cycle - at - cycles < 8


def test_time_stands_still_without_a_step(start: StartBoard) -> None:
    with start(stepped=True).stepped() as board:
        at = board.run(BOOT).cycle
        time.sleep(0.05)
        assert board.run(0).cycle == at


def test_a_step_ends_with_a_zero_byte_so_that_an_answer_is_heard_when_it_is_said(start: StartBoard) -> None:
    with start(stepped=True).stepped() as board:
        hear(board)
        step = board.run(1_000_000, b"e\x04ab\0c")
        assert step.said == b"ab\0"
        assert board.run(100_000).said == b"c"


def test_a_fork_is_cut_in_mid_write_and_the_board_goes_on_unharmed(start: StartBoard) -> None:
    board = start(stepped=True)
    with board.stepped() as line:
        written = begin_write(line)
        before = line.eeprom()
        torn = set()
        for seed in range(8):
            with line.fork(seed) as fork:
                assert fork.run(1_000).state == "off"
                torn.add(fork.eeprom()[6])
                assert fork.eeprom()[:6] + fork.eeprom()[7:] == before[:6] + before[7:]
                fork.power_on()
                assert hear(fork)[:1] == b"B"
        assert len(torn) > 1
        line.run(written - line.run(0).cycle)
        assert line.run(10_000).said == b"w"
        assert line.eeprom()[6] == 0xAA
    assert (board.setup.state_dir / "eeprom.bin").read_bytes()[6] == 0xAA


def test_a_fork_lives_as_long_as_its_client_and_waits_without_the_processor(start: StartBoard) -> None:
    with start(stepped=True).stepped() as line:
        hear(line)
        fork = line.fork(1)
        children = Path(f"/proc/{line_pid(line, fork)}/stat")
        used = children.read_text().split()[13:15]
        time.sleep(0.3)
        assert children.read_text().split()[13:15] == used
        fork.close()
        end = time.monotonic() + PATIENCE_S
        while children.exists() and time.monotonic() < end:
            time.sleep(0.005)
        assert not children.exists()


def line_pid(line: SteppedBoard, fork: SteppedBoard) -> int:
    """The process of ``fork``: the one that holds the other end of its socket."""
    assert line is not fork
    peer = fork._socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    # The listener was made before the fork, so that names the parent: its only child is meant.
    parent = struct.unpack("3i", peer)[0]
    return int(Path(f"/proc/{parent}/task/{parent}/children").read_text().split()[0])


def test_a_fork_of_a_board_in_real_time_leaves_its_port_alone(start: StartBoard) -> None:
    board = start()
    with open_port(board) as link:
        booted(link)
        assert board.command(f"fork {board.socket}-f 5").isdigit()
        with SteppedBoard(Path(f"{board.socket}-f")) as fork:
            fork.power_on()
            assert hear(fork)[:1] == b"B"
            fork.put_eeprom(6, b"\x11\x22")
            assert fork.eeprom()[6:8] == b"\x11\x22"
            eeprom_write(link, 6, 0x33)
            assert fork.eeprom()[6] == 0x11
        link.write(b"e\x02ok")
        assert link.read(2) == b"ok"
    assert (board.setup.state_dir / "eeprom.bin").read_bytes()[6:8] == b"\x33\xff"


def test_a_worn_byte_keeps_what_it_holds(start: StartBoard) -> None:
    with start(stepped=True).stepped() as board:
        board.wear(6)
        begin_write(board)
        hear(board, 2 * WRITE_CYCLES)
        assert board.eeprom()[6] == 0xFF
        assert hear(board, 3 * WRITE_CYCLES) == b""
        board.run(20_000, b"w\x07\0\x55")
        hear(board, 2 * WRITE_CYCLES)
        assert board.eeprom()[6:8] == b"\xff\x55"


JUNK = [
    "run",
    "run x",
    "run 5 zz",
    "run 5 abc",
    "run 5 " + "00" * 513,
    "run -1",
    "eeprom",
    "eeprom 1024",
    "eeprom 1023 0011",
]
JUNK += ["wear 1024", "wear", "fork", "fork x", "fork " + "x" * 200 + " 1", "fork /nowhere/at/all 1", "full-speed"]


@pytest.mark.parametrize("text", JUNK)
def test_an_absurd_command_is_refused_and_the_board_goes_on(start: StartBoard, text: str) -> None:
    with start(stepped=True).stepped() as board:
        with pytest.raises(BoardError) as caught:
            board._ask(text)
        assert caught.value.problem is EMULATOR_FAILED
        assert hear(board)[:1] == b"B"


def test_a_board_that_ended_is_named(start: StartBoard) -> None:
    emulated = start(stepped=True)
    with emulated.stepped() as board:
        emulated.kill()
        with pytest.raises(BoardError) as caught:
            board.run(1)
        assert caught.value.problem is EMULATOR_GONE
    with pytest.raises(BoardError) as caught:
        SteppedBoard(emulated.socket)
    assert caught.value.problem is EMULATOR_GONE


def test_what_a_board_that_keeps_its_own_time_is_not_asked(start: StartBoard) -> None:
    board = start()
    with pytest.raises(BoardError) as caught:
        board.command("run 5")
    assert caught.value.problem is EMULATOR_FAILED


def test_a_board_changes_its_pace_as_it_runs(start: StartBoard) -> None:
    board = start()
    board.full_speed()
    board.run_cycles(160_000_000)  # ten seconds
    board.real_time()
    began, at = time.monotonic(), board.cycles
    board.run_cycles(2_000_000)
    assert board.cycles - at <= (time.monotonic() - began) * 16_000_000 + 2_000_000  # no race, before or after


def test_a_crystal_that_is_too_fast_gets_ahead_of_the_wall_clock_by_no_more_than_it_is_off(start: StartBoard) -> None:
    before = time.monotonic()
    board = start(ppm=100_000)
    with open_port(board) as link:
        booted(link)
        link.write(b"s")
        assert link.read(1) == b"S"  # asleep it costs next to nothing, so a loaded machine keeps up too
        ahead, began, at, end = 0.0, time.monotonic(), board.cycles, time.monotonic() + PATIENCE_S
        while ahead < 1_600_000 and time.monotonic() < end:  # a tenth of a second: after one
            cycles = board.cycles
            assert cycles <= (time.monotonic() - before) * 17_600_000
            ahead = cycles - at - (time.monotonic() - began) * 16_000_000
        assert ahead >= 1_600_000


def test_a_crystal_that_is_too_slow_falls_behind_the_wall_clock(start: StartBoard) -> None:
    board = start(ppm=-100_000)
    began, at = time.monotonic(), board.cycles
    board.run_cycles(20_000_000)
    assert (time.monotonic() - began) * 16_000_000 > board.cycles - at + 1_000_000


def test_the_log_of_the_line_has_each_byte_that_was_said_with_its_cycle(start: StartBoard) -> None:
    board = start(dtr=False, uart_log=True, real_time=False)
    with open_port(board) as link:
        link.write(b"e\x03abc")
        assert link.read(3) == b"abc"
    log = board.uart_log()
    assert bytes(byte for _, byte in log)[0:1] == b"B"
    assert bytes(byte for _, byte in log)[-3:] == b"abc"
    cycles = [cycle for cycle, _ in log]
    assert cycles == sorted(cycles)
    assert all(later - earlier >= 600 for earlier, later in zip(cycles[-3:], cycles[-2:], strict=False))  # 640 a byte


@pytest.mark.parametrize(
    ("option", "word"),
    [
        ({"ppm": 100_001}, "--ppm"),
        ({"devices": ["fridge=1"]}, "fridge"),
        ({"devices": ["x"] * 9}, "at most"),
        ({"devices": ["ds18b20=warm"]}, "ds18b20=SIXTEENTHS of a degree, or file:CSV"),
        ({"devices": ["sht31=1,2,3"]}, "sht31=TEMPERATURE,HUMIDITY"),
        ({"devices": ["pulses=0"]}, "pulses=HZ,COUNT,GLITCHES: 1 to 20000 a second"),
    ],
)
def test_an_option_that_makes_no_sense_is_refused_by_its_name(
    start: StartBoard, option: dict[str, object], word: str
) -> None:
    with pytest.raises(BoardError) as caught:
        start(**option)
    assert word in caught.value.reason


@pytest.mark.parametrize("option", [{"ppm": 5}, {"uart_log": True}, {"stepped": True}])
def test_the_native_build_has_no_chip_to_simulate(tmp_path: Path, option: dict[str, object]) -> None:
    with pytest.raises(BoardError) as caught:
        EmulatedBoard.start("native", state_dir=tmp_path / "board", **option)  # type: ignore[arg-type]
    assert caught.value.problem is UNKNOWN_BOARD
    assert not (tmp_path / "board").exists()

"""The watchdog, on the firmware itself: a main loop that hangs costs a boot, and not the board."""

import subprocess
import time
from pathlib import Path

from patience import PATIENCE_S
from qcot.boards.build import build, project_root
from qcot.link.frames import FrameDecoder
from qcot.link.messages import Hello, decode
from sketch_board import StartBoard, open_port

LOOP = "while (qcot::hal::running()) "


def test_a_main_loop_that_hangs_is_reset_within_seconds_and_says_hello_in_a_new_epoch(
    start: StartBoard, tmp_path: Path
) -> None:
    firmware = project_root() / "firmware"
    text = (firmware / "src" / "main.cpp").read_text()
    assert text.count(LOOP) == 1
    program, elf = tmp_path / "main.cpp", tmp_path / "hangs.elf"
    # Interrupts go on: it is the loop that is stuck, 1.5 s after each boot.
    program.write_text(
        text.replace(
            LOOP, 'while (qcot::hal::running()) {\n while (qcot::hal::millis() > 1500) asm volatile("");\n '
        ).replace("idle(board.poll());", "idle(board.poll());\n }")
    )
    flags = ["-mmcu=atmega328p", "-DF_CPU=16000000UL", "-std=gnu++14", "-Os", "-flto", "-fno-exceptions"]
    flags += ["-fno-threadsafe-statics", "-Wl,--gc-sections", f"-I{firmware / 'lib'}"]
    rest = [str(each) for each in build("uno").elf.parent.glob("lib*/**/*.o")]  # all of an Uno's program but its loop
    subprocess.run(["avr-g++", *flags, str(program), *rest, "-o", str(elf)], check=True)

    board = start(elf=elf, dtr=False)
    decoder, epochs = FrameDecoder(), []
    deadline = time.monotonic() + PATIENCE_S
    with open_port(board) as link:
        while len(set(epochs)) < 3:
            assert time.monotonic() < deadline, epochs
            for frame in decoder.feed(link.read(link.in_waiting or 1)):
                hello = decode(frame)
                assert isinstance(hello, Hello)
                epochs.append(hello.epoch)
    assert sorted(set(epochs)) == list(range(epochs[0], epochs[0] + 3))

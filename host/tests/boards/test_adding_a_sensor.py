"""docs/adding-a-sensor.md does what it says: its file and its line give a board another channel, which measures."""

import re
import secrets
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from patience import PATIENCE_S
from qcot.boards.build import project_root
from qcot.boards.emulator import EmulatedBoard
from qcot.boards.enroll import enroll
from qcot.boards.registry import BoardRegistry
from qcot.link.events import Resume, SawHello, TookReadings
from qcot.link.session import Session
from qcot.link.transport import SerialPort

PAGE = project_root() / "docs" / "adding-a-sensor.md"
COMMON = ["-std=gnu++14", "-Wall", "-Wextra", "-Werror", "-Wconversion"]
AVR = [
    "avr-g++",
    "-mmcu=atmega328p",
    "-DF_CPU=16000000L",
    "-Os",
    "-fno-exceptions",
    "-fno-threadsafe-statics",
    "-ffunction-sections",
    "-Wl,--gc-sections",
]
LIGHT = [0, 120, 65535, 1]


@pytest.fixture(scope="module")
def firmware(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The firmware's sources with the page's file and line in their places."""
    folder = tmp_path_factory.mktemp("firmware")
    for part in ("lib", "src"):
        shutil.copytree(project_root() / "firmware" / part, folder / part)
    page = PAGE.read_text()
    (path,) = re.findall(r"^`firmware/(lib/sensors/\w+\.cpp)`:$", page, re.MULTILINE)
    (code,) = re.findall(r"^```cpp\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    (line,) = re.findall(r"^```\n(SENSOR\(.*\))\n```$", page, re.MULTILINE)
    (folder / path).write_text(code)
    with (folder / "lib" / "sensors" / "table.inc").open("a") as table:
        table.write(line + "\n")
    return folder


def build(firmware: Path, compiler: list[str], out: Path) -> Path:
    sources = [str(each) for each in sorted(firmware.rglob("*")) if each.suffix in (".cpp", ".S")]
    command = [*compiler, *COMMON, f"-I{firmware / 'lib'}", *sources, "-o", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return out


def test_the_page_gives_a_sensor_that_an_uno_measures_with(firmware: Path, tmp_path: Path) -> None:
    elf = build(firmware, AVR, tmp_path / "uno.elf")
    (tmp_path / "light.csv").write_text("counts\n" + "".join(f"{each}\n" for each in LIGHT))
    part = f"bh1750=file:{tmp_path / 'light.csv'}"
    with EmulatedBoard.start("uno", elf=elf, state_dir=tmp_path / "board", devices=[part]) as board:
        registry = BoardRegistry(tmp_path / "home")
        known = enroll(board.port, registry, rates={"light": 2}).board
        channel = known.channels[-1]
        assert (channel.name, channel.unit, channel.num, channel.den) == ("light", "lx", 5, 6)
        assert readings(board.port, registry, len(LIGHT)) == [(len(known.channels) - 1, each) for each in LIGHT]


def test_the_page_builds_for_this_machine_too(firmware: Path, tmp_path: Path) -> None:
    elf = build(firmware, ["g++"], tmp_path / "native")
    with EmulatedBoard.start("native", elf=elf, state_dir=tmp_path / "board") as board:
        assert enroll(board.port, BoardRegistry(tmp_path / "home")).board.channels[-1].name == "light"


def readings(port: str, registry: BoardRegistry, wanted: int) -> list[tuple[int, int]]:
    """The first readings of the board on ``port``: channel and value."""
    serial, session, resume, taken = SerialPort(port), Session(), Resume(), list[tuple[int, int]]()
    end = time.monotonic() + PATIENCE_S
    try:
        while len(taken) < wanted:
            assert time.monotonic() < end, f"{len(taken)} of {wanted} readings"
            for event in session.receive(serial.read(), time.monotonic()):
                match event:
                    case SawHello(hello=hello) if hello.enrolled:
                        session.open(hello, registry.key(hello.device), resume, secrets.token_bytes(16))
                    case TookReadings(readings=found, position=resume):
                        session.acknowledge(resume.epoch, resume.seq)
                        taken += [(each.channel, each.value) for each in found.readings()]
                    case _:
                        pass
            serial.write(session.poll(time.monotonic()))
            time.sleep(0.01)
    finally:
        serial.close()
    return taken[:wanted]

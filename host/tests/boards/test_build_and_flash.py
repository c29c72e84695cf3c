"""Building and uploading with PlatformIO, on a project of the tests' own: this one's files around another program."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from qcot.boards import flash
from qcot.boards.build import build, flash_image, pio_environment, project_root
from qcot.boards.errors import (
    BOOTLOADER_SILENT,
    BUILD_FAILED,
    NO_PROJECT,
    UNKNOWN_BOARD,
    UPLOAD_FAILED,
    BoardError,
)
from qcot.boards.flash import upload
from qcot.errors import Problem
from qcot.link.problems import PORT_LOST, PORT_MISSING
from sketch_board import SKETCH, StartBoard, booted, open_port

WRONG = """
int main() {
    long big = 1;
    short small = big;
    return missing(small);
}
"""
BIG = "char big[%d];\nint main() { big[1] = 1; return big[0]; }\n"
BIG_AND_LONG = """
#include <avr/pgmspace.h>
volatile char big[1449];
const char more[28672] PROGMEM = {1};
int main() { for (volatile uint16_t at = 0;; at++) if (pgm_read_byte(&more[at])) return big[at] = 1; }
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with this one's platformio.ini, scripts and core folder; what is built in it is kept between tests."""
    real = project_root()
    root = tmp_path_factory.mktemp("project")
    (root / "firmware" / "src").mkdir(parents=True)
    (root / "firmware" / "lib").mkdir()
    shutil.copy(real / "platformio.ini", root)
    shutil.copytree(real / "firmware" / "platform", root / "firmware" / "platform")  # one that a test may change
    (root / "firmware" / "emulator").symlink_to(real / "firmware" / "emulator")
    (real / "build").mkdir(exist_ok=True)
    (root / "build").symlink_to(real / "build")
    return root


@pytest.fixture
def project(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project, with the tests' sketch for a program."""
    core = os.environ.get("PLATFORMIO_CORE_DIR") or str(project_root() / ".venv" / "platformio")
    monkeypatch.setenv("PLATFORMIO_CORE_DIR", core)
    monkeypatch.setenv("QCOT_PROJECT", str(folder))
    shutil.copy(SKETCH, folder / "firmware" / "src" / "main.cpp")
    return folder


def write_program(project: Path, text: str) -> None:
    (project / "firmware" / "src" / "main.cpp").write_text(text)


@pytest.mark.parametrize("env", ["uno", "nano_old", "megaatmega2560"])
def test_a_blank_board_is_flashed_through_its_bootloader(
    project: Path, start: StartBoard, tmp_path: Path, env: str
) -> None:
    build(env)  # before there is a board, which computes as it waits
    board = start(env, blank=True)
    said: list[str] = []
    made = upload(env, board.port, said.append)
    image = flash_image(made.elf)
    hexed = tmp_path / "image.bin"
    subprocess.run(["avr-objcopy", "-O", "binary", "-R", ".eeprom", str(made.elf), str(hexed)], check=True)
    assert image == hexed.read_bytes()  # binutils' opinion of what belongs into flash
    assert (tmp_path / "board-0" / "flash.bin").read_bytes()[: len(image)] == image
    assert any(f"{len(image)} bytes of flash verified" in line for line in said)
    with open_port(board) as link:
        assert booted(link)[1] == 1  # the bootloader gave up waiting and started the program
        board.press_erase()
        assert booted(link)[1] == 0  # D12 was held for as long as that takes
    board.kill()
    board.power_on()
    with open_port(board) as link:
        assert booted(link)[1] == 1


def test_a_board_without_a_bootloader_is_told_apart_from_a_wrong_port(project: Path, start: StartBoard) -> None:
    board = start()
    board.power_off()
    with pytest.raises(BoardError) as caught:
        upload("uno", board.port)
    assert caught.value.problem is BOOTLOADER_SILENT
    assert board.port in caught.value.reason
    with pytest.raises(BoardError) as caught:
        upload("uno", str(project / "no-such-port"))
    assert caught.value.problem is PORT_MISSING


def test_a_board_of_another_kind_is_given_up_long_before_the_uploader_does(
    project: Path, start: StartBoard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flash, "ANSWER_S", 2.0)
    said: list[str] = []
    with pytest.raises(BoardError) as caught:
        upload("megaatmega2560", start(blank=True).port, said.append)
    assert caught.value.problem is BOOTLOADER_SILENT
    assert "no bootloader of its kind answers" in caught.value.reason
    assert not any("avrdude done" in line for line in said)


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ("Error: Couldn't find a board on the selected port.", BOOTLOADER_SILENT),
        ("avrdude error: expected signature for ATmega328P is 1E 95 0F", BOOTLOADER_SILENT),
        ("avrdude error: verification mismatch", UPLOAD_FAILED),
    ],
)
def test_what_the_uploader_says_is_told_by_name_and_in_its_words(
    project: Path, start: StartBoard, monkeypatch: pytest.MonkeyPatch, words: str, problem: Problem
) -> None:
    """What it says of boards that are not here: a Leonardo whose port does not come, another chip, worn flash."""
    tail = ["avrdude: device signature = 0x1e950f (probably m328p)", words, "uno       FAILED    00:00:07.715"]
    monkeypatch.setattr(flash, "run_pio", lambda *_: (1, tail))
    with pytest.raises(BoardError) as caught:
        upload("uno", start().port)
    assert caught.value.problem is problem
    assert words in caught.value.reason


def test_a_port_that_vanishes_during_an_upload_is_an_error_and_not_a_hang(project: Path, start: StartBoard) -> None:
    board = start(blank=True)

    def pull_the_cable(line: str) -> None:
        if "AVR device initialized" in line:
            board.unplug()

    with pytest.raises(BoardError) as caught:
        upload("uno", board.port, pull_the_cable)
    assert caught.value.problem is PORT_LOST
    board.plug()
    assert upload("uno", board.port).env == "uno"  # and the board is not spoilt by it


def test_a_build_is_kept_until_a_source_changes(project: Path) -> None:
    source = project / "firmware" / "src" / "main.cpp"
    source.write_text(source.read_text().replace("'B'", "'A'"))
    said: list[str] = []
    first = build("uno", said.append)
    assert any("Compiling" in line for line in said)
    said.clear()
    assert build("uno", said.append) == first
    assert not said
    source.write_text(source.read_text().replace("'A'", "'C'"))
    assert build("uno").image != first.image
    first.elf.write_bytes(b"damaged")
    assert build("uno").elf.read_bytes()[:4] == b"\x7fELF"


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        (WRONG, ("was not declared", "[-Werror=conversion]")),
        (BIG_AND_LONG, ("flash is", "static RAM is 1 B over its limit")),
    ],
)
def test_a_build_that_fails_gives_the_compilers_own_words(
    project: Path, program: str, expected: tuple[str, str]
) -> None:
    write_program(project, program)
    for _ in range(2):  # a failed build is not taken for a finished one
        with pytest.raises(BoardError) as caught:
            build("uno")
        assert caught.value.problem is BUILD_FAILED
        assert all(each in caught.value.reason for each in expected)


def test_the_gate_lets_through_what_is_just_within_the_limit(project: Path) -> None:
    write_program(project, BIG % 1448)
    assert build("uno").ram == 1448


def test_a_native_program_is_built_and_runs(project: Path) -> None:
    write_program(project, '#include <cstdio>\nint main() { puts("here"); }\n')
    made = build("native")
    assert subprocess.run([made.elf], capture_output=True, text=True, check=True).stdout == "here\n"
    with pytest.raises(BoardError) as caught:
        upload("native", "any")
    assert caught.value.problem is UNKNOWN_BOARD


@pytest.mark.parametrize("env", ["uno", "native"])
def test_two_builds_in_two_folders_give_the_same_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, env: str
) -> None:
    real, root = project_root(), tmp_path / "another/place"
    monkeypatch.setenv("PLATFORMIO_CORE_DIR", pio_environment(real)["PLATFORMIO_CORE_DIR"])
    here = build(env)
    shutil.copytree(real / "firmware", root / "firmware", ignore=shutil.ignore_patterns("test", "emulator"))
    shutil.copy(real / "platformio.ini", root)
    monkeypatch.setenv("QCOT_PROJECT", str(root))
    there = build(env)
    assert there.elf != here.elf
    assert there.image == here.image


def test_outside_a_project_the_error_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("QCOT_PROJECT", str(tmp_path))
    with pytest.raises(BoardError) as caught:
        build("uno")
    assert caught.value.problem is NO_PROJECT


def test_a_core_folder_is_made_from_the_distributions_tools(tmp_path: Path, project: Path) -> None:
    core = tmp_path / "core"
    installer = project_root() / "firmware" / "platform" / "install.py"
    python = Path(os.environ["PLATFORMIO_CORE_DIR"]).parent / "bin" / "python"
    subprocess.run([python, installer, "--core-dir", core, "--offline"], check=True, capture_output=True)
    names = {path.name for kind in ("packages", "platforms") for path in (core / kind).iterdir()}
    assert names == {"tool-scons", "native", "atmelavr"}
    assert '"enable_telemetry": false' in (core / "appstate.json").read_text()


def test_pio_run_itself_fails_as_often_as_it_is_asked_and_tells_sizes_when_there_is_nothing_to_build(
    project: Path,
) -> None:
    """Limits lowered in a copy of the gate."""
    write_program(project, BIG % 1000)
    gate = project / "firmware" / "platform" / "gate.py"
    fair, within = gate.read_text(), "ram=1448"
    assert within in fair

    def pio_run() -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, "-m", "platformio", "run", "-e", "uno"],
            cwd=project,
            env=pio_environment(project_root()),
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    for limit in ("ram=900", "ram=900", within, within, "ram=900"):
        gate.write_text(fair.replace(within, limit))
        status, said = pio_run()
        assert (status == 0) == (limit is within), said
        assert "uno: flash " in said
        assert ("static RAM is " in said) == (limit is not within)
    gate.write_text(fair)

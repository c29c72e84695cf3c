import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from qcot.boards.avr import AvrBoard
from qcot.boards.build import TARGETS
from qcot.boards.emulator import EmulatedBoard
from sketch_board import SKETCH, StartBoard


@pytest.fixture(scope="session")
def sketches(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The test program for each AVR board, by environment."""
    folder = tmp_path_factory.mktemp("sketch")
    made = {}
    for env in ("uno", "nano_old", "megaatmega2560"):
        made[env] = folder / f"{env}.elf"
        flags = ["-DF_CPU=16000000L", "-std=gnu++14", "-Os", "-Wall", "-Wextra", "-Werror"]
        subprocess.run(["avr-g++", f"-mmcu={TARGETS[env].mcu}", *flags, str(SKETCH), "-o", str(made[env])], check=True)
    return made


@pytest.fixture
def start(tmp_path: Path, sketches: dict[str, Path]) -> Iterator[StartBoard]:
    """Start simulated AVR boards that run the sketch; they are stopped at the end."""
    boards: list[AvrBoard] = []

    def begin(env: str = "uno", **options: Any) -> AvrBoard:
        options.setdefault("state_dir", tmp_path / f"board-{len(boards)}")
        if not options.get("blank"):
            options.setdefault("elf", sketches[env])
        board = EmulatedBoard.start(env, **options)
        assert isinstance(board, AvrBoard)
        boards.append(board)
        return board

    yield begin
    for board in boards:
        board.stop()

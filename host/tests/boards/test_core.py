"""The emulator's own core does, instruction for instruction and cycle for cycle, what simavr's does."""

import subprocess

import pytest
from qcot.boards.build import project_root
from qcot.boards.emulator import build_emulator

WORDS, ROUNDS = 1 << 16, 4


@pytest.mark.parametrize("mcu", ["atmega328p", "atmega2560"])
def test_every_instruction_word_leaves_the_state_that_simavr_leaves(mcu):
    program = build_emulator().with_name("core-test")
    folder = program.parent
    command = ["make", "-C", project_root() / "firmware" / "emulator", f"BUILD={folder}", program]
    subprocess.run(command, check=True, capture_output=True)
    done = subprocess.run([program, mcu, str(ROUNDS)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, f"{WORDS * ROUNDS}\n")

"""What can go wrong with building, emulating and flashing boards, by name."""

from __future__ import annotations

from qcot.errors import Problem, QcotError


class BoardError(QcotError):
    """A board, its firmware or its port is not as it should be."""


NO_PROJECT = Problem("no-project", "Run this inside a clone of the QCoT repository.")
CABLE_ONLY = Problem(
    "cable-only",
    "Give the serial port: a board gets its identity and firmware over a cable, and then goes on the network.",
)
UNKNOWN_BOARD = Problem(
    "unknown-board", "Name one of those; docs/boards.md says which board is which, and how to build others."
)
NO_PLATFORMIO = Problem("no-platformio", "Run `make setup`, which installs PlatformIO and makes its core folder.")
BUILD_FAILED = Problem("build-failed", "Mend what the compiler names; `pio run -v` shows each command.")
BOOTLOADER_SILENT = Problem(
    "bootloader-silent",
    "Check that the board is of that kind and that nothing else has its port open, press its reset button, try again.",
)
IMAGE_DIFFERS = Problem(
    "image-differs", "Flash it again; if it stays so, another program starts in its place, or the flash is worn out."
)
NO_HELLO = Problem(
    "no-hello",
    "Press its reset button and run `qcot enroll`; if it stays silent, flash it again and mind the kind of board.",
)
WHICH_BOARD = Problem(
    "which-board",
    "Name its kind, as in `qcot flash nano`: what is printed on the board tells, its USB interface does not.",
)
WRONG_BOARD = Problem("wrong-board", "Name the kind of board that is on the port, or none: its USB interface tells it.")
UPLOAD_FAILED = Problem(
    "upload-failed", "Try again with a short cable and without a hub; the log above names the step."
)
NO_EMULATOR = Problem("no-emulator", "Run `make setup`, which installs the compiler, libsimavr-dev and gcc-avr.")
EMULATOR_FAILED = Problem("emulator-failed", "Mend what the message names; the board's log is in its state folder.")
EMULATOR_SILENT = Problem(
    "emulator-silent", "See if the machine is overloaded; the log is in the board's state folder."
)
EMULATOR_GONE = Problem("emulator-gone", "Start the emulated board again; its log is in its state folder.")
STATE_IN_USE = Problem(
    "state-in-use", "Stop the other simulated board that runs on this state folder, or name another."
)
BAD_SIGNAL = Problem("bad-signal", "Give a CSV of ADC counts from 0 to 1023: one column, or a time and a count.")
NO_RECORDINGS = Problem("no-recordings", "Install the package heartpy, or give a CSV of your own with --signal.")

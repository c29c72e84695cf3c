"""Uploads firmware through a board's bootloader, as `pio run -t upload` does."""

from __future__ import annotations

from pathlib import Path

from qcot.boards.build import Firmware, Say, build, only_one, project_root, run_pio, say_nothing, target_of
from qcot.boards.errors import BOOTLOADER_SILENT, UNKNOWN_BOARD, UPLOAD_FAILED, BoardError
from qcot.boards.ports import resolve
from qcot.errors import Problem
from qcot.link.problems import PORT_BUSY, PORT_DENIED, PORT_LOST, PORT_MISSING

# What avrdude says, and what that means.
SYMPTOMS: tuple[tuple[str, Problem], ...] = (
    ("No such file or directory", PORT_MISSING),
    ("Permission denied", PORT_DENIED),
    ("Device or resource busy", PORT_BUSY),
    ("not in sync", BOOTLOADER_SILENT),
    ("programmer is not responding", BOOTLOADER_SILENT),
    ("timeout communicating with programmer", BOOTLOADER_SILENT),
    ("unable to open programmer", BOOTLOADER_SILENT),
    ("signature", BOOTLOADER_SILENT),
)
VERIFIED = "bytes of flash verified"
# avrdude tries ten times, for a minute; a board that is there answers the first time.
ATTEMPTS_OVER = "attempt 2 of"


def flash(env: str, port: str, say: Say = say_nothing) -> Firmware:
    """Build ``env``, upload it to ``port`` and have it read back; returns what is now on the board."""
    if target_of(env).mcu is None:
        raise BoardError(UNKNOWN_BOARD, f"{env} runs on this machine and is not uploaded")
    path = resolve(port)
    built = build(env, say)
    root = project_root()
    with only_one(root, env):
        command = ["run", "--environment", env, "--target", "upload", "--upload-port", path]
        # avrdude waits without an end for a port that was pulled out.
        status, tail = run_pio(root, command, say, lambda line: ATTEMPTS_OVER in line, Path(path).exists)
        gone = not Path(path).exists()
    output = "\n".join(tail)
    if status or VERIFIED not in output:
        if gone:
            raise BoardError(PORT_LOST, f"{env} on {path}: the port vanished during the upload")
        raise _diagnose(env, path, tail)
    return built


def _diagnose(env: str, path: str, tail: list[str]) -> BoardError:
    said = [line for line in tail if line.startswith("avrdude") and "TIOCM" not in line]
    for symptom, problem in SYMPTOMS:
        if found := next((line for line in said if symptom in line), None):
            return BoardError(problem, f"{env} on {path}: {found}")
    return BoardError(UPLOAD_FAILED, f"{env} on {path}: " + "\n".join((said or tail)[-3:]))

"""Uploads firmware through a board's bootloader, as `pio run -t upload` does, and has the board say what it runs.

An upload touches the flash alone: identity, boot epoch, settings and signing key are in the EEPROM and stay.
"""

from __future__ import annotations

import select
import time
from dataclasses import dataclass
from pathlib import Path

from qcot.boards.build import Firmware, Say, build, only_one, project_root, run_pio, say_nothing, target_of
from qcot.boards.errors import (
    BOOTLOADER_SILENT,
    IMAGE_DIFFERS,
    NO_HELLO,
    UNKNOWN_BOARD,
    UPLOAD_FAILED,
    WRONG_BOARD,
    BoardError,
)
from qcot.boards.ports import kind_on, resolve
from qcot.errors import Problem
from qcot.link.events import SawHello
from qcot.link.messages import Hello
from qcot.link.problems import PORT_BUSY, PORT_DENIED, PORT_LOST, PORT_MISSING
from qcot.link.session import Session
from qcot.link.transport import SerialPort

# What avrdude says, and what that means.
SYMPTOMS: tuple[tuple[str, Problem], ...] = (
    ("No such file or directory", PORT_MISSING),
    ("Permission denied", PORT_DENIED),
    ("Device or resource busy", PORT_BUSY),
    ("not in sync", BOOTLOADER_SILENT),
    ("programmer is not responding", BOOTLOADER_SILENT),
    ("timeout communicating with programmer", BOOTLOADER_SILENT),
    ("unable to open programmer", BOOTLOADER_SILENT),
    ("xpected signature", BOOTLOADER_SILENT),
    ("nvalid device signature", BOOTLOADER_SILENT),
    ("Couldn't find a board", BOOTLOADER_SILENT),
)
VERIFIED = "bytes of flash verified"
ANSWERED = ("AVR device initialized", " bytes ")  # the first thing that one version or another says then
# avrdude asks every 5 or 6 s, for up to a minute; a bootloader answers at once, to the second question at the latest,
# or the third where the machine is busy.
ANSWER_S = 18.0

OWN_USB = frozenset({"leonardo"})  # its bootloader is another USB device: the port goes and comes in every upload
HELLO_TIMEOUT_S = 30.0  # the bootloader waits for up to 8 s of it, then the board hashes its image

WAKING = "waking the bootloader"
# What PlatformIO and avrdude say when a stage begins, in the order of an upload.
STAGES: tuple[tuple[str, str], ...] = (
    ("Compiling ", "compiling"),
    ("Linking ", "linking"),
    ("Uploading ", WAKING),
    ("avrdude: writing ", "writing"),
    ("avrdude: verifying ", "reading back"),
)


@dataclass(frozen=True, slots=True)
class Flashed:
    """``firmware`` is on the board, and ``hello`` is what the board said afterwards: the same image."""

    firmware: Firmware
    hello: Hello


def stage_of(line: str) -> str | None:
    """The stage that begins with this line of output, or None."""
    return next((stage for begins, stage in STAGES if line.startswith(begins)), None)


def flash(env: str, port: str, say: Say = say_nothing) -> Flashed:
    """Build ``env``, upload it to ``port``, and believe it when the board itself tells that image's hash in HELLO.

    Raises QcotError: `unknown-board`, `wrong-board`, `build-failed`, `bootloader-silent`, `upload-failed`, `no-hello`,
    `image-differs` and `port-...`.
    """
    made = upload(env, port, say)
    say("asking the board what it runs")
    hello = hello_on(resolve(port), HELLO_TIMEOUT_S)
    if hello.image != made.image:
        reason = f"{env} on {port}: uploaded was {made.image.hex()[:16]}..., the board runs {hello.image.hex()[:16]}..."
        raise BoardError(IMAGE_DIFFERS, reason)
    return Flashed(made, hello)


def hello_on(path: str, seconds: float) -> Hello:
    """What the board on the port at ``path`` says of itself within ``seconds``; raises `no-hello` and `port-...`."""
    end = time.monotonic() + seconds
    while not Path(path).exists() and time.monotonic() < end:  # a board that is its own USB interface comes back anew
        time.sleep(0.05)
    session, port = Session(takes_readings=False), SerialPort(path)
    try:
        while (now := time.monotonic()) < end:
            ready, _, _ = select.select([port.fd], [], [], 0.05)
            for event in session.receive(port.read() if ready else b"", now):
                if isinstance(event, SawHello):
                    return event.hello
            port.write(session.poll(now))
    finally:
        port.close()
    raise BoardError(
        NO_HELLO, f"{path}: the program was uploaded and read back, but says no HELLO within {seconds:.0f} s"
    )


def upload(env: str, port: str, say: Say = say_nothing) -> Firmware:
    """Build ``env``, upload it to ``port`` and have it read back; returns what is now on the board."""
    if target_of(env).mcu is None:
        raise BoardError(UNKNOWN_BOARD, f"{env} runs on this machine and is not uploaded")
    path = resolve(port)
    kind = kind_on(path)
    if kind is not None and target_of(kind).mcu != target_of(env).mcu:
        raise BoardError(WRONG_BOARD, f"{path} is a {kind} by its USB interface, and {env} is for another chip")
    built = build(env, say)
    root = project_root()
    with only_one(root, env):
        # Built it is: PlatformIO need not look for what has changed.
        command = ["run", "--environment", env, "--target", "nobuild", "--target", "upload", "--upload-port", path]

        asked: list[float] = []  # the bootloader, which has not answered yet

        def listen(line: str) -> None:
            if stage_of(line) == WAKING:
                asked.append(time.monotonic())
            elif any(each in line for each in ANSWERED):
                asked.clear()
            say(line)

        # avrdude waits without an end for a port that was pulled out.
        def is_there() -> bool:
            return env in OWN_USB or Path(path).exists()

        def possible() -> bool:
            return is_there() and not (asked and time.monotonic() - asked[0] > ANSWER_S)

        status, tail = run_pio(root, command, listen, possible)
        gone = not is_there()
    output = "\n".join(tail)
    if status or VERIFIED not in output:
        if gone:
            raise BoardError(PORT_LOST, f"{env} on {path}: the port vanished during the upload")
        raise _diagnose(env, path, tail, silent=bool(asked))
    return built


def _diagnose(env: str, path: str, tail: list[str], *, silent: bool) -> BoardError:
    said = [line for line in tail if line.startswith(("avrdude", "Error:")) and "TIOCM" not in line]
    for symptom, problem in SYMPTOMS:
        if found := next((line for line in said if symptom in line), None):
            return BoardError(problem, f"{env} on {path}: {found}")
    if silent:
        return BoardError(BOOTLOADER_SILENT, f"{env} on {path}: no bootloader of its kind answers")
    return BoardError(UPLOAD_FAILED, f"{env} on {path}: " + "\n".join((said or tail)[-3:]))

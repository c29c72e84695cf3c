"""Builds firmware with PlatformIO, and says what came out: image hash, flash and RAM."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from qcot.boards.errors import BUILD_FAILED, NO_PLATFORMIO, NO_PROJECT, UNKNOWN_BOARD, BoardError

Say = Callable[[str], None]

SOURCES = ("platformio.ini", "firmware/src", "firmware/lib", "firmware/platform")
TAIL_LINES = 30
PIO_TIMEOUT_S = 300.0
LOOK_EVERY_S = 0.25
MESSAGE_LINES = 6


@dataclass(frozen=True, slots=True)
class Target:
    """An environment of platformio.ini: its chip (None for this machine) and what PlatformIO calls its program."""

    mcu: str | None
    program: str


TARGETS = {
    "uno": Target("atmega328p", "firmware.elf"),
    "uno_h5": Target("atmega328p", "firmware.elf"),
    "uno_fram": Target("atmega328p", "firmware.elf"),
    "nano": Target("atmega328p", "firmware.elf"),
    "nano_old": Target("atmega328p", "firmware.elf"),
    "leonardo": Target("atmega32u4", "firmware.elf"),
    "megaatmega2560": Target("atmega2560", "firmware.elf"),
    "native": Target(None, "program"),
}


@dataclass(frozen=True, slots=True)
class Firmware:
    """A built program. ``image`` is what HELLO reports (docs/link-protocol.md); sizes are bytes, 0 for native."""

    env: str
    elf: Path
    image: bytes
    flash: int
    ram: int


def say_nothing(_line: str) -> None:
    """Ignore progress."""


def target_of(env: str) -> Target:
    """The target of that name, or a refusal that lists them."""
    if env not in TARGETS:
        raise BoardError(UNKNOWN_BOARD, f"{env!r} is not one of {', '.join(TARGETS)}")
    return TARGETS[env]


def project_root() -> Path:
    """The checkout that QCOT_PROJECT names, or that this package runs from, or that is around the current folder."""
    named = os.environ.get("QCOT_PROJECT")
    here = Path(__file__).resolve().parents[3]
    for folder in [Path(named)] if named else [here, Path.cwd(), *Path.cwd().parents]:
        if (folder / "platformio.ini").is_file() and (folder / "firmware" / "platform").is_dir():
            return folder
    raise BoardError(NO_PROJECT, f"no platformio.ini and firmware folder in {named or Path.cwd()}")


def pio_environment(root: Path) -> dict[str, str]:
    """Process environment for PlatformIO; makes its core folder when there is none yet."""
    core = Path(os.environ.get("PLATFORMIO_CORE_DIR") or root / ".venv" / "platformio")
    if not (core / "packages").is_dir():
        installer = root / "firmware" / "platform" / "install.py"
        done = subprocess.run(
            [sys.executable, installer, "--core-dir", core], capture_output=True, text=True, check=False, timeout=120
        )
        if done.returncode:
            raise BoardError(NO_PLATFORMIO, done.stderr.strip() or f"{installer} failed")
    return os.environ | {
        "PLATFORMIO_CORE_DIR": str(core),
        "PLATFORMIO_SETTING_ENABLE_TELEMETRY": "no",
        "PLATFORMIO_DISABLE_UPGRADE_CHECK": "true",
        "PYTHONUNBUFFERED": "1",
    }


@contextlib.contextmanager
def only_one(root: Path, env: str) -> Iterator[None]:
    """Keep two processes from building in one folder at a time."""
    folder = root / ".pio"
    folder.mkdir(exist_ok=True)
    with (folder / f"{env}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def run_pio(
    root: Path,
    arguments: list[str],
    say: Say,
    possible: Callable[[], bool] = lambda: True,
) -> tuple[int, list[str]]:
    """Run `pio`, passing on each line of output; returns its exit status and its last lines.

    It is ended, with all it started, when it is no more ``possible`` (asked every quarter of a second), and after
    ``PIO_TIMEOUT_S`` at the latest.
    """
    command = [sys.executable, "-m", "platformio", *arguments, "--project-dir", str(root)]
    tail: deque[str] = deque(maxlen=TAIL_LINES)
    process = subprocess.Popen(
        command,
        env=pio_environment(root),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    over = threading.Event()

    def watch() -> None:
        deadline = time.monotonic() + PIO_TIMEOUT_S
        while not over.wait(LOOK_EVERY_S):
            if time.monotonic() > deadline or not possible():
                _end_session(process)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        with process:
            assert process.stdout is not None
            for line in process.stdout:
                tail.append(line.rstrip())
                say(line.rstrip())
    except BaseException:
        _end_session(process)
        raise
    finally:
        over.set()
        watcher.join()
    return process.returncode, list(tail)


def _end_session(process: subprocess.Popen[str]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def build(env: str, say: Say = say_nothing) -> Firmware:
    """Build ``env`` unless its sources are those of the last build; ``say`` hears PlatformIO's output."""
    target = target_of(env)
    root = project_root()
    with only_one(root, env):
        elf = root / ".pio" / "build" / env / target.program
        stamp = elf.parent / "qcot-build.json"
        wanted = _digest(root, env)
        if not _up_to_date(stamp, wanted, elf):
            stamp.unlink(missing_ok=True)
            elf.unlink(missing_ok=True)  # a damaged one would pass for up to date
            status, tail = run_pio(root, ["run", "--environment", env], say)
            if status:
                raise BoardError(BUILD_FAILED, f"{env}: {_compiler_message(tail)}")
            stamp.write_text(json.dumps({"sources": wanted, "program": _sha256(elf)}))
    return firmware(env, elf)


def firmware(env: str, elf: Path) -> Firmware:
    """Measure a built program."""
    if target_of(env).mcu is None:
        return Firmware(env, elf, hashlib.sha256(elf.read_bytes()).digest(), 0, 0)
    image = flash_image(elf)
    return Firmware(env, elf, hashlib.sha256(image).digest(), len(image), static_ram(elf))


def flash_image(elf: Path) -> bytes:
    """The bytes of an AVR program in flash: .text, then what .data starts from."""
    from elftools.elf.elffile import ELFFile

    with elf.open("rb") as stream:
        sections = ELFFile(stream)
        found = [sections.get_section_by_name(name) for name in (".text", ".data")]
        return b"".join(section.data() for section in found if section and section["sh_type"] == "SHT_PROGBITS")


def static_ram(elf: Path) -> int:
    """Bytes of RAM that an AVR program takes before it runs."""
    from elftools.elf.elffile import ELFFile

    with elf.open("rb") as stream:
        sections = ELFFile(stream)
        found = [sections.get_section_by_name(name) for name in (".data", ".bss", ".noinit")]
        return sum(int(section["sh_size"]) for section in found if section)


def _digest(root: Path, env: str) -> str:
    """Hash of everything that a build of ``env`` reads of the checkout."""
    state = hashlib.sha256(env.encode())
    for name in SOURCES:
        path = root / name
        files = sorted(item for item in path.rglob("*") if item.is_file()) if path.is_dir() else [path]
        for item in files:
            if "__pycache__" in item.parts:
                continue
            content = item.read_bytes()
            state.update(f"{item.relative_to(root)}\0{len(content)}\0".encode() + content)
    return state.hexdigest()


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _up_to_date(stamp: Path, wanted: str, elf: Path) -> bool:
    try:
        return bool(json.loads(stamp.read_text()) == {"sources": wanted, "program": _sha256(elf)})
    except (OSError, ValueError):
        return False


def _compiler_message(tail: list[str]) -> str:
    """What of PlatformIO's last lines names the fault."""
    marks = ("error:", "Error:", "undefined reference", "multiple definition", "will not fit", "overflowed")
    named = [line for line in tail if any(mark in line for mark in marks)]
    telling = [line for line in named if "collect2:" not in line] or named or [line for line in tail if line]
    return "\n".join(telling[:MESSAGE_LINES])

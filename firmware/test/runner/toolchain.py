"""Compilers and the simulator."""

from __future__ import annotations

import hashlib
import re
import subprocess
from concurrent.futures import Future
from pathlib import Path
from threading import Lock

from runner.suites import BUILD, HERE, LIB, Suite

WARNINGS = ["-Wall", "-Wextra", "-Werror", "-Wconversion"]
COMMON = ["-std=gnu++14", *WARNINGS, f"-I{LIB}", f"-I{HERE}"]
AVR_SECONDS = 120


def sources(suite: Suite, program: Path) -> list[str]:
    """The program, then what it links."""
    files = [program]
    files += [f for lib in suite.libs for kind in ("*.cpp", "*.S") for f in sorted((LIB / lib).glob(kind))]
    if suite.memory_hal:
        files.append(HERE / "support" / "memory_hal.cpp")
    return [str(f) for f in files]


def sh(command: list[str], timeout: float = 600) -> subprocess.CompletedProcess[str]:
    """What a command says, errors among it."""
    return subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=timeout,
        check=False,
    )


def build(command: list[str], out: Path) -> None:
    """Compile into ``out``; the compiler's words end the run if it does not."""
    out.parent.mkdir(parents=True, exist_ok=True)
    done = sh([*command, "-o", str(out)])
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stdout}")


_made: dict[tuple[str, ...], Future[str]] = {}
_made_lock = Lock()


def compiled(command: tuple[str, ...], source: str) -> str:
    """The object of a file that several suites want alike: it is compiled for the first of them."""
    key = (*command, source)
    with _made_lock:
        first = key not in _made
        made = _made.setdefault(key, Future())
    if first:
        out = BUILD / "objects" / f"{hashlib.sha256(repr(key).encode()).hexdigest()[:16]}.o"
        try:
            build([*command, "-c", source], out)
            made.set_result(str(out))
        except BaseException as error:
            made.set_exception(error)
            raise
    return made.result()


def link(suite: Suite, compiler: str, flags: list[str], linking: list[str], out: Path) -> None:
    """Build a suite: its own file with its own vectors, the rest from what is compiled already."""
    command = (compiler, *COMMON, *flags, *suite.flags)
    test, *rest = sources(suite, HERE / f"test_{suite.name}" / "test.cpp")
    out.parent.mkdir(parents=True, exist_ok=True)
    build([*command, *linking, f"-I{out.parent}", test, *(compiled(command, source) for source in rest)], out)


def native(suite: Suite) -> str:
    """What the suite prints on this machine."""
    out = BUILD / suite.variant / "native"
    sanitize = ["-g", "-O0", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    if suite.lms != Suite.lms:  # the same code with other numbers: quicker
        sanitize = ["-O1"]
    limits = ["-DQCOT_RING_BYTES=0x8000", "-DQCOT_EPOCH_READINGS=9000"]  # more than the ring holds
    link(suite, "g++", [*sanitize, *limits], [], out)
    return sh([str(out)]).stdout


def avr(suite: Suite, *more: str, seconds: float = AVR_SECONDS) -> str:
    """What it prints on its AVR in simavr."""
    out = BUILD / suite.variant / f"{suite.mcu}.elf"
    flags = ["-Os", "-DF_CPU=16000000UL", "-ffunction-sections", "-fno-exceptions", "-fno-threadsafe-statics"]
    flags += ["-DQCOT_RING_BYTES=1024", "-DQCOT_EPOCH_READINGS=1500", *more]
    link(suite, "avr-g++", [f"-mmcu={suite.mcu}", *flags], ["-Wl,--gc-sections"], out)
    return simulate(suite.mcu, out, seconds)


def simulate(mcu: str, elf: Path, seconds: float = AVR_SECONDS) -> str:
    """What the program prints on its UART; simavr gives each line in colours, with a dot for its line feed."""
    printed = sh(["simavr", "-m", mcu, "-f", "16000000", str(elf)], seconds).stdout
    return re.sub(r"\x1b\[\d*m", "", printed).replace(".\n", "\n")

"""Compilers and the simulator."""

from __future__ import annotations

import hashlib
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


_made: dict[tuple[str, ...], Future[Path]] = {}
_made_lock = Lock()


def _once(command: tuple[str, ...], out: Path) -> Path:
    """What ``command`` builds: the first who wants it builds it, and all others have it of them."""
    with _made_lock:
        first = command not in _made
        made = _made.setdefault(command, Future())
    if first:
        try:
            build([*command], out)
            made.set_result(out)
        except BaseException as error:
            made.set_exception(error)
            raise
    return made.result()


def compiled(command: tuple[str, ...], source: str) -> str:
    """The object of a file that several suites want alike."""
    whole = (*command, "-c", source)
    return str(_once(whole, BUILD / "objects" / f"{hashlib.sha256(repr(whole).encode()).hexdigest()[:16]}.o"))


def link(suite: Suite, program: Path, command: tuple[str, ...], hashing: tuple[str, ...], out: Path) -> None:
    """Build a suite's program with its own vectors; the rest from what is compiled already.

    ``hashing`` is for the files that hash, which are those of every suite, whatever the set of its signer.
    """
    main, *rest = sources(suite, program)
    out.parent.mkdir(parents=True, exist_ok=True)
    own = (*command, *suite.flags)
    objects = [compiled((*command, *hashing) if Path(each).parent == LIB / "crypto" else own, each) for each in rest]
    build([*own, f"-I{out.parent}", main, *objects], out)


def _test(suite: Suite) -> Path:
    return HERE / f"test_{suite.name}" / "test.cpp"


def native(suite: Suite) -> str:
    """What the suite prints on this machine."""
    out = BUILD / suite.variant / "native"
    # Hashing alone is optimised: all else takes longer to optimise than to run.
    flags = ["-O0", "-DQCOT_RING_BYTES=0x8000", "-DQCOT_EPOCH_READINGS=9000"]  # more than the ring holds
    if suite.lms == Suite.lms:  # the others are the same code with other numbers: quicker
        flags += ["-g1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    link(suite, _test(suite), ("g++", *COMMON, *flags), ("-O2",), out)
    return sh([str(out)]).stdout


def avr(suite: Suite, *more: str, seconds: float = AVR_SECONDS) -> str:
    """What it prints on its AVR in simavr."""
    out = BUILD / suite.variant / f"{suite.mcu}.elf"
    flags = ["-Os", "-DF_CPU=16000000UL", "-fno-exceptions", "-fno-threadsafe-statics"]
    flags += ["-ffunction-sections", "-Wl,--gc-sections"]
    flags += ["-DQCOT_RING_BYTES=1024", "-DQCOT_EPOCH_READINGS=600", *more]
    link(suite, _test(suite), ("avr-g++", f"-mmcu={suite.mcu}", *COMMON, *flags), (), out)
    return simulate(suite.mcu, out, seconds)


def simulate(mcu: str, elf: Path, seconds: float = AVR_SECONDS) -> str:
    """What the program prints on its UART."""
    source = str(HERE / "support" / "simulate.c")
    flags = ("-O2", *WARNINGS, "-isystem", "/usr/include/simavr")
    simulator = _once(("gcc", *flags, source, "-l:libsimavr.a", "-lelf"), BUILD / "simulate")
    return sh([str(simulator), mcu, str(elf)], seconds).stdout

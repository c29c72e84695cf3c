"""What an operation costs on this machine: time with its spread, processor time, energy, memory."""

from __future__ import annotations

import ctypes
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

MIN_RUNS, MAX_RUNS = 3, 1000
RAPL = Path("/sys/class/powercap")
"""Where Linux shows the processor's own energy counters; of most machines to root alone, of virtual ones to nobody."""
_ROLLUP = Path("/proc/self/smaps_rollup")
_STACK_BYTES = 64 << 20
_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4  # of glibc's mallopt(3)
_NEVER = (1 << 31) - 1

Operation = Callable[[], object]


@dataclass(frozen=True)
class Sizes:
    """Bytes of private key, public key, and signature or ciphertext."""

    private_key: int
    public_key: int
    output: int

    def __str__(self) -> str:
        return f"{self.private_key:,} / {self.public_key:,} / {self.output:,}"


@dataclass(frozen=True)
class Cost:
    """Of one run of ``runs``: wall time in ms as median and quartiles, processor time in ms, energy in mJ.

    ``energy`` is that of the whole processor while it ran, None where its counters cannot be read.
    """

    runs: int
    median: float
    low: float
    high: float
    cpu: float
    energy: float | None


def cost(operation: Operation, seconds: float) -> Cost:
    """Run ``operation`` again and again for ``seconds``, at least MIN_RUNS and at most MAX_RUNS times."""
    taken: list[float] = []
    energy, begun, cpu = _energy(), time.perf_counter(), time.process_time()
    while len(taken) < MIN_RUNS or (time.perf_counter() - begun < seconds and len(taken) < MAX_RUNS):
        before = time.perf_counter()
        operation()
        taken.append((time.perf_counter() - before) * 1e3)
    cpu, used = (time.process_time() - cpu) * 1e3, _used(energy, _energy())
    low, _, high = quantiles(taken, n=4, method="inclusive")
    return Cost(len(taken), median(taken), low, high, cpu / len(taken), None if used is None else used / len(taken))


def energy_is_readable() -> bool:
    """Whether :func:`cost` can tell energy here."""
    return bool(_energy())


def _energy() -> dict[str, tuple[int, int]]:
    """Counter and where it turns over, in uJ, of every processor package; empty where any cannot be read."""
    found = {}
    try:
        for package in RAPL.glob("intel-rapl:[0-9]"):
            counter, turns = (int((package / name).read_text()) for name in ("energy_uj", "max_energy_range_uj"))
            found[package.name] = counter, turns
    except (OSError, ValueError):
        return {}
    return found


def _used(before: dict[str, tuple[int, int]], after: dict[str, tuple[int, int]]) -> float | None:
    """Energy in mJ between two readings of the counters."""
    if not before or before.keys() != after.keys():
        return None
    return sum((after[name][0] - counter) % (turns + 1) for name, (counter, turns) in before.items()) / 1e3


def memory(operation: Operation) -> int | None:
    """Bytes of stack and heap that one run touches at its peak, to the page; None where the system does not tell.

    Of a forked process: one with threads, or a large one, must not ask. A thread of its own begins with a stack that
    nothing has touched, and an allocator that gives nothing back leaves all that was ever in use to be counted, which
    is exact where the system's own high-water marks are off by hundreds of kilobytes. Program text is not counted.
    """
    if not _ROLLUP.exists():
        return None
    reads, writes = os.pipe()
    process = os.fork()
    if process == 0:
        told: list[int] = []
        try:
            _never_give_back()
            threading.stack_size(_STACK_BYTES)
            thread = threading.Thread(target=lambda: told.append(_touched(operation)))
            thread.start()
            thread.join()
            os.write(writes, b"%d" % told[0])
        finally:
            os._exit(0 if told else 1)
    os.close(writes)
    with os.fdopen(reads, "rb") as pipe:
        said = pipe.read()
    os.waitpid(process, 0)
    return int(said)


def _never_give_back() -> None:
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_MAX, 0)
        mallopt(_M_TRIM_THRESHOLD, _NEVER)


def _touched(operation: Operation) -> int:
    _anonymous()  # what reading it needs itself is there from now on
    before = _anonymous()
    operation()
    return _anonymous() - before


def _anonymous() -> int:
    line = next(each for each in _ROLLUP.read_text().splitlines() if each.startswith("Anonymous:"))
    return int(line.split()[1]) << 10

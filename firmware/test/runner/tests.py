"""All suites on this machine, or those that fit on the AVR; and what else `run.py native` holds."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from runner.suites import CRYPTO, HERE, LIB, SUITES, Suite
from runner.toolchain import WARNINGS, avr, native, sh
from runner.vectors_header import ROLLING_EVERY, ROLLING_MESSAGES, write_headers

WIFI_BOARDS = ("ARDUINO_ARCH_ESP32", "ARDUINO_ARCH_RP2040", "ARDUINO_UNOR4_WIFI")
WIFI_NAMES = ("SITE", "BRIDGE", "WIFI_SSID", "WIFI_PASSWORD", "BROKER", "NAME", "BROKER_PASSWORD")
GENERATORS = ("generate.py", "lms.py")
LAST_LINE = re.compile(r"^(\w+) cases (\d+) checks (\d+) failed (\d+)$", re.MULTILINE)

Told = tuple[str, bool]
"""What to print, and whether it is good."""
Job = Callable[[], Told]


def _suite(suite: Suite, where: str, run: Callable[[Suite], str]) -> Told:
    printed = run(suite)
    last = LAST_LINE.search(printed)
    good = last is not None and last[1] == suite.name and int(last[4]) == 0 and int(last[2]) > 0
    told = []
    if last:
        told.append(f"{suite.variant:17} {where:10} {last[2]:>3} cases {last[3]:>6} checks {last[4]:>3} failed")
    if not good:
        told.append(f"{suite.name} on {where} failed:\n{printed}")
    return "\n".join(told), good


def _vectors(generator: str) -> Told:
    """The files that both sides read are what an oracle of its own makes."""
    done = sh([sys.executable, str(HERE / "vectors" / generator), "--check"])
    return f"vectors  {done.stdout.strip()}", done.returncode == 0


def _wifi(board: str) -> Told:
    """Compile, and no more, what only boards with Wi-Fi have, against declarations of our own (support/arduino_api).

    It finds wrong names and types. Their toolchains are not here, so nothing is built or run.
    """
    files = [str(f) for f in (*sorted((LIB / "hal" / "wifi").glob("*.cpp")), HERE.parent / "src" / "main.cpp")]
    names = [f'-DQCOT_{name}="x"' for name in WIFI_NAMES]
    flags = ["-std=gnu++17", *WARNINGS, "-fsyntax-only", "-U__unix__", "-DARDUINO", *names]
    include = [f"-I{LIB}", f"-I{HERE / 'support' / 'arduino_api'}"]
    done = sh(["g++", *flags, f"-D{board}", *include, *files])
    good = done.returncode == 0
    return f"wifi     {board:18} " + ("declarations fit" if good else f"failed:\n{done.stdout}"), good


def _run(jobs: list[Job]) -> int:
    failed = 0
    with ThreadPoolExecutor(2) as pool:
        for told, good in pool.map(lambda job: job(), jobs):
            print(told)
            failed += not good
    return 1 if failed else 0


def run_native(only: list[str]) -> int:
    """The suites named, or all and what else needs no AVR."""
    write_headers()
    jobs: list[Job] = [partial(_suite, s, "native", native) for s in SUITES if not only or s.name in only]
    if not only:
        jobs += [partial(_vectors, generator) for generator in GENERATORS]
        jobs += [partial(_wifi, board) for board in WIFI_BOARDS]
    return _run(jobs)


def run_avr(only: list[str]) -> int:
    """The suites named, or all, that an AVR has room for."""
    write_headers()
    return _run([partial(_suite, s, s.mcu, avr) for s in SUITES if s.mcu and (not only or s.name in only)])


def run_sha256() -> int:
    """Every random message of test_crypto on the AVR."""
    write_headers()
    printed = avr(CRYPTO, f"-DQCOT_MESSAGES={ROLLING_MESSAGES}", seconds=1800)
    last = LAST_LINE.search(printed)
    good = last is not None and int(last[4]) == 0 and int(last[3]) > ROLLING_MESSAGES // ROLLING_EVERY
    print(f"{ROLLING_MESSAGES} messages agree with hashlib" if good else printed)
    return 0 if good else 1

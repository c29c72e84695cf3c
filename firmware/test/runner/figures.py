"""What benchmarks measure on an ATmega328P in simavr: cycles, stack, flash and RAM."""

from __future__ import annotations

import json
import re

from runner.suites import BUILD, HERE, Suite
from runner.toolchain import COMMON, build, sh, simulate, sources


def crypto_variants() -> dict[str, list[str]]:
    """What builds each SHA-256 that is compared, by the name of its figures."""
    library = sources(Suite("bench", ("crypto", "chain")), HERE / "bench" / "flash.cpp")[1:]
    own = ("sha256_portable.cpp", "sha256_avr.S")
    textbook = [str(HERE / "bench" / "textbook.cpp"), *(f for f in library if not f.endswith(own))]
    return {
        "sha256": ["-Os", *library],
        "portable": ["-Os", "-DQCOT_PORTABLE_SHA256", *library],
        "textbook": ["-O2", *textbook],
    }


def sha256() -> int:
    """NAME_block in cycles, NAME_stack in bytes below the caller's, NAME_flash of hashing in all; and ours, in cycles,
    _one block from the initial state, _link of the chain, _hmac of 29 bytes.
    """
    flags = ["-DF_CPU=16000000UL", "-mmcu=atmega328p", "-ffunction-sections", "-fdata-sections", "-Wl,--gc-sections"]
    figures: dict[str, int] = {}
    for name, variant in crypto_variants().items():
        out = BUILD / "bench" / name
        build(["avr-g++", *COMMON, *flags, *variant, str(HERE / "bench" / "sha256.cpp")], out)
        told = re.findall(r"^(\w+) (\d+)$", simulate("atmega328p", out), re.MULTILINE)
        # Two blocks of the slow ones are more than the timers there count.
        figures |= {f"{name}_{what}": int(n) for what, n in told if name == "sha256" or what in ("block", "stack")}
        taken = []
        for define in ("-DQCOT_HASH", "-DQCOT_NO_HASH"):
            build(["avr-g++", *COMMON, *flags, define, *variant, str(HERE / "bench" / "flash.cpp")], out)
            text, data = sh(["avr-size", str(out)]).stdout.splitlines()[1].split()[:2]
            taken.append(int(text) + int(data))
        figures[f"{name}_flash"] = taken[0] - taken[1]
    print(json.dumps(figures))
    return 0 if figures else 1


def lms() -> int:
    """Cycles of a leaf, of a signature (mean of a few) and of the longest step, and bytes of RAM, for each N and W."""
    figures: dict[str, dict[str, int]] = {}
    flags = ["-Os", "-DF_CPU=16000000UL", "-mmcu=atmega328p", "-ffunction-sections", "-Wl,--gc-sections"]
    for n, w in ((24, 4), (24, 8), (32, 4), (32, 8)):
        suite = Suite("bench", ("crypto", "signer"), lms=(n, w, 10))
        out = BUILD / "bench" / f"lms-{n}-{w}.elf"
        build(["avr-g++", *COMMON, *flags, *suite.flags, *sources(suite, HERE / "bench" / "signer.cpp")], out)
        printed = simulate("atmega328p", out)
        figures[f"{n} {w}"] = {name: int(x) for name, x in re.findall(r"^(\w+) (\d+)$", printed, re.MULTILINE)}
    print(json.dumps(figures))
    return 0 if all(len(found) == 4 for found in figures.values()) else 1

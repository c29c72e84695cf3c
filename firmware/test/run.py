#!/usr/bin/env python3
"""Build and run the firmware's tests.

    run.py native              every suite on this machine, under ASan and UBSan; the vectors against what makes them
    run.py avr                 the same suites on an ATmega in simavr
    run.py fuzz --runs 20000   libFuzzer over the decoder and the whole board, from the committed corpus
    run.py seeds               write that corpus anew from the vectors
    run.py lms                 cycles of a leaf and a signature of each set, as JSON
    run.py bench               cycles, stack and flash of SHA-256 on an ATmega328P, beside portable and textbook C
    run.py sha256              100,000 random messages on it, against hashlib (`avr` takes the first 5,000)

Exits with 0 only if all passed. The vectors become a C++ header first.
"""

from __future__ import annotations

import argparse
import sys

from runner import figures, fuzzing, seeds, tests
from runner.suites import SUITES

ALONE = {"seeds": seeds.write, "lms": figures.lms, "bench": figures.sha256, "sha256": tests.run_sha256}
SUITED = {"native": tests.run_native, "avr": tests.run_avr}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=(*SUITED, "fuzz", *ALONE))
    parser.add_argument("suites", nargs="*", help="only these suites")
    parser.add_argument("--runs", type=int, default=20000, help="inputs for each fuzzer")
    arguments = parser.parse_args()
    unknown = set(arguments.suites) - {s.name for s in SUITES}
    if unknown:
        parser.error(f"no such suite: {', '.join(sorted(unknown))}")
    if arguments.what in SUITED:
        return SUITED[arguments.what](arguments.suites)
    if arguments.what == "fuzz":
        return fuzzing.run(arguments.runs)
    return ALONE[arguments.what]()


if __name__ == "__main__":
    sys.exit(main())

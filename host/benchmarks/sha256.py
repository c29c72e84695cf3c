"""SHA-256 on an ATmega328P: exact, since simavr counts cycles. The same compiler and simulator for all three."""

from __future__ import annotations

import json
import subprocess
import sys

from qcot.boards.build import project_root

from benchmarks.figure import Figure

BLOCK = 64
CYCLES_A_BYTE, FLASH = 340, 3584


def _run(target: str) -> str:
    script = project_root() / "firmware" / "test" / "run.py"
    return subprocess.run([sys.executable, script, target], check=True, capture_output=True, text=True).stdout


def measure() -> list[Figure]:
    """Cycles a byte of one compression, the call included, and flash and stack of hashing; then 100,000 messages."""
    counted: dict[str, int] = json.loads(_run("bench"))

    def beside(what: str, unit: str, parts: int = 1) -> str:
        others = (f"{name} {counted[f'{name}_{what}'] / parts:,.0f}" for name in ("portable", "textbook"))
        return f"{', '.join(others)} {unit}"

    used = (f"{what} {counted[f'sha256_{key}']:,}" for what, key in (("chain link", "link"), ("HMAC of 29 B", "hmac")))
    agreed = int(_run("sha256").split()[0])
    return [
        Figure(
            "SHA-256 on an AVR, one block",
            round(counted["sha256_block"] / BLOCK, 1),
            "cycles/B",
            "at most",
            CYCLES_A_BYTE,
            beside("block", "cycles/B", BLOCK),
        ),
        Figure("SHA-256 flash, all of it", counted["sha256_flash"], "B", "at most", FLASH, beside("flash", "B")),
        Figure("SHA-256 stack of a block", counted["sha256_stack"], "B", baseline=beside("stack", "B")),
        Figure("SHA-256 block from the initial state", counted["sha256_one"], "cycles", baseline=", ".join(used)),
        Figure(
            "SHA-256 random messages as hashlib", agreed, "messages", "at least", 100_000, "in simavr, in one chain"
        ),
    ]

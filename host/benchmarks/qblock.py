"""What checking a Qblock costs: three in a state vector, a thousand as matrix products, a million in closed form."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

from qcot.quantum.qblock import Chain, check_chain, run_chain_check, run_local_check, run_local_checks

from benchmarks.figure import Figure

SHOTS = 100
PATCHES = 64
MILLION = 1_000_000


def seconds(call: Callable[[], object], times: int = 1) -> float:
    """Median of ``times``."""
    taken = []
    for _ in range(times):
        begun = time.perf_counter()
        call()
        taken.append(time.perf_counter() - begun)
    return median(taken)


def measure() -> list[Figure]:
    """Time a block of each check: whole chains by circuits and in closed form, and a ledger's patches."""
    three, thousand, million = (Chain.random(blocks, 1) for blocks in (3, 1000, MILLION))
    forged, patch = Chain.random(MILLION, 2), three.blocks()
    run_chain_check(three, three, SHOTS, 1)  # starts Qiskit
    at_three = seconds(lambda: run_chain_check(three, three, SHOTS, 1), 5) / 3 * 1e3
    at_thousand = seconds(lambda: run_chain_check(thousand, thousand, SHOTS, 1), 2)
    honest = seconds(lambda: check_chain(million, million), 3)
    wrong = seconds(lambda: check_chain(forged, million), 2)
    together = seconds(lambda: run_local_checks([(patch, patch)] * PATCHES, SHOTS, 1), 3) / PATCHES * 1e3
    alone = seconds(lambda: [run_local_check(patch, patch, SHOTS, 1) for _ in range(PATCHES)], 2) / PATCHES * 1e3
    return [
        Figure(f"check of 3 Qblocks, state vector, {SHOTS} shots", round(at_three, 2), "ms a Qblock"),
        Figure(
            f"check of 1,000 Qblocks, matrix product state, {SHOTS} shots",
            round(at_thousand, 2),
            "ms a Qblock",
            baseline=f"{at_thousand:.1f} s in all: by inversion and both colours",
        ),
        Figure(
            "check of 1,000,000 Qblocks in closed form, all of them wrong",
            round(wrong, 2),
            "s",
            "at most",
            10,
            f"{wrong:.2f} us a Qblock; honest chain {honest:.2f} s",
        ),
        Figure(
            f"local check of a patch, {PATCHES} in a job, {SHOTS} shots",
            round(together, 2),
            "ms a Qblock",
            baseline=f"one by one {alone:.2f} ms",
        ),
    ]

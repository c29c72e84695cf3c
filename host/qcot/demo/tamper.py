"""Tampering with copies of a ledger, so that one can watch it being caught."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from qcot.errors import Problem, QcotError
from qcot.ledger import evidence, qblock, transactions
from qcot.ledger.case import Given
from qcot.ledger.reader import Reader
from qcot.ledger.report import check
from qcot.ledger.transactions import FrameEntry
from qcot.ledger.trust import Trust
from qcot.ledger.verify import verify
from qcot.link import frames, messages
from qcot.quantum.qblock import H_BITS, QblockPhases, expected_zeros_probability, run_local_check

NOTHING_TO_TAMPER = Problem("nothing-to-tamper", "Let the demonstration run for at least one Qblock with readings.")
FORGED_TURN = 3
"""A forged theta is turned by 1/FORGED_TURN of a circle: far enough to be seen, not so far that one shot sees it."""
SHOTS = 4096


@dataclass(frozen=True, slots=True)
class Caught:
    """What `verify` said of a tampered copy; ``finding`` is None when it noticed nothing."""

    what: str
    finding: str | None


@dataclass(frozen=True, slots=True)
class Detection:
    """How often the local check of a forged block saw it, by simulation, and how often theory says that it does."""

    qblock: int
    shots: int
    backend: str
    measured: float
    theory: float


def _copy(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(target)) as new:
        old.backup(new)


def _rewrite(path: Path, leaf: int, change: Callable[[bytes], bytes]) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        ((raw,),) = database.execute("SELECT bytes FROM leaf WHERE idx = ?", (leaf,)).fetchall()
        database.execute("UPDATE leaf SET bytes = ? WHERE idx = ?", (change(raw), leaf))


def _finding(path: Path, trust: Trust) -> str | None:
    with Reader.open(path) as ledger:
        failure = verify(ledger, trust).failure
    return str(failure) if failure else None


def flip_reading(ledger: Path, copy: Path, trust: Trust) -> Caught:
    """Flip one bit of one stored reading's value in a copy."""
    _copy(ledger, copy)
    with Reader.open(ledger) as source:
        leaf, frame = _some_readings(source)
    value_at = frames.HEADER.size + 5 + 5  # first u32, count u8; time u32, channel u8: then the value
    changed = bytearray(frame)
    changed[value_at] ^= 1
    _rewrite(copy, leaf, lambda raw: raw.replace(frame, bytes(changed), 1))
    return Caught(f"one bit of one reading in leaf {leaf}", _finding(copy, trust))


def alter_evidence(file: Path, given: Given) -> Caught:
    """Flip one bit in the middle of the transaction in an evidence file, and check what comes of it."""
    held = file.read_bytes()
    raw = evidence.parse(held).transaction
    changed = bytearray(raw)
    changed[len(raw) // 2] ^= 1
    failure = check(held.replace(raw, bytes(changed), 1), given).failure
    return Caught(
        "one bit of the evidence", f"{failure.problem.name}: {failure.says}" if failure and failure.problem else None
    )


def _some_readings(ledger: Reader) -> tuple[int, bytes]:
    """A transaction with readings near the middle, and the first READINGS frame in it."""
    found = []
    for leaf, raw in ledger.leaves():
        if raw[0] == qblock.FIRST_BYTE:
            continue
        entries = (e.frame for e in transactions.parse(raw).entries if isinstance(e, FrameEntry))
        if frame := next((f for f in entries if f[0] == messages.Readings.TYPE), None):
            found.append((leaf, frame))
    if not found:
        raise QcotError(NOTHING_TO_TAMPER, "the ledger holds no readings")
    return found[len(found) // 2]


def forge_phase(ledger: Path, copy: Path, trust: Trust, seed: int) -> tuple[Caught, Detection]:
    """Forge the phase that one Qblock records, in a copy, and run its quantum check against the true one."""
    _copy(ledger, copy)
    with Reader.open(ledger) as source:
        height = source.height() // 2
        header = source.header(height)
        if header is None:
            raise QcotError(NOTHING_TO_TAMPER, "the ledger holds no Qblock")
        earlier = [h for h in (source.header(height - 2), source.header(height - 1)) if h is not None]
    true = header.quantum.phases
    forged = QblockPhases((true.h + (1 << H_BITS) // FORGED_TURN) % (1 << H_BITS), true.t_ms)
    raw = qblock.build(header.core, replace(header.quantum, phases=forged))
    _rewrite(copy, header.core.tree_size, lambda _old: raw)
    before = qblock.patch_before(earlier)
    prepared, expected = [*before, forged], [*before, true]
    check = run_local_check(prepared, expected, SHOTS, seed)
    detection = Detection(
        qblock=height,
        shots=SHOTS,
        backend=check.backend,
        measured=1 - check.zeros_newest / SHOTS,
        theory=1 - expected_zeros_probability(prepared, expected)[0],
    )
    return Caught(f"the phase of Qblock {height}", _finding(copy, trust)), detection

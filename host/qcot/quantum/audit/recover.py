"""Recover a Qblock's time from its phase, and say how often that works (QUMA 7.3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from qcot.quantum.audit import theory
from qcot.quantum.audit.circuits import iterative_circuit, textbook_circuit
from qcot.quantum.audit.theory import Phase
from qcot.quantum.backends import Backend, Counts, RunResult, run_circuits
from qcot.quantum.qblock import T_BITS, QblockPhases
from qcot.quantum.statistics import Estimate, proportion

LINK_BITS = T_BITS + 1
"""A link's phase is (2^41 + t) / 2^43 of a turn."""


@dataclass(frozen=True)
class Audit:
    """A time recovered from a phase, beside the one on record; times in ms, None where an estimate is no time.

    ``found`` says how many shots gave each time, most first; ``resolution`` is the step from one estimate to the next,
    1 where all bits are estimated. ``applications`` is how often U acts on a machine that cannot multiply its angle.
    """

    recorded: int
    recovered: int | None
    found: Mapping[int | None, int]
    bits: int
    resolution: int
    turn: int
    run: RunResult

    @property
    def agrees(self) -> bool:
        """Whether the time most found is less than one step from the recorded one, around the circle of ``turn`` ms."""
        if self.recovered is None:
            return False
        off = (self.recovered - self.recorded) % self.turn
        return min(off, self.turn - off) < self.resolution

    @property
    def applications(self) -> int:
        """2^bits - 1."""
        return (1 << self.bits) - 1


def recover_time(
    t_ms: int, recorded: int | None = None, *, bits: int = T_BITS, shots: int = 64, seed: int = 0,
    backend: Backend | None = None,
) -> Audit:  # fmt: skip
    """Recover ``t_ms`` from U = CP(2 pi t / 2^42); compared with ``recorded``, or else with itself."""
    phase = Phase(t_ms, T_BITS)
    run = run_circuits([iterative_circuit(phase, bits)], shots, seed, backend)
    return _audit(phase, 0, t_ms if recorded is None else recorded, bits, run)


def audit_qblock(
    prepared: QblockPhases, recorded: int | None = None, *, bits: int = LINK_BITS, shots: int = 64, seed: int = 0,
    backend: Backend | None = None,
) -> Audit:  # fmt: skip
    """Recover the time of a Qblock from the phase of its link, phi = pi/2 + pi t / 2^42.

    Compared with ``recorded``, or else with the time that it was prepared from.
    """
    phase = Phase(prepared.link, LINK_BITS)
    run = run_circuits([iterative_circuit(phase, bits)], shots, seed, backend)
    return _audit(phase, 1 << (T_BITS - 1), prepared.t_ms if recorded is None else recorded, bits, run)


@dataclass(frozen=True)
class SuccessRow:
    """How often an estimate of ``bits`` bits was the nearest, and one of the two nearest."""

    bits: int
    nearest: Estimate
    two_nearest: Estimate


@dataclass(frozen=True)
class Success:
    """Success against the number of ancilla bits, and what ran it."""

    rows: tuple[SuccessRow, ...]
    run: RunResult


def success_against_bits(
    phase: Phase | Callable[[int], Phase],
    bits: Sequence[int],
    shots: int = 1024,
    seed: int = 0,
    backend: Backend | None = None,
) -> Success:
    """Measure each number of bits against the closed forms, in one run: of one phase, or of one for each number."""
    cases = [(phase if isinstance(phase, Phase) else phase(each), each) for each in bits]
    run = run_circuits([iterative_circuit(*case) for case in cases], shots, seed, backend)
    rows = [_success(*case, seen, shots) for case, seen in zip(cases, run.counts, strict=True)]
    return Success(tuple(rows), run)


@dataclass(frozen=True)
class Figure13:
    """Probability of each outcome of QUMA Fig. 13's circuit, and of the one with one ancilla, beside theory."""

    phase: Phase
    bits: int
    textbook: tuple[Estimate, ...]
    iterative: tuple[Estimate, ...]
    run: RunResult


def figure_13(
    phase: Phase, bits: int = 4, shots: int = 4096, seed: int = 0, backend: Backend | None = None
) -> Figure13:
    """Run both circuits and give the phase distribution that the paper's figure is about."""
    expected = theory.distribution(phase, bits)
    run = run_circuits([textbook_circuit(phase, bits), iterative_circuit(phase, bits)], shots, seed, backend)
    textbook, iterative = (
        tuple(
            proportion(f"{outcome:0{bits}b}", seen.get(f"{outcome:0{bits}b}", 0), shots, min(chance, 1.0))
            for outcome, chance in enumerate(expected)
        )
        for seen in run.counts
    )
    return Figure13(phase, bits, textbook, iterative, run)


def _audit(phase: Phase, offset: int, recorded: int, bits: int, run: RunResult) -> Audit:
    found: dict[int | None, int] = {}
    for outcome, times in sorted(run.counts[0].items(), key=lambda each: (-each[1], each[0])):
        time = ((int(outcome, 2) << phase.bits) >> bits) - offset
        key = time if 0 <= time < 1 << T_BITS else None
        found[key] = found.get(key, 0) + times
    resolution = max(1 << phase.bits >> bits, 1)
    return Audit(recorded, next(iter(found)), found, bits, resolution, 1 << phase.bits, run)


def _success(phase: Phase, bits: int, seen: Counts, shots: int) -> SuccessRow:
    one, two = (seen.get(f"{outcome:0{bits}b}", 0) for outcome in theory.nearest(phase, bits))
    chances = theory.nearest_probability(phase, bits), theory.two_nearest_probability(phase, bits)
    nearest, two_nearest = (min(chance, 1.0) for chance in chances)
    return SuccessRow(
        bits,
        proportion(f"{bits}: nearest", one, shots, nearest),
        proportion(f"{bits}: two nearest", one + two, shots, two_nearest),
    )

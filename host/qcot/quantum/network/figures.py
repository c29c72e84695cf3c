"""Data of the papers' figures about the network: the steps of QUMA Fig. 6, the layout of Fig. 7, what faults do."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from qcot.quantum.network.faults import FAULTS, choose_fault
from qcot.quantum.network.simulation import Simulation, simulate
from qcot.quantum.network.topology import Topology
from qcot.quantum.network.world import Settings

STAGES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("keys for every pair", "5.1", ("keys", "no keys")),
    ("publish", "5.2", ("published", "forged record published")),
    ("validate", "5.3", ("identity accepted", "identity refused", "link disturbed", "no answer")),
    ("verify", "5.4", ("record verified", "record refused", "record due")),
    ("draw the bookkeeper", "5.5", ("bookkeeper drawn", "reveal missing")),
    ("make the Qblock", "5.5", ("qblock made",)),
    ("double-check", "5.6", ("qblock checked", "qblock refused")),
    ("append", "5.6", ("qblock appended", "qblock dropped")),
)
"""Steps of the protocol in their order: name, section of the paper, and the events that belong to it."""


@dataclass(frozen=True)
class Stage:
    """A step of one Qblock (None: before all): when its first and last event happened, and how often which."""

    block: int | None
    name: str
    section: str
    first_ns: int
    last_ns: int
    counts: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class FaultRun:
    """What a fault did: whether it showed as it should, to how many members, and how the replicas ended."""

    name: str
    does: str
    should: str
    target: tuple[str, ...]
    detected: bool
    seen: tuple[tuple[str, int], ...]
    agrees: bool
    blocks: int
    behind: tuple[str, ...]


def stages(simulation: Simulation) -> tuple[Stage, ...]:
    """Fig. 6 as it happened: one line a step and Qblock, in time."""
    found = []
    blocks: list[int | None] = [None, *range(simulation.settings.blocks)]
    for block in blocks:
        for name, section, whats in STAGES:
            events = [e for e in simulation.timeline if e.what in whats and e.detail.get("block") == block]
            if events:
                counts = tuple((what, n) for what in whats if (n := sum(e.what == what for e in events)))
                times = [e.at_ns for e in events]
                found.append(Stage(block, name, section, min(times), max(times), counts))
    return tuple(found)


def faults_measured(
    topology: Topology, settings: Settings | None = None, names: Iterable[str] = FAULTS
) -> tuple[FaultRun, ...]:
    """Run every fault and say what came of it."""
    found = []
    for name in names:
        run = simulate(topology, settings, choose_fault(name, topology))
        fault = run.fault
        if fault is None:
            raise AssertionError("a run keeps its fault")
        whats = sorted({event.what for event in run.detections})
        seen = tuple((what, len({e.node for e in run.detections if e.what == what})) for what in whats)
        behind = tuple(each.name for each in run.outcomes if each.state != "agrees")
        found.append(
            FaultRun(
                name,
                fault.does,
                fault.seen,
                fault.target,
                bool(run.detected),
                seen,
                run.agrees,
                len(run.longest),
                behind,
            )
        )
    return tuple(found)


def circle(names: Sequence[str]) -> dict[str, tuple[float, float]]:
    """Places on the unit circle, the first on top, clockwise: the layout of Fig. 7."""
    turn = math.tau / max(1, len(names))
    return {name: (math.sin(turn * at), math.cos(turn * at)) for at, name in enumerate(names)}

"""The hospital network in discrete events: topology, channels, and the whole EQMR protocol on top (QUMA 5 and 6).

A simulation on a simulated clock: docs/quantum/network.md says what is modelled and what is not.
"""

from qcot.quantum.network.faults import FAULTS, Fault, choose_fault
from qcot.quantum.network.figures import FaultRun, Stage, circle, faults_measured, stages
from qcot.quantum.network.lottery import draw_shares, last_revealer, last_revealer_theory
from qcot.quantum.network.shapes import AUTO, EXAMPLES, SHAPES, load_topology, parse_topology
from qcot.quantum.network.simulation import Simulation, simulate
from qcot.quantum.network.topology import Channel, Node, Path, Routes, Topology
from qcot.quantum.network.world import Settings

__all__ = [
    "AUTO",
    "EXAMPLES",
    "FAULTS",
    "SHAPES",
    "Channel",
    "Fault",
    "FaultRun",
    "Node",
    "Path",
    "Routes",
    "Settings",
    "Simulation",
    "Stage",
    "Topology",
    "choose_fault",
    "circle",
    "draw_shares",
    "faults_measured",
    "last_revealer",
    "last_revealer_theory",
    "load_topology",
    "parse_topology",
    "simulate",
    "stages",
]

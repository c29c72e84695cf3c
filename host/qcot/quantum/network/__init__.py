"""The hospital network in discrete events: topology, channels, and the whole EQMR protocol on top (QUMA 5 and 6).

A simulation on a simulated clock: docs/quantum/network.md says what is modelled and what is not.
"""

from qcot.quantum.network.shapes import AUTO, EXAMPLES, SHAPES, load_topology, parse_topology
from qcot.quantum.network.topology import Channel, Node, Path, Routes, Topology

__all__ = [
    "AUTO",
    "EXAMPLES",
    "SHAPES",
    "Channel",
    "Node",
    "Path",
    "Routes",
    "Topology",
    "load_topology",
    "parse_topology",
]

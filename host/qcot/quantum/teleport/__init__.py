"""Teleportation over repeaters: closed forms, circuits that measure them, and a message through the four Q-IoT layers.

A simulation unless a real backend is given. Teleporting classical bits keeps nothing secret by itself.
"""

from qcot.quantum.teleport.chain import CLASSICAL_LIMIT, Chain, Prediction, predict, sweep
from qcot.quantum.teleport.circuits import BITS, INPUTS, teleport_circuit
from qcot.quantum.teleport.layers import Journey, Step, send
from qcot.quantum.teleport.measure import Measurement, measure

__all__ = [
    "BITS",
    "CLASSICAL_LIMIT",
    "INPUTS",
    "Chain",
    "Journey",
    "Measurement",
    "Prediction",
    "Step",
    "measure",
    "predict",
    "send",
    "sweep",
    "teleport_circuit",
]

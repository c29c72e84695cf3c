"""Attacks as records, and how often each shows, measured beside theory: docs/quantum/attacks.md."""

from qcot.quantum.attacks.detection import Curve, CurvePoint, Detection, curve, detected_within, figure_12, measure
from qcot.quantum.attacks.records import ATTACKS, Attack, named_attack

__all__ = [
    "ATTACKS",
    "Attack",
    "Curve",
    "CurvePoint",
    "Detection",
    "curve",
    "detected_within",
    "figure_12",
    "measure",
    "named_attack",
]

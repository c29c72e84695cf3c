"""Audit: a Qblock's time recovered from its phase, by phase estimation with one ancilla (QUMA 7.3, Fig. 13)."""

from qcot.quantum.audit.circuits import iterative_circuit, textbook_circuit
from qcot.quantum.audit.recover import (
    LINK_BITS,
    Audit,
    Figure13,
    Success,
    SuccessRow,
    audit_qblock,
    figure_13,
    recover_time,
    success_against_bits,
)
from qcot.quantum.audit.theory import (
    NEAREST_BOUND,
    TWO_NEAREST_BOUND,
    Phase,
    bits_for,
    distribution,
    nearest,
    nearest_probability,
    probability,
    third_of_a_turn,
    two_nearest_probability,
    worst_phase,
)

__all__ = [
    "LINK_BITS",
    "NEAREST_BOUND",
    "TWO_NEAREST_BOUND",
    "Audit",
    "Figure13",
    "Phase",
    "Success",
    "SuccessRow",
    "audit_qblock",
    "bits_for",
    "distribution",
    "figure_13",
    "iterative_circuit",
    "nearest",
    "nearest_probability",
    "probability",
    "recover_time",
    "success_against_bits",
    "textbook_circuit",
    "third_of_a_turn",
    "two_nearest_probability",
    "worst_phase",
]

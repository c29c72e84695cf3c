"""Basis embedding: records as basis states, a data set as their superposition (QUMA 4.3 and 4.4)."""

from qcot.quantum.embedding.circuits import dataset_circuit, measured, record_circuit
from qcot.quantum.embedding.dataset import MAX_BITS, MAX_RECORDS, DataSet, bits_of, dataset
from qcot.quantum.embedding.measure import Measurement, measure
from qcot.quantum.embedding.paper import (
    EXAMPLE,
    TABLE_2_ROWS,
    Claim,
    claims,
    equation_9,
    equation_10,
    equation_11,
    figure_5,
    holevo_bits,
    one_qubit,
    recovery_probability,
    table_2,
)

__all__ = [
    "EXAMPLE",
    "MAX_BITS",
    "MAX_RECORDS",
    "TABLE_2_ROWS",
    "Claim",
    "DataSet",
    "Measurement",
    "bits_of",
    "claims",
    "dataset",
    "dataset_circuit",
    "equation_9",
    "equation_10",
    "equation_11",
    "figure_5",
    "holevo_bits",
    "measure",
    "measured",
    "one_qubit",
    "record_circuit",
    "recovery_probability",
    "table_2",
]

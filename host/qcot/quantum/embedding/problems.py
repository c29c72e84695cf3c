"""What cannot be embedded, by name."""

from __future__ import annotations

from qcot.errors import Problem

NOT_BITS = Problem("embedding-not-bits", "Give each record as text of 0 and 1, or as bytes.")
NO_RECORDS = Problem("embedding-empty", "Give at least one record of at least one bit.")
UNEQUAL = Problem("embedding-unequal", "Give records of the same number of bits; pad the shorter ones yourself.")
DUPLICATE = Problem(
    "embedding-duplicate", "Leave the second one out, or have duplicates counted: it then weighs as often as it stands."
)
TOO_WIDE = Problem(
    "embedding-too-wide", "Give at most 64 bits a record and 64 different records; embed the hash of anything longer."
)
NO_ROW = Problem("embedding-no-row", "Ask for a number of qubits from 1 to 20.")

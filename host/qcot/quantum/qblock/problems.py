"""What can go wrong with a chain of Qblocks, by name; what can with one patch is in `qcot.quantum.problems`."""

from __future__ import annotations

from qcot.errors import Problem

BAD_CHAIN = Problem(
    "qblock-chain", "Give 1 to 10,000,000 Qblocks as two equally long lists of whole numbers, as many as are expected."
)
CHAIN_TOO_LONG = Problem("qblock-chain-too-long", "Run up to 5,000 Qblocks as circuits; the closed form takes more.")

"""What a gateway refuses, and what can be wrong with the gateway itself."""

from __future__ import annotations

from qcot.errors import Problem

# Answers to a bridge; those about the log itself are in qcot.ledger.problems.
OVERSIZE = Problem("oversize", "Keep it aside; a bridge must close a transaction before it reaches 1 MiB.")
WRONG_BRIDGE = Problem("wrong-bridge", "Let every bridge use its own name, key and topic.")

# The gateway itself.
BAD_CONFIG = Problem("gateway-config", "Correct the gateway's settings.")
NOT_RUNNING = Problem("gateway-not-running", "Start the gateway first.")
NO_VERIFIER = Problem(
    "no-verifier", "Let a bridge that the authority has certified send; its certificate comes to the ledger with that."
)

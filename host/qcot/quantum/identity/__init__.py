"""Identity validation by Bell pairs and a key used once (QUMA 5.1, 5.3, 5.7, put right): docs/quantum/validation.md."""

from qcot.quantum.identity.machines import Prover, Verifier
from qcot.quantum.identity.parameters import DEFAULT, PAPER, Parameters, false_reject, miss
from qcot.quantum.identity.run import Validation, validate

__all__ = ["DEFAULT", "PAPER", "Parameters", "Prover", "Validation", "Verifier", "false_reject", "miss", "validate"]

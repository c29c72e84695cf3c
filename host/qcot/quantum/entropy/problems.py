"""What can go wrong with random bits, by name."""

from __future__ import annotations

from qcot.errors import Problem

REPETITION = Problem(
    "entropy-repetition", "Do not use this device. Repair it, then make a new source, which tests itself anew."
)
PROPORTION = Problem(
    "entropy-proportion", "Do not use this device. Repair it, then make a new source, which tests itself anew."
)
STARTUP = Problem(
    "entropy-startup", "Do not use this device: none of its bits was used. Repair it, then make a new source."
)
BAD_SIZE = Problem("entropy-size", "Ask for 1 byte to 1 MiB, either with --bits or with --bytes.")
BAD_SAMPLES = Problem("entropy-samples", "Give a source 1,024 to 1,000,000 start-up samples and 1 to 20 qubits.")
BAD_CLAIM = Problem("entropy-claim", "Claim a min-entropy above 0 and at most 1 bit a sample.")
BAD_BITS = Problem("entropy-bits", "Give bits as zeros and ones, as many as the estimator needs.")
FILE = Problem("entropy-file", "Name a new file in a folder that you may write.")

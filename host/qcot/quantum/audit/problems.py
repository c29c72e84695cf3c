"""What cannot be audited, by name."""

from __future__ import annotations

from qcot.errors import Problem

BAD_PHASE = Problem("audit-phase", "Give a whole number from 0 to 2^bits - 1, and 1 to 64 bits.")
BAD_BITS = Problem("audit-bits", "Estimate with 1 to 64 bits; a distribution over all outcomes takes at most 12.")
BAD_ERROR = Problem("audit-error", "Give a probability of error above 0 and below 1.")
ONE_OF_TWO = Problem("audit-one-of-two", "Give a time with --t or a Qblock with --height, not both.")

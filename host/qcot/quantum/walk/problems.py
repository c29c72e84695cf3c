"""What can go wrong with a walk hash, by name."""

from __future__ import annotations

from qcot.errors import Problem

NOT_BITS = Problem("walk-not-bits", "Write the message as 0 and 1 only.")
EVEN_RING = Problem("walk-ring", "Give an odd number of cells a side, from 3 to 15: an even ring leaves cells empty.")
BAD_STEPS = Problem(
    "walk-steps", "Give a number of steps from 1 to the walk's own, which is the message's bits and 129."
)
TOO_FEW_BITS = Problem("walk-message-short", "Give at least 1,001 bits: the 1,000th is flipped.")
BAD_SAMPLES = Problem("walk-samples", "Give a number of messages from 100 to 1,000,000.")

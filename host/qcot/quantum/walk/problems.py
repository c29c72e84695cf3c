"""What can go wrong with a walk hash, by name."""

from __future__ import annotations

from qcot.errors import Problem

NOT_BITS = Problem("walk-not-bits", "Write the message as 0 and 1 only.")
NOT_HEX = Problem("walk-not-hex", "Give an even number of hexadecimal digits, two a byte.")
BAD_MESSAGE = Problem("walk-message", "Give one message: --hex, --text, --bits or --file.")
BAD_FILE = Problem("walk-file", "Name a file that you may read, of at most 64 KiB; hash larger ones with SHA-256.")
EVEN_RING = Problem("walk-ring", "Give an odd number of cells a side, 3 to 15: an even ring leaves most cells empty.")
BAD_STEPS = Problem(
    "walk-steps", "Give 1 step at least, 4,096 at most, and no more than the walk has: the message's bits and 129."
)
TOO_FEW_SHOTS = Problem("walk-shots", "Give 100 shots at least: fewer say nothing about 49 cells.")
TOO_FEW_BITS = Problem("walk-message-short", "Give at least 1,001 bits, because the 1,000th is flipped.")
BAD_SAMPLES = Problem("walk-samples", "Give a whole number of messages from 100 to 1,000,000.")

"""What can go wrong with an identity validation, by name."""

from __future__ import annotations

from qcot.errors import Problem

BAD_PAIRS = Problem("validation-pairs", "Give 1 to 128 pairs; each carries two of the 256 bits that prove the key.")
BAD_CHECKS = Problem("validation-checks", "Give 1 to 4,096 check pairs.")
BAD_TAU = Problem("validation-tau", "Accept from 0 errors to one less than there are checks.")
BAD_MISMATCHES = Problem("validation-mismatches", "Accept from 0 mismatches to one less than there are pairs.")
BAD_RECORD_HASH = Problem("validation-record-hash", "Give the record's hash as 32 bytes, 64 hexadecimal digits.")
BAD_NONCE = Problem("validation-nonce", "Give 32 fresh random bytes as nonce, or none to have them drawn.")
BAD_RATE = Problem("validation-rate", "Give error rates from 0 to 1.")
BAD_RUNS = Problem("validation-runs", "Run the protocol 1 to 1,000 times.")
OUT_OF_STEP = Problem(
    "validation-step", "Start again with a new key: the steps come in one order, and each only once with one key."
)
BAD_ANNOUNCEMENT = Problem(
    "validation-announcement",
    "Announce as many different positions, bases (Z or X) and results (0 or 1) as there are checks.",
)
BAD_RESULTS = Problem("validation-results", "Hand in one measured result for each pair of this step.")
CHANNEL_DISTURBED = Problem(
    "validation-channel-disturbed",
    "Look for noise or an eavesdropper between the ends, then validate with a new key.",
)
IDENTITY_REFUSED = Problem(
    "validation-identity-refused", "Trust nothing that this peer sends: it did not show that it holds the shared key."
)

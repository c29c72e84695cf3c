"""What can go wrong with keys, and with distributing them, by name."""

from __future__ import annotations

from qcot.errors import Problem

KEY_EXHAUSTED = Problem(
    "key-exhausted", "Distribute more keys between these two ends (`qcot quantum qkd --store`), then try again."
)
KEY_USED = Problem("key-used", "Agree on another key: each key serves once, whatever came of its use.")
KEY_UNKNOWN = Problem("key-unknown", "See that both ends hold the keys of the same distribution.")
KEY_KNOWN = Problem("key-known", "Distribute new keys: an id stands for one key for ever, also after its use.")
KEY_SIZE = Problem("key-size", "Use keys of 32 bytes.")
KEY_STORE_OPEN = Problem(
    "key-store-open-to-others",
    "Who could read it may have: delete the store at both ends, close its folder with chmod 700, distribute new keys.",
)
KEY_STORE_MISSING = Problem("key-store-missing", "Name the file that `qcot quantum qkd --store` made.")
KEY_STORE_DAMAGED = Problem(
    "key-store-damaged", "Delete the store at both ends and distribute new keys; a backup would hand out used ones."
)
KEY_STORE_BUSY = Problem("key-store-busy", "Another program holds the store; end it or wait for it, then try again.")
KEY_STORE_IO = Problem("key-store-io", "See that the disk has room and that you may write to the store and its folder.")

BAD_LINK = Problem("qkd-link", "Describe a link within the bounds that docs/quantum/key-distribution.md lists.")
BAD_PHOTONS = Problem("qkd-photons", "Give a whole number of photons, or of pairs, from 1 to 50,000,000.")
BAD_PROTOCOL = Problem("qkd-protocol", "Name the protocol bb84 or e91.")
BAD_PARAMETERS = Problem(
    "qkd-parameters",
    "Give a sample between 0 and 1, failure probabilities between 0 and 1, an error bound from 0 to 0.5.",
)
BAD_RECONCILIATION = Problem(
    "qkd-reconciliation", "Give two strings of as many bits, at least one, and an error rate from 0 to 0.5."
)
ERROR_RATE = Problem("qkd-error-rate", "Look for an eavesdropper or a bad link; nothing of this run is secret.")
BELL_VALUE = Problem(
    "qkd-bell-value",
    "Look for an eavesdropper or noisy pairs, or send more pairs so that the interval gets narrower.",
)
NOT_CORRECTED = Problem(
    "qkd-not-corrected", "Run the distribution again: error correction left the two ends different."
)
TOO_SHORT = Problem("qkd-too-short", "Send more photons, or use a shorter or better link: few bits prove little.")
SEEDED_STORE = Problem("qkd-seeded-store", "Leave --seed out: keys that are kept must not follow from a number.")

"""What can go wrong with keys, signatures and encodings."""

from __future__ import annotations

from qcot.errors import Problem

BAD_CBOR = Problem(
    "bad-cbor",
    "See that it is the right file, then ask for it again: it is of another kind, cut short or altered "
    "(docs/evidence.md: deterministic CBOR).",
)
BAD_COSE = Problem(
    "bad-cose",
    "See that it is the right file, then ask for it again: it is of another kind or altered "
    "(docs/evidence.md: COSE_Sign1).",
)
BAD_SIGNATURE = Problem(
    "bad-signature", "Do not use this; ask its sender for the original, and check that you hold the right key."
)
BAD_KEY = Problem("bad-key", "Give a key of the stated algorithm and length.")
BAD_CIPHERTEXT = Problem(
    "bad-ciphertext", "Ask for the ciphertext again; it must be of the stated algorithm and length."
)
SEALED_FOR_ANOTHER = Problem(
    "sealed-for-another", "Open it with the key and for the use that it was sealed for, or ask for it again."
)
ALGORITHM_UNKNOWN = Problem("algorithm-unknown", "Choose one of docs/algorithms.md, written as it is there.")
ALGORITHM_REFUSED = Problem("algorithm-refused", "Choose a standard one of docs/algorithms.md, such as ML-DSA-65.")
ALGORITHM_NEEDS_EXTRA = Problem(
    "algorithm-needs-extra",
    "Install it with `pip install 'qcot[falcon]'`, or choose a standard one, such as ML-DSA-65.",
)
ALGORITHM_VERIFY_ONLY = Problem(
    "algorithm-verify-only",
    "Choose another to sign with, such as SLH-DSA-SHA2-128s: it is hash-based and has no state.",
)
KEY_FILE_MISSING = Problem("key-file-missing", "Run `qcot init`, or give the path of the key file.")
KEY_FILE_EXISTS = Problem("key-file-exists", "Keep the key that is there, or name another file; no key is overwritten.")
KEY_FILE_MODE = Problem("key-file-mode", "Make it yours alone: chmod 600")
KEY_FILE_UNREADABLE = Problem("key-file-unreadable", "Run it as the user whose key this is: nobody else may read it.")
KEY_FILE_BAD = Problem(
    "key-file-bad", "Restore the key file from a backup: it does not hold a secret of the stated length."
)
KEY_FILE_IO = Problem("key-file-io", "Make the folder writable and free some space, then try again.")

"""What can go wrong where payloads are kept and handed out."""

from __future__ import annotations

from qcot.errors import Problem

IDENTITY_EXISTS = Problem("identity-exists", "Use it as it is, or choose another name.")
IDENTITY_MISSING = Problem("identity-missing", "Make it with `qcot record identity NAME`, or name another home.")
BAD_IDENTITY_NAME = Problem("bad-identity-name", "Choose 1 to 64 characters of A-Z a-z 0-9 _ -.")
BAD_IDENTITY_FILE = Problem(
    "bad-identity-file", "Ask its holder for the .qcot-id file again, as `qcot record identity` writes it."
)

RECORD_NOT_HERE = Problem("record-not-here", "Use the home that published it: payloads and keys are kept there alone.")
NOT_ON_LEDGER = Problem(
    "not-on-ledger-yet",
    "Start `qcot up` (or bridge and gateway): what was submitted is kept, and taken when they run; `qcot record list` "
    "shows it then.",
)
ACCESS_MISSING = Problem("access-missing", "Put the access on the ledger first, as `qcot record open` does.")
ACCESS_USED = Problem("access-used", "Make another access: each one on the ledger opens a record once.")
KEM_DIFFERS = Problem("kem-differs", "Ask the record's owner to share it with the .qcot-id file that is used here.")
BAD_HANDOVER = Problem(
    "bad-handover", "Ask for the file again, as `qcot record ask` or `qcot record hand-out` writes it."
)
NOT_SEALED_TO_YOU = Problem("not-sealed-to-you", "Open it with the identity that the record was handed out to.")

CUSTODY_BUSY = Problem("custody-busy", "Wait until the other `qcot record` has ended, then try again.")
CUSTODY_DAMAGED = Problem("custody-damaged", "Restore records/custody.sqlite from a backup.")
CUSTODY_IO = Problem("custody-io", "Make the home's folder records writable and free some space, then try again.")
ERASE_UNFINISHED = Problem(
    "erase-unfinished", "Let the other `qcot record` end, then run any `qcot record list`: it finishes the erasure."
)

"""Why a statement about a record, or an item of one, is refused."""

from __future__ import annotations

from qcot.errors import Problem

BAD_RECORD = Problem("bad-record", "Ask for it again; it is not a statement or an item as docs/records.md has it.")

# Who signed.
PSEUDONYM_UNKNOWN = Problem(
    "pseudonym-unknown", "Ask the record's owner to share it with this pseudonym: `qcot record share ID --to FILE`."
)
PSEUDONYM_ROTATED = Problem("pseudonym-rotated", "Sign with the pseudonym that followed it.")
PSEUDONYM_TAKEN = Problem("pseudonym-taken", "Make a new pseudonym: `qcot record identity NAME --fresh`.")

# What it is about.
RECORD_UNKNOWN = Problem("record-unknown", "Look for its id with `qcot record list`.")
RECORD_REPEATED = Problem("record-repeated", "Publish it again under a new id, as `qcot record publish` does.")
RECORD_ERASED = Problem("record-erased", "Nothing brings an erased record back; ask its owner to publish it anew.")
RECORD_NOT_YOURS = Problem("record-not-yours", "Ask its owner: nobody else shares, withdraws or erases a record.")
RECORD_OUT_OF_TURN = Problem(
    "record-out-of-turn", "Make the statement again: the record has changed on the ledger since it was signed."
)

# Leave to open it.
CONSENT_MISSING = Problem(
    "consent-missing", "Ask the record's owner to share it: `qcot record share ID --to FILE.qcot-id`."
)
CONSENT_EXPIRED = Problem("consent-expired", "Ask the record's owner to share it again.")
PURPOSE_DIFFERS = Problem("purpose-differs", "Open it for the purpose that its owner agreed to, with --purpose.")
ACCESS_REPEATED = Problem("access-repeated", "Make a new access statement: each opens a record once.")
STATEMENT_AHEAD = Problem("statement-ahead", "Set the clock of the machine that signed it, then sign it again.")

# Items that are handed out.
ITEM_DIFFERS = Problem("item-differs", "Do not use it: ask for the item again, and for its record's statement.")
PAYLOAD_DIFFERS = Problem(
    "payload-differs", "Restore the folder records from a backup that is no older than the record."
)

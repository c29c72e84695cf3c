"""Why a transaction is refused, and what can be wrong with a ledger or with evidence."""

from __future__ import annotations

from qcot.errors import Problem

# Transactions and receipts as bytes.
BAD_TRANSACTION = Problem("bad-transaction", "Keep it aside; its bridge must build it as docs/evidence.md has it.")
BAD_RECEIPT = Problem("bad-receipt", "Ignore it; the transaction will be sent again.")

# Why a gateway says "later" besides SEQUENCE_AHEAD, with all being well.
LIMIT = Problem(
    "limit", "Nothing is lost: it is taken as soon as the limit allows. Lower the rates, or raise the limit."
)
BUSY = Problem("busy", "Nothing is lost: it is taken as soon as what waits before it has been stored.")
QBLOCK_DUE = Problem(
    "qblock-due", "Nothing is lost: a certificate of the open run has ended, it is taken once a Qblock has closed that."
)

# The rules that a transaction must meet to be taken (rules.py).
WRONG_SITE = Problem("wrong-site", "Set the bridge's site to that of the gateway.")
SEQUENCE_REUSED = Problem(
    "sequence-reused", "Give the bridge a new name and key: it lost its outbox and counts again from the start."
)
SEQUENCE_AHEAD = Problem("sequence-ahead", "Send the transactions before it; they were not received.")
STATEMENT_UNKNOWN = Problem(
    "statement-unknown", "Submit only certificates, revocations, rotations and records, as docs/evidence.md has them."
)
NOT_CERTIFIED = Problem(
    "device-not-certified", "Enrol the board with `qcot enroll`, which also asks the authority for its certificate."
)
NOT_ENROLLED = Problem("device-not-enrolled", "Enrol the board with `qcot enroll`, then let the bridge send again.")
DEVICE_KEY_CHANGED = Problem("device-key-changed", "Enrol the board under a new device id: an id keeps its first key.")
BAD_FRAME = Problem("bad-frame", "Check the bridge: only READINGS and OPENED frames with a good CRC belong here.")
STALE_EPOCH = Problem("stale-epoch", "Look for a second board with this id; the board has begun a later boot.")
CHAIN_GAP = Problem("chain-gap", "Reset the board: a new boot begins a new chain.")
CHAIN_REPEATED = Problem("chain-repeated", "Nothing is lost: these readings are in the ledger already.")
CHAIN_BROKEN = Problem("chain-broken", "Reset the board; if it goes on, look for a second board with this id.")
CLOCK_AHEAD = Problem("clock-ahead", "Check the bridge: by its own clock it had these readings before they were taken.")

# What a board signs itself.
NO_LMS_KEY = Problem(
    "no-lms-key", "Let the board make a key (`qcot signer generate`) and have it certified (`qcot signer certify`)."
)
BOARD_UNSIGNED = Problem(
    "board-unsigned", "Run `qcot signer certify` if the board has made a new key; else find out who signed."
)
LEAF_REUSED = Problem(
    "leaf-reused", "Do not use this key again: who signs twice with one leaf gives it away. Make a new one."
)
CHECKPOINT_OFF_CHAIN = Problem(
    "checkpoint-off-chain",
    "Find out which readings were kept from the log: the board signed another chain.",
)

# Checkpoints, proofs and verifier keys as text.
BAD_CHECKPOINT = Problem("bad-checkpoint", "Ask for the checkpoint again; it is not C2SP tlog-checkpoint text.")
CHECKPOINT_UNSIGNED = Problem("checkpoint-unsigned", "Check that the verifier key is that of this log.")
BAD_PROOF = Problem("bad-proof", "Ask for the proof again; it is not C2SP tlog-proof text.")
BAD_VERIFIER_KEY = Problem(
    "bad-verifier-key",
    "Give it as name+hex key id+base64, as `qcot ledger checkpoint --vkey` prints that of a log.",
)

# Qblock headers.
BAD_QBLOCK = Problem("bad-qblock", "Restore the ledger from a copy that verifies; this is not a Qblock header.")
QBLOCK_OUT_OF_PLACE = Problem("qblock-out-of-place", "Restore the ledger from a copy that verifies.")
QBLOCK_WALK_HASH = Problem("qblock-walk-hash", "Restore the ledger from a copy that verifies.")
QBLOCK_PHASE = Problem("qblock-phase", "Restore the ledger from a copy that verifies.")
QBLOCK_QASM = Problem("qblock-qasm", "Restore the ledger from a copy that verifies.")
QBLOCK_COUNT = Problem("qblock-count", "Restore the ledger from a copy that verifies.")
QBLOCK_CHECK = Problem("qblock-check", "Restore the ledger from a copy that verifies.")
QBLOCK_VALIDATION = Problem("qblock-validation", "Restore the ledger from a copy that verifies.")
QBLOCK_KEY_REUSED = Problem(
    "qblock-key-reused",
    "Nothing, it goes on with the next key; but bring no backup of the folder validation back: delete it instead.",
)

# Verification of a whole ledger.
BAD_LEAF = Problem("bad-leaf", "Restore the ledger from a copy that verifies.")
SEQUENCE_MISSING = Problem(
    "sequence-missing", "Find the transactions between in the bridge's outbox, or restore a copy."
)
ROOT_DIFFERS = Problem("root-differs", "Restore the ledger from a copy that verifies.")
INDEX_DIFFERS = Problem(
    "index-differs", "The leaves are whole; make the index again by restoring a copy that verifies."
)
CHECKPOINT_MISSING = Problem("checkpoint-missing", "Restore the ledger from a copy that verifies.")

# The store.
LEDGER_MISSING = Problem(
    "ledger-missing", "Run `qcot up` (or `qcot gateway`) once, or name the right home with --home."
)
LEDGER_LOCKED = Problem("ledger-locked", "Stop the other gateway first: one process writes a ledger.")
LEDGER_CORRUPT = Problem(
    "ledger-corrupt", "Stop, keep this file, and restore the newest copy for which `qcot ledger verify` holds."
)
LEDGER_FOREIGN = Problem(
    "ledger-foreign", "Name the home that this ledger belongs to, or set its site and gateway name."
)
LEDGER_FULL = Problem("disk-full", "Free space on the ledger's disk; nothing was half written, and bridges send again.")
LEDGER_IO = Problem("ledger-io", "Check the disk and the permissions of the ledger's folder; nothing was half written.")
OF_THE_STORE = (INDEX_DIFFERS, LEDGER_CORRUPT, LEDGER_FULL, LEDGER_IO)
"""What can come of looking something up: it says nothing of a transaction, and none is refused for it."""
CHECKPOINT_CONFLICT = Problem("checkpoint-conflict", "Do not sign; run `qcot ledger verify` and find out why.")

# Evidence.
BAD_EVIDENCE = Problem("bad-evidence", "Ask for the file again; it is not qcot-evidence/v2 as docs/evidence.md has it.")
NO_SUCH_READING = Problem("no-such-reading", "Look with `qcot ledger list --boards` which readings there are.")
NO_SUCH_CHECKPOINT = Problem(
    "no-such-checkpoint",
    "Have the board sign (`qcot signer sign ID`, or `checkpoint_every` of [bridge]), then make the file with --signed.",
)
NOT_CLOSED_YET = Problem("not-closed-yet", "Wait for the next Qblock and its checkpoint, then ask again.")
KEY_NOT_PINNED = Problem("key-not-pinned", "Do not trust this evidence unless its other root is known to be right too.")
COMMITMENT_DIFFERS = Problem(
    "commitment-differs", "Do not trust this evidence: it enrols a board with a key that the authority did not certify."
)
NOT_INCLUDED = Problem("not-included", "Ask for the evidence again; as it is, the log does not hold this.")
NOT_COVERED = Problem("not-covered", "Ask for the evidence with the Qblock that closed this transaction.")
LOG_FOREIGN = Problem("log-foreign", "Ask for evidence whose gateway is certified for the log of its checkpoint.")
QUORUM_MISSING = Problem(
    "quorum-missing",
    "Have more of the log's witnesses cosign its newest checkpoint (`qcot ledger witness ask`), then ask for the "
    "evidence again.",
)
ANCHOR_MISSING = Problem(
    "anchor-missing", "Ask the log's operator to run `qcot ledger anchor`, and for evidence made after that."
)
ANCHOR_FOREIGN = Problem("anchor-foreign", "Ask for the evidence with an anchor of this log.")
NOT_CONSISTENT = Problem(
    "not-consistent", "Ask for the proof again; if the new one does not hold either, the log has rewritten its past."
)

"""What can go wrong in a bridge, by name."""

from __future__ import annotations

from qcot.errors import Problem

UNENROLLED = Problem("board-unenrolled", "run `qcot enroll PORT`")
UNKNOWN_BOARD = Problem(
    "board-unknown", "restore its key and record from the home that enrolled it, or erase the board and enrol it again"
)
DUPLICATE = Problem("duplicate-device", "unplug one of the two: two boards answer to one id; erase and enrol one again")
IMAGE_CHANGED = Problem("image-changed", "nothing, if you flashed the board; else find out who did")
BAD_CHANNEL = Problem("unknown-channel", "correct the channel's name in the rates of qcot.toml")
COMMAND_REFUSED = Problem("command-refused", "correct the rates in qcot.toml")

OUTBOX_CORRUPT = Problem(
    "outbox-corrupt",
    "move the file aside and keep it, then start again and reset the boards; what was not acknowledged comes again",
)
OUTBOX_FOREIGN = Problem("outbox-foreign", "use the home that belongs to this site and bridge, or another home")
OUTBOX_BUSY = Problem("outbox-busy", "stop the other bridge on this home")
DISK_FULL = Problem("disk-full", "free some space: the boards keep their readings and the bridge goes on by itself")
OUTBOX_IO = Problem("outbox-io", "check the disk and who may write the home")

BAD_RECEIPT = Problem("receipt-refused", "check that this home has the public key of the site's gateway")
GATEWAY_BEHIND = Problem(
    "gateway-behind", "restore the gateway's ledger: it wants transactions that it acknowledged before"
)
RENUMBERED = Problem("outbox-renumbered", "nothing: what waits was signed anew under the sequences that are wanted")
HELD_UP = Problem(
    "transactions-held-up",
    "give the gateway this bridge's name and public key, or the bridge its own; what waits is then taken",
)
"""The gateway's own name and reason stand in the reason."""
REFUSED = Problem("transaction-refused", "read the reason; the transaction is kept aside in the outbox")
"""The gateway's own name and reason stand in the reason."""

"""What can go wrong in a bridge, by name."""

from __future__ import annotations

from qcot.errors import Problem

UNENROLLED = Problem("board-unenrolled", "Run `qcot enroll PORT`.")
UNKNOWN_BOARD = Problem(
    "board-unknown", "Restore its key and record from the home that enrolled it, or erase the board and enrol it again."
)
DUPLICATE = Problem(
    "duplicate-device", "Unplug one of the two: two boards answer to one id; erase and enrol one again."
)
LINE_REFUSED = Problem(
    "line-message-refused", "Find out who publishes on the topics of boards: the broker's rules let nobody but them."
)
IMAGE_CHANGED = Problem("image-changed", "Nothing, if you flashed the board; else find out who did.")
BAD_CHANNEL = Problem("unknown-channel", "Correct the channel's name in the rates of qcot.toml.")
SENSOR_FAILED = Problem(
    "sensor-failed", "Check the sensor, its wires, supply and pull-up; or set its channel's rate to 0."
)
HOST_CLOCK_STEPPED = Problem(
    "host-clock-stepped",
    "Nothing now: board times are fitted anew. Keep the host's clock with NTP, which does not jump.",
)
BOARD_CLOCK_JUMPED = Problem(
    "board-clock-jumped", "Nothing at first: its times are fitted anew. If it goes on, replace the board's crystal."
)
COMMAND_REFUSED = Problem("command-refused", "Correct the rates in qcot.toml.")

OUTBOX_CORRUPT = Problem(
    "outbox-corrupt",
    "Move the file aside and keep it, then start again and reset the boards; what was not acknowledged comes again.",
)
OUTBOX_FOREIGN = Problem("outbox-foreign", "Use the home that belongs to this site and bridge, or another home.")
OUTBOX_BUSY = Problem("outbox-busy", "Stop the other bridge on this home.")
DISK_FULL = Problem("disk-full", "Free some space: the boards keep their readings and the bridge goes on by itself.")
OUTBOX_IO = Problem("outbox-io", "Check the disk and who may write the home.")

BAD_RECEIPT = Problem("receipt-refused", "Check that this home has the public key of the site's gateway.")
GATEWAY_BEHIND = Problem(
    "gateway-behind", "Restore the gateway's ledger: it wants transactions that it acknowledged before."
)
RENUMBERED = Problem("outbox-renumbered", "Nothing: what waits was signed anew under the sequences that are wanted.")
HELD_UP = Problem(
    "transactions-held-up",
    "Read the reason: with a certificate that holds, of this bridge's name, key and policy, what waits is taken.",
)
"""The gateway's own name and reason stand in the reason."""
BOARD_NOT_CERTIFIED = Problem(
    "board-not-certified",
    "Run `qcot enroll PORT` again, or install what the authority answers: the board waits for it.",
)
BOARD_EXPIRED = Problem(
    "board-certificate-expired",
    "Stop the bridge, run `qcot enroll PORT`, which renews it, and start the bridge again; or, where the authority is "
    "elsewhere, install its answer: the bridge takes it up. The board keeps its newest readings until then.",
)
BOARD_EARLY = Problem(
    "board-certificate-not-yet-valid", "Set the clock right, or wait: the board keeps its newest readings until then."
)
BOARD_WAITS = Problem(
    "board-set-aside",
    "Renew the board's certificate if it ended or was taken back: then what the gateway refused for that is sent "
    "again, and the board is served.",
)
HELD_BACK = (BOARD_EXPIRED, BOARD_EARLY, BOARD_WAITS)
"""For these a board is not served, and its port stays open: opening it again would reset the board."""
BAD_STATEMENT = Problem(
    "statement-unreadable", "Remove the file; it holds no certificate, revocation, rotation or record."
)
NO_NEXT_KEY = Problem(
    "rotation-without-key", "Put the seed of the new key at keys/bridge.next.seed, or remove the rotation."
)
ROTATION_LEFT_OUT = Problem(
    "rotation-left-out",
    "Have the former key's certificates revoked as `superseded`: no rotation on the ledger says that it is replaced.",
)
STATEMENT_REFUSED = Problem(
    "statement-refused",
    "Read the reason; it is kept in bridge/submissions/refused. Submit it again once that is right.",
)
"""The gateway's own name and reason stand in the reason."""
REFUSED = Problem("transaction-refused", "Read the reason; the transaction is kept aside in the outbox.")
"""The gateway's own name and reason stand in the reason."""

SIGNER_EXHAUSTED = Problem(
    "signer-exhausted",
    "Stop the bridge and run `qcot signer generate --replace`: the board makes a new key, and its certificate is "
    "renewed.",
)
SIGNER_NO_KEY = Problem("signer-no-key", "Run `qcot signer generate`: the board makes a key of its own.")
SIGNER_UNFINISHED = Problem(
    "signer-unfinished",
    "Run `qcot signer generate PORT`, which goes on from there, or start the bridge (`qcot up`), which does it while "
    "readings go on.",
)
SIGNER_DAMAGED = Problem(
    "signer-key-damaged", "Erase the board (hold D12 to GND while it resets), enrol it again and make a new key."
)
SIGNER_UNKNOWN = Problem("signer-unknown", "Flash the firmware that belongs to this version of qcot.")
SIGNER_UNCERTIFIED = Problem(
    "signer-uncertified", "Run `qcot signer certify`: the board's certificate is renewed, with this key in it."
)
NODES_DAMAGED = Problem("signer-nodes-damaged", "Nothing: what is missing is had from the board again.")
TREE_WRONG = Problem("signer-tree-wrong", "Erase the board and enrol it again: its key does not hold together.")
SIGN_REFUSED = Problem("sign-refused", "Nothing: it is tried again; if it goes on, look at `qcot signer status`.")
SIGNATURE_LOST = Problem("signature-lost", "Nothing: the next leaf is used; if it goes on, check the cable.")
SIGNATURE_BAD = Problem("board-signature-bad", "Nothing: the next leaf is used; if it goes on, replace the board.")

"""What an authority refuses, and what can be wrong with its files."""

from __future__ import annotations

from qcot.errors import Problem

# Requests that get no certificate.
WINDOW_CLOSED = Problem("window-closed", "Let the operator run `qcot authority window --for 10m`, then ask again.")
BAD_WINDOW = Problem("bad-window", "Open the window for one second to seven days.")
REQUEST_STALE = Problem("request-stale", "Set the clocks right and make the request again; it is good for seven days.")
REQUEST_UNSEALED = Problem("request-unsealed", "Seal it to this authority: it holds the board's key.")
NAME_TAKEN = Problem(
    "name-taken",
    "Take another name; or, where this key is to take the place of the other one, say so: "
    "`qcot authority issue --replace`.",
)
DEVICE_TAKEN = Problem("device-taken", "Erase the board and enrol it under a new device id: an id keeps its first key.")
POSSESSION_UNPROVEN = Problem(
    "possession-unproven", "Enrol the board again; its ENROLLED frame does not prove that it has the key."
)
LMS_UNPROVEN = Problem(
    "lms-unproven", "Let the board sign again (`qcot signer sign`), then ask anew; if it goes on, find out why."
)
LMS_LEAF_REUSED = Problem(
    "lms-leaf-reused", "Certify nothing for this key: it signed two things with one leaf. Let the board make a new key."
)
LMS_KEY_CHANGED = Problem(
    "lms-key-changed",
    "Compare the new key with what the board says over a cable (`qcot signer status PORT`). If it is the board's next "
    "one, say so: `qcot authority issue --replace`, or in the authority's own home `qcot signer certify ID --replace`.",
)
NO_SUCH_CERTIFICATE = Problem("no-such-certificate", "Look with `qcot authority list` what was issued.")
REASON_UNKNOWN = Problem("reason-unknown", "Give one of the reasons that are listed.")
BAD_VALIDITY = Problem("bad-validity", "Give a validity of one minute to thirty years.")

# Keys.
ROOT_OFFLINE = Problem(
    "root-offline", "Bring root.key to the authority's folder, as its credential or from its safe, and try again."
)
ROOT_DIFFERS = Problem("root-differs", "Bring the root.key that belongs to this authority.")
ISSUER_UNFIT = Problem("issuer-unfit", "Run `qcot authority rotate-issuer`; it needs root.key.")
ISSUER_KEY_DIFFERS = Problem(
    "issuer-key-differs",
    "Bring the issuing.seed that belongs to this authority (as a credential, the new one), or run "
    "`qcot authority rotate-issuer`.",
)

# Anchors.
ANCHOR_BEHIND = Problem("anchor-behind", "Anchor the log's newest checkpoint; an authority never goes back.")
ANCHOR_UNPROVEN = Problem(
    "anchor-unproven",
    "Give the consistency proof from the last anchor's tree; if none holds, the log rewrote its past.",
)
ANCHOR_CONFLICT = Problem(
    "anchor-conflict",
    "Do not anchor, and keep both checkpoints: the log has shown two histories. Find out with `qcot ledger verify`.",
)

# Files.
AUTHORITY_MISSING = Problem(
    "authority-missing", "Use the home where the authority is, or make one there with `qcot init`."
)
AUTHORITY_EXISTS = Problem("authority-exists", "Use the authority that is there, or name another home.")
AUTHORITY_DAMAGED = Problem(
    "authority-damaged", "Stop, keep the file, and restore the newest backup; then issue again what is missing in it."
)
AUTHORITY_FULL = Problem("authority-disk-full", "Free space on the authority's disk; nothing was half done.")
AUTHORITY_BUSY = Problem("authority-busy", "Let the other command on this authority end, then try again.")
AUTHORITY_IO = Problem(
    "authority-io", "Check the disk and who may write the authority's folder; nothing was half done."
)

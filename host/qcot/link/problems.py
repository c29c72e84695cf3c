"""What can go wrong on the link, by name."""

from __future__ import annotations

from qcot.errors import Problem, QcotError


class LinkError(QcotError):
    """Something on the link is not what docs/link-protocol.md says."""


FORGED = Problem("forged", "Check who has access to the cable; if it goes on, enrol the board again.")
REPLAYED = Problem("replayed", "Check who has access to the cable.")
MALFORMED = Problem("malformed", "Flash the firmware that belongs to this version of qcot.")
AHEAD = Problem("ahead", "Nothing: the board sends the missing frame again.")
CHAIN_BROKEN = Problem("chain-broken", "Reset the board; if it goes on, replace it.")
CHAIN_GAP = Problem("chain-gap", "Reset the board: a new boot begins a new chain.")
NO_ANSWER = Problem("no-answer", "Reset the board and check the cable.")
PORT_MISSING = Problem("port-missing", "Plug the board in, or give the port that `qcot boards` shows.")
PORT_BUSY = Problem("port-busy", "Stop the other program that has this port open.")
PORT_DENIED = Problem("port-denied", "Add yourself to the group that owns the port (dialout on Debian).")
NOT_A_PORT = Problem("not-a-port", "Give the path of a serial port, such as those that `qcot boards` shows.")
LINE_AWAY = Problem(
    "line-away", "Give the board power and its network, and both the right broker; it is served as soon as it is there."
)
PORT_LOST = Problem("port-lost", "Plug the board in again.")

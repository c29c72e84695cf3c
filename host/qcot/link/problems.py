"""What can go wrong on the link, by name."""

from __future__ import annotations

from qcot.errors import Problem, QcotError


class LinkError(QcotError):
    """Something on the link is not what docs/link-protocol.md says."""


FORGED = Problem("forged", "check who has access to the cable; if it goes on, enrol the board again")
REPLAYED = Problem("replayed", "check who has access to the cable")
MALFORMED = Problem("malformed", "flash the firmware that belongs to this version of qcot")
AHEAD = Problem("ahead", "nothing: the board sends the missing frame again")
CHAIN_BROKEN = Problem("chain-broken", "reset the board; if it goes on, replace it")
CHAIN_GAP = Problem("chain-gap", "reset the board: a new boot begins a new chain")
NO_ANSWER = Problem("no-answer", "reset the board and check the cable")
PORT_MISSING = Problem("port-missing", "plug the board in, or give the port that `qcot boards` shows")
PORT_BUSY = Problem("port-busy", "stop the other program that has this port open")
PORT_DENIED = Problem("port-denied", "add yourself to the group that owns the port (dialout on Debian)")
NOT_A_PORT = Problem("not-a-port", "give the path of a serial port, such as those that `qcot boards` shows")
PORT_LOST = Problem("port-lost", "plug the board in again")

"""Why a gateway does not take a message for the sake of the channel, and what its bridge tells of that, by name.

A gateway answers all of them "later": nothing is lost, and a person or the bridge itself puts right what is wrong.
"""

from __future__ import annotations

from qcot.errors import Problem

# The gateway's answers.
PLAINTEXT = Problem(
    "channel-plaintext", "Set [qkd] in the bridge's qcot.toml as in the gateway's; it sends sealed then."
)
OFF = Problem("channel-off", "Set [qkd] in the gateway's qcot.toml as in the bridge's; it opens what is sealed then.")
BAD_MESSAGE = Problem(
    "channel-bad-message", "Look for what alters or makes messages on their way; the bridge sends again."
)
LEVEL = Problem("channel-level", "Run the same version of qcot at both ends: they disagree on how to make a key.")
KEY_WAIT = Problem("channel-key-wait", "Nothing: the key is being asked for, and the bridge sends again.")
KEY_UNAVAILABLE = Problem("channel-key-unavailable", "Look at the gateway's key server; the reason says what it said.")
KEY_UNKNOWN = Problem("channel-key-unknown", "Nothing: the bridge takes another key and sends again.")
FORGED = Problem("channel-forged", "Look for what alters or makes messages on their way; the bridge sends again.")
REPLAYED = Problem("channel-replayed", "Nothing: it came before, or after one that was sent later.")

# What a bridge tells.
NO_KEY = Problem("channel-no-key", "Nothing is lost: what waits is sent as soon as there is a key.")
REKEYED = Problem("channel-rekeyed", "Nothing, if the gateway was restarted: the bridge took another key.")
HELD_UP = Problem("channel-held-up", "Set [qkd] alike at both ends; the reason says what the gateway met.")
"""The gateway's own name and reason stand in the reason."""

PASSING = frozenset({KEY_WAIT.name, REPLAYED.name})
"""What passes by itself, and no person needs to know of."""
TELLS = {each.name: HELD_UP for each in (PLAINTEXT, OFF, BAD_MESSAGE, LEVEL, KEY_UNAVAILABLE, FORGED)} | {
    KEY_UNKNOWN.name: REKEYED
}
"""What a bridge tells of the gateway's answers."""

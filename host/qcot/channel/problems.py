"""Why a gateway does not take a message for the sake of the channel, and what its bridge tells of that, by name.

A gateway answers all of them "later": nothing is lost, and a person or the bridge itself puts right what is wrong.
"""

from __future__ import annotations

from qcot.errors import Problem

_ALIKE = "Set [channel] and [qkd] in qcot.toml alike at both ends; what waits is sent then."
_ALTERED = "Look for what alters or makes messages on their way; the bridge sends again."

# The gateway's answers.
PLAINTEXT = Problem("channel-plaintext", _ALIKE)
OFF = Problem("channel-off", _ALIKE)
LEVEL = Problem("channel-level", _ALIKE)
BAD_MESSAGE = Problem("channel-bad-message", _ALTERED)
BAD_OPENING = Problem("channel-bad-opening", _ALTERED)
FORGED = Problem("channel-forged", _ALTERED)
TOO_MANY = Problem("channel-too-many", "Nothing: the bridge opens an epoch again; look for a flood if it goes on.")
KEY_WAIT = Problem("channel-key-wait", "Nothing: the key is being asked for, and the bridge sends again.")
KEY_UNAVAILABLE = Problem("channel-key-unavailable", "Look at the gateway's key server; the reason says what it said.")
KEY_UNKNOWN = Problem("channel-key-unknown", "Nothing: the bridge opens another epoch and sends again.")
REPLAYED = Problem("channel-replayed", "Nothing: it came before, or after one that was sent later.")

# What a bridge has against an offer.
BAD_OFFER = Problem("channel-bad-offer", _ALTERED)
OFFER_EXPIRED = Problem(
    "channel-offer-expired", "Set the clocks of both ends; if they agree, look for a broker that keeps offers back."
)
OFFER_OLD = Problem("channel-offer-old", "Look for what repeats messages on their way; the newer offer stays in use.")
OFFER_FOREIGN = Problem("channel-offer-foreign", "Let every gateway use its own name and topic.")

# What a bridge tells.
NO_KEY = Problem("channel-no-key", "Nothing is lost: what waits is sent as soon as there is a key.")
NO_OFFER = Problem(
    "channel-no-offer", "Start the gateway, with [channel] on; nothing is lost, what waits is sent with its next offer."
)
OFFER_REFUSED = Problem("channel-offer-refused", "See the reason; until a good offer comes, what waits stays here.")
REKEYED = Problem("channel-rekeyed", "Nothing, if the gateway was restarted: the bridge opened another epoch.")
HELD_UP = Problem("channel-held-up", "Set [channel] and [qkd] alike at both ends; the reason says what was met.")
"""The gateway's own name and reason stand in the reason."""

PASSING = frozenset({KEY_WAIT.name, REPLAYED.name})
"""What passes by itself, and no person needs to know of."""
TELLS = {each.name: HELD_UP for each in (PLAINTEXT, OFF, BAD_MESSAGE, LEVEL, KEY_UNAVAILABLE, FORGED)} | {
    KEY_UNKNOWN.name: REKEYED
}
"""What a bridge tells of the gateway's answers."""

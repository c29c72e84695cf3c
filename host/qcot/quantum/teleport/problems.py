"""What can go wrong with teleportation, by name."""

from __future__ import annotations

from qcot.errors import Problem

BAD_HOPS = Problem("teleport-hops", "Give a whole number of hops from 1 to 32; one hop is a link without a repeater.")
BAD_FIDELITY = Problem("teleport-fidelity", "Give the fidelity of a link's fresh pair, from 0.25 (noise) to 1.")
BAD_DISTANCE = Problem("teleport-distance", "Give a distance from 0 to 20,000 km, less than 1,000 km a hop.")
BAD_T2 = Problem("teleport-t2", "Give the memory's T2 in milliseconds, more than 0.")
BAD_LINK = Problem("teleport-link", "Give a loss of 0 to 10 dB/km and an efficiency above 0 and at most 1.")
BAD_SWEEP = Problem("teleport-sweep", "Vary one of hops, distance_km, fidelity, t2_ms, loss_db_km or efficiency.")
BAD_MESSAGE = Problem("teleport-message", "Give a message of 1 to 64 bytes of UTF-8.")
BAD_REPEATS = Problem(
    "teleport-repeats", "Teleport each bit an odd number of times from 1 to 99, so that a vote decides."
)

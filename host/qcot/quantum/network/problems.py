"""What can be wrong with a network, its file or its run, by name."""

from __future__ import annotations

from qcot.errors import Problem

UNREADABLE = Problem("network-unreadable", "Name a JSON file that exists and that you may read, or `hospital`.")
NOT_JSON = Problem("network-not-json", "Give one JSON object, in UTF-8, without NaN, infinities or a key twice.")
TOO_LARGE = Problem("network-too-large", "Give a file of at most 1 MiB, 64 nodes, 16 members and 4,096 channels.")
UNKNOWN_SHAPE = Problem(
    "network-unknown-shape", "Use a shape of docs/quantum/network.md, and name it with --format if it is not found."
)
UNKNOWN_KEY = Problem("network-unknown-key", "Remove the key, or see docs/quantum/network.md for how it is spelt.")
MISSING_KEY = Problem("network-missing-key", "Add the key that docs/quantum/network.md lists for it.")
BAD_VALUE = Problem("network-bad-value", "Give a value of the type and within the limits of docs/quantum/network.md.")
DUPLICATE_NODE = Problem("network-duplicate-node", "Give each node a name of its own.")
DUPLICATE_CHANNEL = Problem("network-duplicate-channel", "Keep one channel of a kind in each direction.")
MISSING_NODE = Problem("network-missing-node", "Add the node to the list of nodes, or correct its name in the channel.")
ONE_WAY = Problem("network-one-way", "Add the channel that leads back: validation goes both ways.")
UNCONNECTED = Problem(
    "network-unconnected", "Add channels, so that every two members have a classical and a quantum path."
)
TOO_FEW = Problem("network-too-few-members", "Give at least two nodes that are members.")
UNKNOWN_FAULT = Problem("network-unknown-fault", "Choose one of the faults that `qcot quantum simulate --help` lists.")
BAD_TARGET = Problem("network-fault-target", "Name a member after the colon, or a quantum link as A-B.")
BAD_COUNT = Problem("network-count", "Give 1 to 64 blocks and 0 to 64 records a block.")
LOG_UNWRITABLE = Problem("network-log-unwritable", "Name a file in a folder that you may write with --log.")

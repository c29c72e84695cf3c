"""What can go wrong with keys, and with distributing them, by name."""

from __future__ import annotations

from qcot.errors import Problem

KEY_EXHAUSTED = Problem(
    "key-exhausted", "Distribute more keys between these two ends (`qcot quantum qkd --store`), then try again."
)
KEY_USED = Problem("key-used", "Agree on another key: each key serves once, whatever came of its use.")
KEY_UNKNOWN = Problem("key-unknown", "See that both ends hold the keys of the same distribution.")
KEY_KNOWN = Problem("key-known", "Distribute new keys: an id stands for one key for ever, also after its use.")
KEY_SIZE = Problem("key-size", "Use keys of 32 bytes.")
KEY_STORE_OPEN = Problem(
    "key-store-open-to-others",
    "Who could read it may have: delete the store at both ends, close its folder with chmod 700, distribute new keys.",
)
KEY_STORE_MISSING = Problem("key-store-missing", "Name the file that `qcot quantum qkd --store` made.")
KEY_STORE_DAMAGED = Problem(
    "key-store-damaged", "Delete the store at both ends and distribute new keys; a backup would hand out used ones."
)
KEY_STORE_BUSY = Problem("key-store-busy", "Another program holds the store; end it or wait for it, then try again.")
KEY_STORE_IO = Problem("key-store-io", "See that the disk has room and that you may write to the store and its folder.")

"""What a key management entity refuses, and what a client of one meets, by name."""

from __future__ import annotations

from qcot.errors import Problem

# What the server answers.
BAD_REQUEST = Problem("kme-bad-request", "Send what ETSI GS QKD 014 v1.1.1 defines; the reason names what is wrong.")
BAD_SIZE = Problem("kme-size", "Ask for a multiple of 8 bits.")
OUT_OF_RANGE = Problem("kme-size-out-of-range", "Ask for a size within the limits that status names.")
TOO_MANY_KEYS = Problem("kme-too-many-keys", "Ask for as many keys at once as status allows, and again for more.")
TOO_MANY_SAES = Problem("kme-too-many-saes", "Name one slave SAE: the link has two ends.")
BAD_EXTENSION = Problem("kme-extension", "Leave mandatory extensions out: this server knows none.")
NO_SUCH_KEY = Problem("kme-no-such-key", "Let the master take another key: each one is given to each end once.")
NOT_YOURS = Problem("kme-not-yours", "Ask with the certificate of the slave, and name the master, that the key is for.")
NO_SAE = Problem("kme-no-sae", "Use a certificate with one common name of 1 to 64 characters of a-z A-Z 0-9 . _ -.")
TOO_FAST = Problem("kme-too-fast", "Wait a second, then ask again: each SAE has a limit.")
EXHAUSTED = Problem("kme-exhausted", "Wait until the link has made more keys; ask for fewer at once if it goes on.")
OUT_OF_ORDER = Problem("kme-out-of-order", "Read the key server's log: its disk or its stores do not work.")

# What a client meets.
UNREACHABLE = Problem("kme-unreachable", "Start the key server, or correct url under [qkd].")
TLS_REFUSED = Problem(
    "kme-tls", "See that both ends hold certificates of the same authority, in time, for the url's host."
)
TLS_FILES = Problem("kme-tls-files", "Make them with `qcot kme certificates`, or name their folder by tls under [qkd].")
KEY_MODE = Problem("kme-key-mode", "Run chmod 600 on the key file: nobody but its owner may read it.")
REFUSED = Problem("kme-refused", "Read the key server's own words in the reason.")
UNAUTHORIZED = Problem("kme-unauthorized", "Give this client the certificate that the key server knows it by.")
UNAVAILABLE = Problem("kme-unavailable", "Look at the key server: it says that it can't serve now.")
BAD_ANSWER = Problem("kme-bad-answer", "Look at the key server: this is no answer of ETSI GS QKD 014.")

# The server itself.
NOT_STARTED = Problem("kme-not-started", "Choose a free port with --port, or mend what the reason names.")
STATE_IO = Problem(
    "kme-state",
    "If it is locked, stop the key server that runs on it; else see that the disk has room and that you may write it.",
)
BAD_SAE = Problem("kme-sae", "Name an SAE by 1 to 64 characters of a-z A-Z 0-9 . _ -.")

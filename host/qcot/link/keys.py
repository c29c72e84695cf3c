"""Keys that a board and its host derive from K_device (32 bytes), all by HMAC-SHA-256."""

from __future__ import annotations

import hmac
import struct
from hashlib import sha256

from qcot.link.frames import MacKey

KEY_SIZE = 32
DEVICE_SIZE = 8
NONCE_SIZE = 16
CHALLENGE_SIZE = 16


def enrolment_key(device_key: bytes, challenge: bytes) -> MacKey:
    """K_enrol, under which a board proves that it stored ``device_key``."""
    return MacKey(hmac.digest(device_key, b"qcot/enrol/v1" + challenge, "sha256"))


def session_key(device_key: bytes, nonce: bytes, host_nonce: bytes) -> MacKey:
    """K_session of the session that ``nonce`` (the board's) and ``host_nonce`` make."""
    return MacKey(hmac.digest(device_key, b"qcot/session/v1" + nonce + host_nonce, "sha256"))


def board_nonce(device_key: bytes, epoch: int, session: int, noise: bytes) -> bytes:
    """The nonce that a board offers in HELLO; a host never needs it, a simulated board does."""
    data = b"qcot/nonce/v1" + struct.pack("<II", epoch, session) + noise
    return hmac.digest(device_key, data, "sha256")[:NONCE_SIZE]


def commitment(device: bytes, device_key: bytes) -> bytes:
    """What an enrolment publishes of a device key (docs/evidence.md): it binds to the key and tells nothing of it."""
    return sha256(b"qcot/device-key/v1" + device + device_key).digest()

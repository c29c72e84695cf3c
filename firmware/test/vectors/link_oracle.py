"""The link by its definition (docs/link-protocol.md): what vectors are made with.

It is the oracle of both implementations, so it shares no code with either: the standard library's hashlib, hmac and
binascii, and COBS by its definition (for at most 254 bytes, each run between zeros preceded by its length plus one).
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
import struct

AUTH = 1
TYPES = {
    "HELLO": 0x01,
    "READINGS": 0x02,
    "OPENED": 0x03,
    "ENROLLED": 0x04,
    "RESULT": 0x05,
    "STATUS": 0x06,
    "CHANNEL": 0x07,
    "IDENTIFY": 0x41,
    "OPEN": 0x42,
    "ENROL": 0x43,
    "CONFIGURE": 0x44,
    "DESCRIBE": 0x45,
    "ACK": 0x46,
    "SIGNER": 0x08,
    "LEAF": 0x09,
    "CHECKPOINT": 0x0A,
    "SIGNATURE": 0x0B,
    "ASK_SIGNER": 0x47,
    "GENERATE": 0x48,
    "WANT_LEAF": 0x49,
    "PATH": 0x4A,
    "SIGN": 0x4B,
    "CALIBRATE": 0x4C,
}
LOST = 0xFF

Vector = dict[str, object]
"""As link.json holds it."""


def pattern(name: str, size: int) -> bytes:
    """Bytes that look random, hold zeros where the name says so, and never change."""
    out = b""
    while len(out) < size:
        out += hashlib.sha256(name.encode() + len(out).to_bytes(4, "little")).digest()
    return out[:size]


def mac(key: bytes, data: bytes) -> bytes:
    return hmac.new(key, data, hashlib.sha256).digest()


def crc(data: bytes) -> bytes:
    return struct.pack("<H", binascii.crc_hqx(data, 0xFFFF))


def cobs(raw: bytes) -> bytes:
    assert len(raw) <= 254
    return b"".join(bytes([len(run) + 1]) + run for run in raw.split(b"\0"))


def seal(type_: int, body: bytes, key: bytes | None = None, counter: int = 0, flags: int | None = None) -> bytes:
    """The raw frame; ``flags`` overrides what the key implies, to make wrong ones."""
    head = struct.pack("<BBI", type_, (AUTH if key else 0) if flags is None else flags, counter) + body
    tagged = head + (mac(key, head)[:16] if key else b"")
    return tagged + crc(tagged)


def wire(raw: bytes) -> bytes:
    return cobs(raw) + b"\0"


DEVICE = bytes.fromhex("71c07b0a2d000001")
K_DEVICE = pattern("device key", 32)
CHALLENGE = pattern("challenge", 16)
HOST_NONCE = pattern("host nonce", 16)
IMAGE = hashlib.sha256(b"image").digest()
EPOCH, SESSION, NOISE = 7, 3, pattern("noise", 8)
K_ENROL = mac(K_DEVICE, b"qcot/enrol/v1" + CHALLENGE)
NONCE = mac(K_DEVICE, b"qcot/nonce/v1" + struct.pack("<II", EPOCH, SESSION) + NOISE)[:16]
K_SESSION = mac(K_DEVICE, b"qcot/session/v1" + NONCE + HOST_NONCE)

Reading = tuple[int, int, int]  # time, channel, value


def links(device: bytes, epoch: int, readings: list[Reading]) -> list[bytes]:
    """link(-1), link(0), ..."""
    out = [hashlib.sha256(b"qcot/chain/v1" + device + struct.pack("<I", epoch)).digest()]
    for seq, (time, channel, value) in enumerate(readings):
        out.append(hashlib.sha256(out[-1] + struct.pack("<IIBi", seq, time, channel, value)).digest())
    return out


READINGS: list[Reading] = [(100 * (i + 1), 0, (512 + 37 * i) % 1024) for i in range(18)]
READINGS[5] = (600, 6, 4987)
READINGS[6] = (600, 7, -1250)
READINGS[16] = (1650, LOST, 321)
READINGS[17] = (0xFFFFFFFF, 1, 1023)
LINKS = links(DEVICE, EPOCH, READINGS)

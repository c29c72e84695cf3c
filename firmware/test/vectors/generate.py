#!/usr/bin/env python3
"""Write link.json: a vector for every rule of docs/link-protocol.md; `--check` compares instead.

Byte strings are hexadecimal. What makes them (link_oracle.py) shares no code with what they test.
"""

from __future__ import annotations

import binascii
import hashlib
import struct
import sys
from pathlib import Path

from kept import keep
from link_messages import frames
from link_oracle import (
    CHALLENGE,
    DEVICE,
    EPOCH,
    HOST_NONCE,
    K_DEVICE,
    K_ENROL,
    K_SESSION,
    LINKS,
    NOISE,
    NONCE,
    READINGS,
    SESSION,
    TYPES,
    cobs,
    links,
    mac,
    pattern,
    seal,
    wire,
)
from link_verdicts import verdicts


def streams() -> list[dict[str, object]]:
    """A decoder fed from the moment the port opened: which raw frames come out, and how much noise it counts."""
    a, b = seal(TYPES["IDENTIFY"], b""), seal(TYPES["ACK"], struct.pack("<I", 14), K_SESSION, 5)
    wa, wb = wire(a), wire(b)
    cases: list[tuple[str, bytes, list[bytes], int]] = [
        ("delimiter-first", b"\0" + wa + wb, [a, b], 0),
        ("before-the-first-delimiter-all-is-dropped", wa + wb, [b], 0),
        ("stray-bytes-at-boot", b"\x80\xfe\x13" + b"\0" + wa, [a], 0),
        ("empty-frames-are-no-frames", b"\0\0\0" + wa + b"\0\0" + wb, [a, b], 0),
        ("noise-between", b"\0" + wa + b"\x31\x32\x33\0" + wb, [a, b], 1),
        ("overlong-then-good", b"\0" + b"\x01" * 700 + b"\0" + wb, [b], 1),
        ("overlong-nonzero-then-good", b"\0" + b"\xff" * 700 + b"\0" + wb, [b], 1),
        ("cut-then-good", b"\0" + wb[:11] + b"\0" + wb, [b], 1),
        ("delimiter-lost", b"\0" + wa[:-1] + wb + wa, [a], 1),
        ("reset-in-mid-frame", b"\0" + wb[:20] + b"\0" + wa, [a], 1),
        ("one-code-too-far", b"\0" + b"\x05\x41\0" + wa, [a], 1),
    ]
    return [{"name": n, "bytes": s.hex(), "frames": [f.hex() for f in fs], "noise": c} for n, s, fs, c in cases]


def hashes() -> list[dict[str, object]]:
    """FIPS 180-4 examples, then every length around the block borders."""
    messages = [b"", b"abc", b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"]
    messages += [pattern(f"hash {n}", n) for n in (1, 31, 45, 54, 55, 56, 57, 63, 64, 65, 119, 120, 127, 128, 129, 200)]
    return [{"data": m.hex(), "sha256": hashlib.sha256(m).hexdigest()} for m in messages]


def macs() -> list[dict[str, object]]:
    """RFC 4231 cases 1 to 4, and lengths around the block borders. Keys of at most 64 bytes, all that the link has."""
    cases = [
        (b"\x0b" * 20, b"Hi There"),
        (b"Jefe", b"what do ya want for nothing?"),
        (b"\xaa" * 20, b"\xdd" * 50),
        (bytes(range(1, 26)), b"\xcd" * 50),
    ]
    cases += [
        (pattern(f"mac key {n}", 32), pattern(f"mac data {n}", n)) for n in (0, 6, 55, 56, 64, 119, 120, 169, 236)
    ]
    return [{"key": k.hex(), "data": d.hex(), "mac": mac(k, d).hex()} for k, d in cases]


def build() -> dict[str, object]:
    zeros = [b"\0", b"\0\0", b"\x11\0\x22", b"\0\x11\x22\0", bytes(254), b"\x7e" * 254, pattern("cobs", 253) + b"\0"]
    raws = [*zeros, b"\x01", b"\x11\x22\x33\x44", bytes(range(254)), bytes(range(1, 255)), pattern("cobs mix", 200)]
    data = [b"123456789", b"", b"\0", b"\xff" * 8, pattern("crc", 252)]
    blank = links(bytes(8), 1, [(0, 0, 0)])
    return {
        "about": "Made by generate.py; docs/link-protocol.md says what each is. Byte strings are hexadecimal.",
        "sha256": hashes(),
        "hmac": macs(),
        "cobs": [{"raw": r.hex(), "encoded": cobs(r).hex()} for r in raws],
        "crc": [{"data": d.hex(), "crc": binascii.crc_hqx(d, 0xFFFF)} for d in data],
        "keys": {
            "device": DEVICE.hex(),
            "device_key": K_DEVICE.hex(),
            "challenge": CHALLENGE.hex(),
            "host_nonce": HOST_NONCE.hex(),
            "epoch": EPOCH,
            "session": SESSION,
            "noise": NOISE.hex(),
            "enrol_key": K_ENROL.hex(),
            "nonce": NONCE.hex(),
            "session_key": K_SESSION.hex(),
        },
        "chain": [
            {
                "device": device.hex(),
                "epoch": epoch,
                "start": ls[0].hex(),
                "readings": [
                    {"seq": i, "time": t, "channel": c, "value": v, "link": ls[i + 1].hex()}
                    for i, (t, c, v) in enumerate(rows)
                ],
            }
            for device, epoch, rows, ls in [(DEVICE, EPOCH, READINGS, LINKS), (bytes(8), 1, [(0, 0, 0)], blank)]
        ],
        "frames": frames(),
        "verdicts": verdicts(),
        "streams": streams(),
    }


if __name__ == "__main__":
    raise SystemExit(keep(Path(__file__).with_name("link.json"), build(), "generate.py", "--check" in sys.argv[1:]))

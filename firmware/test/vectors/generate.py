#!/usr/bin/env python3
"""Write link.json: a vector for every rule of docs/link-protocol.md.

This is the oracle of both implementations, so it shares no code with either: the standard library's hashlib, hmac and
binascii, and COBS by its definition (for at most 254 bytes, each run between zeros preceded by its length plus one).
Byte strings are hexadecimal. ``--check`` compares instead of writing.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
import json
import struct
import sys
from pathlib import Path

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


def body_readings(first: int, count: int) -> bytes:
    rows = b"".join(struct.pack("<IBi", *r) for r in READINGS[first : first + count])
    return struct.pack("<IB", first, count) + rows + LINKS[first + count]


def frames() -> list[dict[str, object]]:
    """Each message once or more: its fields, and its bytes."""
    out: list[dict[str, object]] = []

    def add(
        name: str, message: str, body: bytes, fields: dict[str, object], key: bytes | None = None, counter: int = 0
    ) -> None:
        raw = seal(TYPES[message], body, key, counter)
        out.append(
            {
                "name": name,
                "message": message,
                "type": TYPES[message],
                "flags": AUTH if key else 0,
                "counter": counter,
                "key": key.hex() if key else None,
                "fields": fields,
                "body": body.hex(),
                "raw": raw.hex(),
                "wire": wire(raw).hex(),
            }
        )

    def hello(name: str, state: int, device: bytes, epoch: int, nonce: bytes, channels: int, model: str) -> None:
        body = (
            struct.pack("<BB8sI16s3s32sB", 1, state, device, epoch, nonce, bytes([1, 0, 0]), IMAGE, channels)
            + model.encode()
        )
        add(
            name,
            "HELLO",
            body,
            {
                "protocol": 1,
                "state": state,
                "device": device.hex(),
                "epoch": epoch,
                "nonce": nonce.hex(),
                "firmware": [1, 0, 0],
                "image": IMAGE.hex(),
                "channels": channels,
                "model": model,
            },
        )

    def readings(name: str, first: int, count: int, counter: int) -> None:
        rows = [{"time": t, "channel": c, "value": v} for t, c, v in READINGS[first : first + count]]
        fields: dict[str, object] = {"first": first, "readings": rows, "link": LINKS[first + count].hex()}
        add(name, "READINGS", body_readings(first, count), fields, K_SESSION, counter)

    def channel(
        name: str, index: int, rate: int, num: int, den: int, offset: int, label: str, unit: str, counter: int
    ) -> None:
        body = struct.pack("<BIiiiB", index, rate, num, den, offset, len(label)) + label.encode() + unit.encode()
        add(
            name,
            "CHANNEL",
            body,
            {
                "index": index,
                "rate": rate,
                "num": num,
                "den": den,
                "offset": offset,
                "name": label,
                "unit": unit,
            },
            K_SESSION,
            counter,
        )

    hello("hello-blank", 0, bytes(8), 1, bytes(16), 8, "uno")
    hello("hello-enrolled", 3, DEVICE, EPOCH, NONCE, 17, "megaatmega2560")
    readings("readings-fourteen", 0, 14, 2)
    readings("readings-one", 14, 1, 3)
    readings("readings-with-lost", 15, 3, 4)
    add(
        "opened",
        "OPENED",
        struct.pack("<8sI32s3sII32sI", DEVICE, EPOCH, IMAGE, bytes([1, 0, 0]), 14, 18, LINKS[14], 70000),
        {
            "device": DEVICE.hex(),
            "epoch": EPOCH,
            "image": IMAGE.hex(),
            "firmware": [1, 0, 0],
            "base": 14,
            "head": 18,
            "base_link": LINKS[14].hex(),
            "time": 70000,
        },
        K_SESSION,
        1,
    )
    add(
        "enrolled",
        "ENROLLED",
        DEVICE + CHALLENGE + IMAGE,
        {"device": DEVICE.hex(), "challenge": CHALLENGE.hex(), "image": IMAGE.hex()},
        K_ENROL,
        1,
    )
    add("result-ok", "RESULT", struct.pack("<IBB", 5, 0, 0), {"command": 5, "code": 0, "detail": 0}, K_SESSION, 5)
    add("result-bad-rate", "RESULT", struct.pack("<IBB", 6, 4, 2), {"command": 6, "code": 4, "detail": 2}, K_SESSION, 6)
    add("result-already-enrolled", "RESULT", struct.pack("<IBB", 0, 5, 0), {"command": 0, "code": 5, "detail": 0})
    status = (123456, 18, 14, 321, 1, 2, 3, 700)
    names = ("time", "head", "base", "lost", "noise", "forged", "replayed", "free_ram")
    add("status", "STATUS", struct.pack("<IIIIHHHH", *status), dict(zip(names, status, strict=True)), K_SESSION, 7)
    channel("channel-analog", 0, 10000, 5, 1024, 0, "A0", "V", 8)
    channel("channel-chip", 7, 100, 1, 100, 0, "chip", "Cel", 9)
    channel("channel-offset", 16, 200000, -3, 7, -2147483648, "a-1_b.c:d/e2", "m/s2", 10)
    add("identify", "IDENTIFY", b"", {})
    add(
        "open-new",
        "OPEN",
        HOST_NONCE + struct.pack("<II", 0, 0),
        {"host_nonce": HOST_NONCE.hex(), "resume_epoch": 0, "resume_seq": 0},
        K_SESSION,
        1,
    )
    add(
        "open-resume",
        "OPEN",
        HOST_NONCE + struct.pack("<II", EPOCH, 14),
        {"host_nonce": HOST_NONCE.hex(), "resume_epoch": EPOCH, "resume_seq": 14},
        K_SESSION,
        1,
    )
    add(
        "enrol",
        "ENROL",
        DEVICE + K_DEVICE + CHALLENGE,
        {"device": DEVICE.hex(), "device_key": K_DEVICE.hex(), "challenge": CHALLENGE.hex()},
    )
    add("configure", "CONFIGURE", struct.pack("<BI", 0, 100000), {"channel": 0, "rate": 100000}, K_SESSION, 2)
    add("configure-off", "CONFIGURE", struct.pack("<BI", 6, 0), {"channel": 6, "rate": 0}, K_SESSION, 3)
    add("describe", "DESCRIBE", struct.pack("<B", 7), {"channel": 7}, K_SESSION, 4)
    add("ack", "ACK", struct.pack("<I", 14), {"seq": 14}, K_SESSION, 5)

    # A board's own signing key: trees of 24-byte and of 32-byte hashes.
    def signer(
        name: str, types: tuple[int, int], phase: int, generation: int, next_: int, identifier: bytes, root: bytes
    ) -> None:
        fields = {
            "lms": types[0],
            "ots": types[1],
            "phase": phase,
            "generation": generation,
            "next": next_,
            "identifier": identifier.hex(),
            "root": root.hex(),
        }
        body = struct.pack("<BBBHI16s", *types, phase, generation, next_, identifier) + root
        add(name, "SIGNER", body, fields, K_SESSION, 11)

    identifier = pattern("identifier", 16)
    signer("signer-none", (0x0A, 0x07), 0, 0, 0, bytes(16), bytes(24))
    signer("signer-generating", (0x0B, 0x07), 1, 1, 517, identifier, bytes(24))
    signer("signer-ready", (0x0B, 0x07), 2, 1, 1023, identifier, pattern("root", 24))
    signer("signer-exhausted", (0x06, 0x04), 3, 0xFFFF, 1024, identifier, pattern("root", 32))
    signer("signer-damaged", (0x05, 0x03), 4, 2, 0, bytes(16), bytes(32))
    for n in (24, 32):
        node = pattern(f"node {n}", n)
        leaf = {"index": 1000 + n, "node": node.hex()}
        add(f"leaf-{n}", "LEAF", struct.pack("<I", 1000 + n) + node, leaf, K_SESSION, 12)
        said = {
            "leaf": n,
            "epoch": EPOCH,
            "seq": 14,
            "link": LINKS[14].hex(),
            "randomizer": pattern(f"C {n}", n).hex(),
        }
        body = struct.pack("<III32s", n, EPOCH, 14, LINKS[14]) + pattern(f"C {n}", n)
        add(f"checkpoint-{n}", "CHECKPOINT", body, said, K_SESSION, 13)
        for count in (1, {24: 6, 32: 4}[n]):
            values = pattern(f"y {n}", n * count)
            part = {"leaf": n, "first": 51 - count, "values": values.hex()}
            body = struct.pack("<IB", n, 51 - count) + values
            add(f"signature-{n}-of-{count}", "SIGNATURE", body, part, K_SESSION, 14 + count)
        step = {"leaf": n, "level": 9, "node": node.hex()}
        add(f"path-{n}", "PATH", struct.pack("<IB", n, 9) + node, step, K_SESSION, 9)
    add("ask-signer", "ASK_SIGNER", b"", {}, K_SESSION, 6)
    add("generate", "GENERATE", b"", {}, K_SESSION, 7)
    add("want-leaf", "WANT_LEAF", struct.pack("<I", 1023), {"index": 1023}, K_SESSION, 8)
    add("sign", "SIGN", struct.pack("<I", 1023), {"leaf": 1023}, K_SESSION, 10)
    calibration = {"channel": 7, "num": -5, "den": 1024, "offset": -2147483648}
    add("calibrate", "CALIBRATE", struct.pack("<Biii", *calibration.values()), dict(calibration), K_SESSION, 11)
    return out


def verdicts() -> list[dict[str, object]]:
    """What a receiver makes of one frame.

    ``state``: ``session``, one under ``key`` in which counter ``last`` was accepted last; a board may also be
    ``closed`` (enrolled, no session, ``nonce`` of the keys on offer), ``blank`` (not enrolled) or ``damaged``.
    ``code`` is the RESULT that a board answers, null for silence. It has AUTH only in a session.
    """
    out: list[dict[str, object]] = []

    def add(
        name: str,
        receiver: str,
        bytes_: bytes,
        verdict: str,
        last: int = 4,
        code: int | None = None,
        state: str = "session",
    ) -> None:
        out.append(
            {
                "name": name,
                "receiver": receiver,
                "state": state,
                "key": K_SESSION.hex(),
                "last": last,
                "wire": bytes_.hex(),
                "verdict": verdict,
                "code": code,
            }
        )

    def flip(raw: bytes, at: int) -> bytes:
        """One bit wrong, and the CRC made good again: the work of a person, not of the line."""
        changed = bytearray(raw[:-2])
        changed[at] ^= 1
        return bytes(changed) + crc(bytes(changed))

    other = pattern("another key", 32)
    sides: list[tuple[str, int, bytes, int, bytes]] = [
        ("board", TYPES["CONFIGURE"], struct.pack("<BI", 0, 50000), TYPES["STATUS"], bytes(24)),
        ("host", TYPES["RESULT"], struct.pack("<IBB", 5, 0, 0), TYPES["ACK"], bytes(4)),
    ]
    for side, type_, body, reflected, reflected_body in sides:
        good = seal(type_, body, K_SESSION, 5)
        ok = 0 if side == "board" else None
        refuse, length = (1, 2) if side == "board" else (None, None)
        add("good", side, wire(good), "accepted", code=ok)
        add("good-counter-jumps", side, wire(seal(type_, body, K_SESSION, 0xFFFFFFFF)), "accepted", code=ok)
        add("crc-wrong", side, wire(good[:-1] + bytes([good[-1] ^ 1])), "noise")
        add("bit-flipped-on-the-line", side, wire(good[:3] + bytes([good[3] ^ 0x10]) + good[4:]), "noise")
        add("truncated", side, cobs(good)[:-5] + b"\0", "noise")
        add("shorter-than-eight", side, wire(good[:5] + crc(good[:5])), "noise")
        add("cobs-runs-past-the-end", side, cobs(good)[:-3] + b"\x30\0", "noise")
        add("cobs-code-beyond-frame", side, b"\xff" + cobs(good) + b"\0", "noise")
        add("longer-than-254", side, b"\xff" + b"\x55" * 254 + b"\x05ABCD\0", "noise")
        add("longer-than-any-frame", side, (b"\xff" + b"\x55" * 254) * 4 + b"\0", "noise")
        add("two-frames-run-together", side, cobs(good) + cobs(good) + b"\0", "noise")
        add("auth-missing", side, wire(seal(type_, body, None, 5)), "forged")
        add("auth-missing-counter-zero", side, wire(seal(type_, body)), "forged")
        add("unknown-type-without-auth", side, wire(seal(0x7E if side == "board" else 0x3E, b"", None, 0)), "forged")
        add("reflected-without-auth", side, wire(seal(reflected, reflected_body)), "forged")
        add("plain-types-of-its-own-side", side, wire(seal(0x01 if side == "board" else 0x41, b"")), "forged")
        add("mac-of-another-key", side, wire(seal(type_, body, other, 5)), "forged")
        add("mac-wrong", side, wire(flip(good, len(good) - 10)), "forged")
        add("body-changed-crc-mended", side, wire(flip(good, 7)), "forged")
        add("counter-changed-crc-mended", side, wire(flip(good, 3)), "forged")
        add("type-changed-crc-mended", side, wire(flip(good, 0)), "forged")
        add("auth-flag-without-mac", side, wire(seal(type_, b"", None, 5, flags=AUTH)), "forged")
        add("replayed-last", side, wire(good), "replayed", last=5)
        add("replayed-older", side, wire(good), "replayed", last=6)
        add("counter-zero-with-auth", side, wire(seal(type_, body, K_SESSION, 0)), "replayed", last=0)
        add(
            "unknown-type",
            side,
            wire(seal(0x7E if side == "board" else 0x3E, b"", K_SESSION, 5)),
            "malformed",
            code=refuse,
        )
        add("reflected", side, wire(seal(reflected, reflected_body, K_SESSION, 5)), "malformed", code=refuse)
        add("reserved-flag", side, wire(seal(type_, body, K_SESSION, 5, flags=AUTH | 2)), "malformed", code=refuse)
        add("body-too-long", side, wire(seal(type_, body + b"\0", K_SESSION, 5)), "malformed", code=length)
        add("body-too-short", side, wire(seal(type_, body[:-1], K_SESSION, 5)), "malformed", code=length)
        add("body-empty", side, wire(seal(type_, b"", K_SESSION, 5)), "malformed", code=length)
    add("longer-than-a-board-takes", "board", wire(seal(0x7E, bytes(57), None, 0)), "noise")
    add("auth-on-a-type-without", "board", wire(seal(TYPES["IDENTIFY"], b"", K_SESSION, 5)), "malformed", code=1)
    add("identify-with-body", "board", wire(seal(TYPES["IDENTIFY"], b"\0")), "malformed", code=2)
    add("identify-with-counter", "board", wire(seal(TYPES["IDENTIFY"], b"", None, 9)), "malformed", code=1)
    add(
        "bad-channel",
        "board",
        wire(seal(TYPES["CONFIGURE"], struct.pack("<BI", 200, 1000), K_SESSION, 5)),
        "accepted",
        code=3,
    )
    add("lost-is-no-channel", "board", wire(seal(TYPES["DESCRIBE"], b"\xff", K_SESSION, 5)), "accepted", code=3)
    for rate in (1, 99, 200001, 0xFFFFFFFF):
        add(
            f"bad-rate-{rate}",
            "board",
            wire(seal(TYPES["CONFIGURE"], struct.pack("<BI", 1, rate), K_SESSION, 5)),
            "accepted",
            code=4,
        )
    add("bad-ack", "board", wire(seal(TYPES["ACK"], struct.pack("<I", 999), K_SESSION, 5)), "accepted", code=8)
    add("enrol-again", "board", wire(seal(TYPES["ENROL"], DEVICE + other + CHALLENGE)), "accepted", code=5)
    add("enrol-again-of-any-length", "board", wire(seal(TYPES["ENROL"], b"")), "accepted", code=5)
    add("open-under-a-spent-nonce", "board", wire(seal(TYPES["OPEN"], HOST_NONCE + bytes(8), K_SESSION, 6)), "forged")

    add("ack-said-again", "board", wire(seal(TYPES["ACK"], struct.pack("<I", 0), K_SESSION, 5)), "accepted")
    both = struct.pack("<BI", 200, 1)
    add("bad-channel-comes-first", "board", wire(seal(TYPES["CONFIGURE"], both, K_SESSION, 5)), "accepted", code=3)
    enrol = DEVICE + other + CHALLENGE
    add("enrol-with-counter", "board", wire(seal(TYPES["ENROL"], enrol, None, 9)), "malformed", code=1)
    add("enrol-with-reserved-flag", "board", wire(seal(TYPES["ENROL"], enrol, flags=2)), "malformed", code=1)
    add("enrol-with-auth", "board", wire(seal(TYPES["ENROL"], b"", K_SESSION, 5)), "malformed", code=1)

    # Where a board has no session.
    opening = HOST_NONCE + bytes(8)
    reserved = wire(seal(TYPES["OPEN"], opening, K_SESSION, 1, flags=AUTH | 2))
    identify, ack = wire(seal(TYPES["IDENTIFY"], b"\0")), wire(seal(TYPES["ACK"], bytes(4), K_SESSION, 5))
    for state, auth, open_ in (("closed", None, None), ("blank", 6, 6), ("damaged", 6, 6)):

        def alone(name: str, bytes_: bytes, code: int | None, silent: str, state: str = state) -> None:
            add(f"{state}-{name}", "board", bytes_, silent if code is None else "malformed", code=code, state=state)

        alone("ack", ack, auth, "forged")
        alone("open-under-another-key", wire(seal(TYPES["OPEN"], opening, other, 1)), open_, "forged")
        alone("open-with-counter-zero", wire(seal(TYPES["OPEN"], opening, K_SESSION, 0)), open_, "replayed")
        alone("open-cut-short", wire(seal(TYPES["OPEN"], opening[:-1], K_SESSION, 1)), open_, "forged")
        alone("open-with-reserved-flag", reserved, open_ or 1, "forged")
        alone("unknown-type", wire(seal(0x7E, b"", K_SESSION, 5)), None, "forged")
        alone("identify-with-body", identify, 2, "")
        alone("identify-with-counter", wire(seal(TYPES["IDENTIFY"], b"", None, 9)), 1, "")
        alone("identify-with-auth", wire(seal(TYPES["IDENTIFY"], b"", K_SESSION, 5)), None, "forged")
        alone("enrol-with-reserved-flag", wire(seal(TYPES["ENROL"], enrol, flags=2)), 1, "")
        alone("enrol-cut-short", wire(seal(TYPES["ENROL"], enrol[:-1])), 2 if state == "blank" else 5, "")
        alone("enrol-of-zeros", wire(seal(TYPES["ENROL"], bytes(8) + enrol[8:])), 2 if state == "blank" else 5, "")

    refusal = struct.pack("<IBB", 0, 6, 0)
    for code in (1, 2, 5, 6, 7):
        body = struct.pack("<IBB", 0, code, 0)
        add(f"result-{code}-outside-a-session", "host", wire(seal(TYPES["RESULT"], body)), "accepted")
    for code in (0, 3, 4, *range(8, 18)):
        body = struct.pack("<IBB", 0, code, 0)
        add(f"result-{code}-without-auth", "host", wire(seal(TYPES["RESULT"], body)), "forged")
    add("refusal-outside-a-session-with-counter", "host", wire(seal(TYPES["RESULT"], refusal, None, 5)), "malformed")

    def host_body(name: str, message: str, body: bytes, auth: bool = True) -> None:
        raw = seal(TYPES[message], body, K_SESSION, 5) if auth else seal(TYPES[message], body)
        add(name, "host", wire(raw), "malformed")

    link = bytes(32)
    row = struct.pack("<IBi", 1, 0, 2)
    hello = struct.pack("<BB8sI16s3s32sB", 1, 0, bytes(8), 1, bytes(16), bytes([1, 0, 0]), IMAGE, 8)
    chan = struct.pack("<BIiii", 0, 0, 1, 1, 0)
    host_body("readings-count-zero", "READINGS", struct.pack("<IB", 0, 0) + link)
    host_body("readings-count-fifteen", "READINGS", struct.pack("<IB", 0, 15) + row * 15 + link)
    host_body("readings-count-too-high", "READINGS", struct.pack("<IB", 0, 2) + row + link)
    host_body("readings-count-too-low", "READINGS", struct.pack("<IB", 0, 1) + row * 2 + link)
    host_body("readings-past-the-end-of-seq", "READINGS", struct.pack("<IB", 0xFFFFFFFF, 2) + row * 2 + link)
    host_body("readings-cut-short", "READINGS", struct.pack("<IB", 0, 1) + row + link[:-1])
    opened = struct.pack("<8sI32s3sII32sI", DEVICE, EPOCH, IMAGE, bytes([1, 0, 0]), 4, 3, link, 0)
    host_body("opened-base-after-head", "OPENED", opened)
    host_body("enrolled-in-a-session", "ENROLLED", DEVICE + CHALLENGE + IMAGE)
    host_body("result-unknown-code", "RESULT", struct.pack("<IBB", 4, 200, 0))
    host_body("channel-divides-by-zero", "CHANNEL", struct.pack("<BIiii", 0, 0, 1, 0, 0) + b"\x02A0V")
    host_body("channel-name-empty", "CHANNEL", chan + b"\0V")
    host_body("channel-name-past-end", "CHANNEL", chan + b"\x09A0")
    host_body("channel-name-thirteen", "CHANNEL", chan + b"\x0dABCDEFGHIJKLMV")
    host_body("channel-name-charset", "CHANNEL", chan + b"\x03A 0V")
    host_body("channel-name-first", "CHANNEL", chan + b"\x02-0V")
    signer = struct.pack("<BBBHI16s", 0x0A, 0x07, 2, 1, 0, bytes(16))
    host_body("signer-unknown-phase", "SIGNER", signer[:2] + b"\x05" + signer[3:] + bytes(24))
    host_body("signer-of-another-hash", "SIGNER", signer + bytes(28))
    host_body("signer-cut-short", "SIGNER", signer[:-1])
    host_body("leaf-of-another-hash", "LEAF", bytes(4) + bytes(20))
    host_body("checkpoint-cut-short", "CHECKPOINT", bytes(44) + bytes(23))
    host_body("signature-without-values", "SIGNATURE", bytes(5))
    host_body("signature-of-another-hash", "SIGNATURE", bytes(5) + bytes(25))
    host_body("signature-of-seven-values", "SIGNATURE", bytes(5) + bytes(7 * 24))
    host_body("hello-no-model", "HELLO", hello, auth=False)
    host_body("hello-model-seventeen", "HELLO", hello + b"m" * 17, auth=False)
    host_body("hello-model-not-ascii", "HELLO", hello + b"un\xf8", auth=False)
    host_body("hello-protocol-two", "HELLO", b"\x02" + hello[1:] + b"uno", auth=False)
    host_body("hello-state-unknown-bit", "HELLO", b"\x01\x08" + hello[2:] + b"uno", auth=False)
    host_body("hello-with-auth", "HELLO", hello + b"uno")
    return out


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


def main() -> int:
    path = Path(__file__).with_name("link.json")
    text = json.dumps(build(), indent=1) + "\n"
    if "--check" in sys.argv[1:]:
        same = path.read_text() == text
        print(f"{path.name}: {'as generated' if same else 'differs from what generate.py makes'}")
        return 0 if same else 1
    path.write_text(text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

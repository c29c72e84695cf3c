"""What a receiver makes of one frame, good and bad.

``state``: ``session``, one under ``key`` in which counter ``last`` was accepted last; a board may also be
``closed`` (enrolled, no session, ``nonce`` of the keys on offer), ``blank`` (not enrolled) or ``damaged``.
``code`` is the RESULT that a board answers, null for silence. It has AUTH only in a session.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from link_oracle import (
    AUTH,
    CHALLENGE,
    DEVICE,
    EPOCH,
    HOST_NONCE,
    IMAGE,
    K_SESSION,
    TYPES,
    Vector,
    cobs,
    crc,
    pattern,
    seal,
)
from link_oracle import wire as on_wire

OTHER = pattern("another key", 32)
ENROL = DEVICE + OTHER + CHALLENGE
UNKNOWN = {"board": 0x7E, "host": 0x3E}


def verdict(
    name: str, receiver: str, wire: bytes, verdict: str, last: int = 4, code: int | None = None, state: str = "session"
) -> Vector:
    return {
        "name": name,
        "receiver": receiver,
        "state": state,
        "key": K_SESSION.hex(),
        "last": last,
        "wire": wire.hex(),
        "verdict": verdict,
        "code": code,
    }


def said(type_: str | int, body: bytes, counter: int = 5, flags: int | None = None, key: bytes = K_SESSION) -> bytes:
    """Under the session's key."""
    return on_wire(seal(TYPES[type_] if isinstance(type_, str) else type_, body, key, counter, flags))


def plain(type_: str | int, body: bytes, counter: int = 0, flags: int | None = None) -> bytes:
    """Without AUTH."""
    return on_wire(seal(TYPES[type_] if isinstance(type_, str) else type_, body, None, counter, flags))


def flip(raw: bytes, at: int) -> bytes:
    """One bit wrong, and the CRC made good again: the work of a person, not of the line."""
    changed = bytearray(raw[:-2])
    changed[at] ^= 1
    return on_wire(bytes(changed) + crc(bytes(changed)))


def to_either(side: str, type_: str, body: bytes, reflected: str, reflected_body: bytes) -> Iterator[Vector]:
    """Frames of ``type_``, which ``side`` takes, and of ``reflected``, which it says itself."""
    good = seal(TYPES[type_], body, K_SESSION, 5)
    ok, refuse, length = (0, 1, 2) if side == "board" else (None, None, None)
    yield verdict("good", side, on_wire(good), "accepted", code=ok)
    yield verdict("good-counter-jumps", side, said(type_, body, 0xFFFFFFFF), "accepted", code=ok)
    for name, wire in (
        ("crc-wrong", on_wire(good[:-1] + bytes([good[-1] ^ 1]))),
        ("bit-flipped-on-the-line", on_wire(good[:3] + bytes([good[3] ^ 0x10]) + good[4:])),
        ("truncated", cobs(good)[:-5] + b"\0"),
        ("shorter-than-eight", on_wire(good[:5] + crc(good[:5]))),
        ("cobs-runs-past-the-end", cobs(good)[:-3] + b"\x30\0"),
        ("cobs-code-beyond-frame", b"\xff" + cobs(good) + b"\0"),
        ("longer-than-254", b"\xff" + b"\x55" * 254 + b"\x05ABCD\0"),
        ("longer-than-any-frame", (b"\xff" + b"\x55" * 254) * 4 + b"\0"),
        ("two-frames-run-together", cobs(good) + cobs(good) + b"\0"),
    ):
        yield verdict(name, side, wire, "noise")
    for name, wire in (
        ("auth-missing", plain(type_, body, 5)),
        ("auth-missing-counter-zero", plain(type_, body)),
        ("unknown-type-without-auth", plain(UNKNOWN[side], b"")),
        ("reflected-without-auth", plain(reflected, reflected_body)),
        ("plain-types-of-its-own-side", plain("HELLO" if side == "board" else "IDENTIFY", b"")),
        ("mac-of-another-key", said(type_, body, key=OTHER)),
        ("mac-wrong", flip(good, len(good) - 10)),
        ("body-changed-crc-mended", flip(good, 7)),
        ("counter-changed-crc-mended", flip(good, 3)),
        ("type-changed-crc-mended", flip(good, 0)),
        ("auth-flag-without-mac", plain(type_, b"", 5, AUTH)),
    ):
        yield verdict(name, side, wire, "forged")
    yield verdict("replayed-last", side, on_wire(good), "replayed", last=5)
    yield verdict("replayed-older", side, on_wire(good), "replayed", last=6)
    yield verdict("counter-zero-with-auth", side, said(type_, body, 0), "replayed", last=0)
    yield verdict("unknown-type", side, said(UNKNOWN[side], b""), "malformed", code=refuse)
    yield verdict("reflected", side, said(reflected, reflected_body), "malformed", code=refuse)
    yield verdict("reserved-flag", side, said(type_, body, flags=AUTH | 2), "malformed", code=refuse)
    for name, wrong in (("too-long", body + b"\0"), ("too-short", body[:-1]), ("empty", b"")):
        yield verdict(f"body-{name}", side, said(type_, wrong), "malformed", code=length)


def to_a_board() -> Iterator[Vector]:
    """In a session."""
    yield verdict("longer-than-a-board-takes", "board", plain(0x7E, bytes(57)), "noise")
    yield verdict("auth-on-a-type-without", "board", said("IDENTIFY", b""), "malformed", code=1)
    yield verdict("identify-with-body", "board", plain("IDENTIFY", b"\0"), "malformed", code=2)
    yield verdict("identify-with-counter", "board", plain("IDENTIFY", b"", 9), "malformed", code=1)
    bad_channel, bad_both = struct.pack("<BI", 200, 1000), struct.pack("<BI", 200, 1)
    yield verdict("bad-channel", "board", said("CONFIGURE", bad_channel), "accepted", code=3)
    yield verdict("lost-is-no-channel", "board", said("DESCRIBE", b"\xff"), "accepted", code=3)
    for rate in (1, 99, 200001, 0xFFFFFFFF):
        bad_rate = said("CONFIGURE", struct.pack("<BI", 1, rate))
        yield verdict(f"bad-rate-{rate}", "board", bad_rate, "accepted", code=4)
    yield verdict("bad-ack", "board", said("ACK", struct.pack("<I", 999)), "accepted", code=8)
    yield verdict("enrol-again", "board", plain("ENROL", ENROL), "accepted", code=5)
    yield verdict("enrol-again-of-any-length", "board", plain("ENROL", b""), "accepted", code=5)
    yield verdict("open-under-a-spent-nonce", "board", said("OPEN", HOST_NONCE + bytes(8), 6), "forged")
    yield verdict("ack-said-again", "board", said("ACK", bytes(4)), "accepted")
    yield verdict("bad-channel-comes-first", "board", said("CONFIGURE", bad_both), "accepted", code=3)
    yield verdict("enrol-with-counter", "board", plain("ENROL", ENROL, 9), "malformed", code=1)
    yield verdict("enrol-with-reserved-flag", "board", plain("ENROL", ENROL, flags=2), "malformed", code=1)
    yield verdict("enrol-with-auth", "board", said("ENROL", b""), "malformed", code=1)


def without_a_session(state: str, auth: int | None, open_: int | None) -> Iterator[Vector]:
    """To a board: ``auth`` answers what is for sessions, ``open_`` an OPEN."""
    opening = HOST_NONCE + bytes(8)
    cut_short = 2 if state == "blank" else 5
    for name, wire, code, silent in (
        ("ack", said("ACK", bytes(4)), auth, "forged"),
        ("open-under-another-key", said("OPEN", opening, 1, key=OTHER), open_, "forged"),
        ("open-with-counter-zero", said("OPEN", opening, 0), open_, "replayed"),
        ("open-cut-short", said("OPEN", opening[:-1], 1), open_, "forged"),
        ("open-with-reserved-flag", said("OPEN", opening, 1, AUTH | 2), open_ or 1, "forged"),
        ("unknown-type", said(0x7E, b""), None, "forged"),
        ("identify-with-body", plain("IDENTIFY", b"\0"), 2, ""),
        ("identify-with-counter", plain("IDENTIFY", b"", 9), 1, ""),
        ("identify-with-auth", said("IDENTIFY", b""), None, "forged"),
        ("enrol-with-reserved-flag", plain("ENROL", ENROL, flags=2), 1, ""),
        ("enrol-cut-short", plain("ENROL", ENROL[:-1]), cut_short, ""),
        ("enrol-of-zeros", plain("ENROL", bytes(8) + ENROL[8:]), cut_short, ""),
    ):
        yield verdict(f"{state}-{name}", "board", wire, silent if code is None else "malformed", code=code, state=state)


def results() -> Iterator[Vector]:
    """To a host: which refusals a board may give outside a session."""
    for code in (1, 2, 5, 6, 7):
        wire = plain("RESULT", struct.pack("<IBB", 0, code, 0))
        yield verdict(f"result-{code}-outside-a-session", "host", wire, "accepted")
    for code in (0, 3, 4, *range(8, 18)):
        wire = plain("RESULT", struct.pack("<IBB", 0, code, 0))
        yield verdict(f"result-{code}-without-auth", "host", wire, "forged")
    counted = plain("RESULT", struct.pack("<IBB", 0, 6, 0), 5)
    yield verdict("refusal-outside-a-session-with-counter", "host", counted, "malformed")


def bodies_for_a_host() -> Iterator[Vector]:
    """Whose bodies say what cannot be."""
    link, row = bytes(32), struct.pack("<IBi", 1, 0, 2)
    opened = struct.pack("<8sI32s3sII32sI", DEVICE, EPOCH, IMAGE, bytes([1, 0, 0]), 4, 3, link, 0)
    hello = struct.pack("<BB8sI16s3s32sB", 1, 0, bytes(8), 1, bytes(16), bytes([1, 0, 0]), IMAGE, 8)
    channel = struct.pack("<BIiii", 0, 0, 1, 1, 0)
    signer = struct.pack("<BBBHI16s", 0x0A, 0x07, 2, 1, 0, bytes(16))
    for name, type_, body in (
        ("readings-count-zero", "READINGS", struct.pack("<IB", 0, 0) + link),
        ("readings-count-fifteen", "READINGS", struct.pack("<IB", 0, 15) + row * 15 + link),
        ("readings-count-too-high", "READINGS", struct.pack("<IB", 0, 2) + row + link),
        ("readings-count-too-low", "READINGS", struct.pack("<IB", 0, 1) + row * 2 + link),
        ("readings-past-the-end-of-seq", "READINGS", struct.pack("<IB", 0xFFFFFFFF, 2) + row * 2 + link),
        ("readings-cut-short", "READINGS", struct.pack("<IB", 0, 1) + row + link[:-1]),
        ("opened-base-after-head", "OPENED", opened),
        ("enrolled-in-a-session", "ENROLLED", DEVICE + CHALLENGE + IMAGE),
        ("result-unknown-code", "RESULT", struct.pack("<IBB", 4, 200, 0)),
        ("channel-divides-by-zero", "CHANNEL", struct.pack("<BIiii", 0, 0, 1, 0, 0) + b"\x02A0V"),
        ("channel-name-empty", "CHANNEL", channel + b"\0V"),
        ("channel-name-past-end", "CHANNEL", channel + b"\x09A0"),
        ("channel-name-thirteen", "CHANNEL", channel + b"\x0dABCDEFGHIJKLMV"),
        ("channel-name-charset", "CHANNEL", channel + b"\x03A 0V"),
        ("channel-name-first", "CHANNEL", channel + b"\x02-0V"),
        ("signer-unknown-phase", "SIGNER", signer[:2] + b"\x05" + signer[3:] + bytes(24)),
        ("signer-of-another-hash", "SIGNER", signer + bytes(28)),
        ("signer-cut-short", "SIGNER", signer[:-1]),
        ("leaf-of-another-hash", "LEAF", bytes(4) + bytes(20)),
        ("checkpoint-cut-short", "CHECKPOINT", bytes(44) + bytes(23)),
        ("signature-without-values", "SIGNATURE", bytes(5)),
        ("signature-of-another-hash", "SIGNATURE", bytes(5) + bytes(25)),
        ("signature-of-seven-values", "SIGNATURE", bytes(5) + bytes(7 * 24)),
    ):
        yield verdict(name, "host", said(type_, body), "malformed")
    for name, body in (
        ("hello-no-model", hello),
        ("hello-model-seventeen", hello + b"m" * 17),
        ("hello-model-not-ascii", hello + b"un\xf8"),
        ("hello-protocol-two", b"\x02" + hello[1:] + b"uno"),
        ("hello-state-unknown-bit", b"\x01\x10" + hello[2:] + b"uno"),
    ):
        yield verdict(name, "host", plain("HELLO", body), "malformed")
    yield verdict("hello-with-auth", "host", said("HELLO", hello + b"uno"), "malformed")


def verdicts() -> list[Vector]:
    """All of them."""
    return [
        *to_either("board", "CONFIGURE", struct.pack("<BI", 0, 50000), "STATUS", bytes(24)),
        *to_either("host", "RESULT", struct.pack("<IBB", 5, 0, 0), "ACK", bytes(4)),
        *to_a_board(),
        *without_a_session("closed", None, None),
        *without_a_session("blank", 6, 6),
        *without_a_session("damaged", 6, 6),
        *results(),
        *bodies_for_a_host(),
    ]

"""Consistent Overhead Byte Stuffing (Cheshire and Baker 1999) for frames of at most 254 bytes.

Up to that length there is exactly one code byte in front and none in between: each code takes the place of a zero.
"""

from __future__ import annotations

MAX_RAW = 254


def encode(raw: bytes) -> bytes:
    """``raw`` (at most 254 bytes) with no zero in it; one byte longer, without the delimiter."""
    if len(raw) > MAX_RAW:
        raise ValueError(f"{len(raw)} bytes do not fit a frame of {MAX_RAW}")
    return b"".join([bytes((len(run) + 1,)) + run for run in raw.split(b"\0")])


def decode(coded: bytes) -> bytes | None:
    """The bytes that :func:`encode` was given, or None when ``coded`` can't have come from it."""
    size = len(coded)
    if not 0 < size <= MAX_RAW + 1 or 0 in coded:
        return None
    raw = bytearray(coded)
    at = 0
    while at < size:
        code = coded[at]
        raw[at] = 0
        at += code
    if at != size:
        return None
    return bytes(raw[1:])

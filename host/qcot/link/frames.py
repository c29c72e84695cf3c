"""Frames: raw = type | flags | counter | body | [MAC16] | CRC16, on the wire as COBS and a zero byte."""

from __future__ import annotations

import hmac
import struct
from binascii import crc_hqx
from dataclasses import dataclass

from qcot.link import cobs

AUTH = 0x01
MIN_RAW = 8
MAX_RAW = cobs.MAX_RAW
MAC_SIZE = 16
CRC_SIZE = 2
HEADER = struct.Struct("<BBI")
MAX_BODY = MAX_RAW - HEADER.size - MAC_SIZE - CRC_SIZE

_CRC = struct.Struct("<H")


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame whose CRC holds. ``mac`` is empty without the AUTH flag; ``raw`` is all of it, as it came."""

    type: int
    flags: int
    counter: int
    body: bytes
    mac: bytes
    raw: bytes


def crc(data: bytes) -> int:
    """CRC-16/IBM-3740."""
    return crc_hqx(data, 0xFFFF)


class MacKey:
    """A key for MAC16 (HMAC-SHA-256, RFC 2104) with its padded blocks hashed once."""

    __slots__ = ("_start",)

    def __init__(self, key: bytes) -> None:
        self._start = hmac.new(key, digestmod="sha256")

    def mac(self, data: bytes) -> bytes:
        """The first 16 bytes of the HMAC of ``data``."""
        state = self._start.copy()
        state.update(data)
        return state.digest()[:MAC_SIZE]

    def good(self, frame: Frame) -> bool:
        """Whether ``frame`` carries AUTH and the MAC that this key gives it; takes the same time either way."""
        if not frame.flags & AUTH:
            return False
        return hmac.compare_digest(self.mac(frame.raw[: -MAC_SIZE - CRC_SIZE]), frame.mac)


def seal(kind: int, body: bytes, counter: int = 0, key: MacKey | None = None, flags: int = 0) -> bytes:
    """The raw frame; with ``key`` it has the AUTH flag and a MAC. ``flags`` adds bits, for tests of receivers."""
    data = HEADER.pack(kind, flags | (AUTH if key else 0), counter) + body
    if key:
        data += key.mac(data)
    if not MIN_RAW <= len(data) + CRC_SIZE <= MAX_RAW:
        raise ValueError(f"a frame of {len(data) + CRC_SIZE} bytes is outside {MIN_RAW} to {MAX_RAW}")
    return data + _CRC.pack(crc(data))


def wire(raw: bytes) -> bytes:
    """``raw`` as it goes over the line, delimiter included."""
    return cobs.encode(raw) + b"\0"


def parse(raw: bytes) -> Frame | None:
    """The frame in ``raw``, or None when it is noise: wrong size or wrong CRC."""
    if not MIN_RAW <= len(raw) <= MAX_RAW or crc(raw[:-CRC_SIZE]) != _CRC.unpack_from(raw, len(raw) - 2)[0]:
        return None
    kind, flags, counter = HEADER.unpack_from(raw)
    end = len(raw) - CRC_SIZE
    if not flags & AUTH:
        return Frame(kind, flags, counter, raw[HEADER.size : end], b"", raw)
    if end < HEADER.size + MAC_SIZE:
        # Too short for the MAC that it announces: a frame without a MAC, and no key will find it good.
        return Frame(kind, flags, counter, b"", b"", raw)
    return Frame(kind, flags, counter, raw[HEADER.size : end - MAC_SIZE], raw[end - MAC_SIZE : end], raw)


class FrameDecoder:
    """Bytes in, whole frames out. Restarts at every zero byte, holds at most one frame, and counts ``noise``."""

    def __init__(self) -> None:
        self.noise = 0
        self._in_step = False
        self._part = b""

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that end in ``data``."""
        *ended, rest = (self._part + data).split(b"\0")
        if ended and not self._in_step:
            # What came before the first delimiter is the tail of something whose head nobody saw.
            self._in_step = True
            del ended[0]
        found = []
        for coded in ended:
            if coded:
                raw = cobs.decode(coded)
                frame = parse(raw) if raw is not None else None
                if frame is None:
                    self.noise += 1
                else:
                    found.append(frame)
        # One byte over the longest frame marks what follows as overlong, however much of it comes.
        self._part = rest[: MAX_RAW + 2] if self._in_step else b""
        return found

"""Readings and the hash chain over them: link(i) = SHA-256(link(i-1) || reading(i)), one SHA-256 block each."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum
from hashlib import sha256

LINK_SIZE = 32
RECORD_SIZE = 9
LOST = 0xFF
FAULT = 0x7E

_RECORD = struct.Struct("<IBi")
_SEQ = struct.Struct("<I")


class Fault(IntEnum):
    """Why a measurement that was due has no reading."""

    SILENT = 1
    HELD = 2
    CHECKSUM = 3
    RESTARTED = 4


@dataclass(frozen=True, slots=True)
class Reading:
    """One sample: ``time`` in ms since the board's boot modulo 2^32, ``value`` as sampled.

    On channel :data:`LOST`, ``value`` readings from ``time`` on were not stored since the ring was full. On channel
    :data:`FAULT`, a measurement that was begun at ``time`` failed: of which channel, and why, is in ``value``.
    """

    seq: int
    time: int
    channel: int
    value: int

    @property
    def is_loss(self) -> bool:
        """Whether this tells of readings that were given up, rather than of a sample."""
        return self.channel == LOST

    @property
    def is_fault(self) -> bool:
        """Whether this tells of a measurement that failed, rather than of a sample."""
        return self.channel == FAULT

    @property
    def failed_channel(self) -> int:
        """Of a fault: the channel that was measured."""
        return self.value & 0xFF

    @property
    def fault(self) -> Fault | None:
        """Of a fault: why, where this host knows that reason."""
        code = self.value >> 8
        return Fault(code) if code in Fault.__members__.values() else None


def genesis(device: bytes, epoch: int) -> bytes:
    """The link before the first reading of ``device`` (8 bytes) in ``epoch``."""
    return sha256(b"qcot/chain/v1" + device + _SEQ.pack(epoch)).digest()


def extend(link: bytes, first: int, records: bytes) -> bytes:
    """The link after ``records`` (9 bytes each, as in a READINGS body), the first of which has seq ``first``."""
    seq = first
    for at in range(0, len(records), RECORD_SIZE):
        link = sha256(link + _SEQ.pack(seq) + records[at : at + RECORD_SIZE]).digest()
        seq += 1
    return link


def span(records: bytes) -> tuple[int, int]:
    """The board's times of the first and of the last of ``records``."""
    return _SEQ.unpack_from(records)[0], _SEQ.unpack_from(records, len(records) - RECORD_SIZE)[0]


def unpack(first: int, records: bytes) -> list[Reading]:
    """The readings in ``records``, numbered from ``first``."""
    return [Reading(first + i, *fields) for i, fields in enumerate(_RECORD.iter_unpack(records))]


def pack(readings: list[Reading]) -> bytes:
    """The records of ``readings`` as a READINGS body holds them; their seq is not part of it."""
    return b"".join(_RECORD.pack(r.time, r.channel, r.value) for r in readings)

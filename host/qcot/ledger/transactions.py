"""What a bridge signs: frames as boards sent them, enrolments and statements (docs/evidence.md, Transaction).

A :class:`Transaction` is parsed from its bytes and remembers them; they are signed, hashed and stored as they are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, TypeGuard

from qcot.certificates.claims import Channel, channels_from_cbor, channels_to_cbor
from qcot.crypto import cbor, cose
from qcot.crypto.signing import ML_DSA_65, PublicKey, SigningKey
from qcot.errors import QcotError
from qcot.ledger import clocks
from qcot.ledger.clocks import Clock
from qcot.ledger.problems import BAD_TRANSACTION

KIND = cose.Kind(ML_DSA_65, "application/vnd.qcot.transaction+cbor", b"qcot/tx/v1", with_policy=True)
VERSION = 1
MAX_ENTRIES = 2048
MAX_UINT = (1 << 63) - 1  # times and sequences: what a signed 64-bit column of a database holds
MAX_UINT32 = (1 << 32) - 1  # epochs, and the sequences of a board
DEVICE_SIZE = 8
HASH_SIZE = 32
MIN_FRAME, MAX_FRAME = 8, 254  # docs/link-protocol.md, Frame
MAX_MODEL = 16
MAX_STATEMENT = 16 * 1024
MAX_SIGNATURE = 4096
"""Bytes of a board's LMS signature: of W 4 and 8 all sets of SP 800-208 fit, n 32 and H 25 with 2,988."""
_FRAME, _ENROLMENT, _STATEMENT, _CHECKPOINT = 1, 2, 3, 4
_VERSION, _SITE, _BRIDGE, _SEQUENCE, _TIME, _ENTRIES = range(1, 7)


@dataclass(frozen=True, slots=True)
class FrameEntry:
    """A READINGS or OPENED frame of ``device`` (8 bytes) in ``epoch``, ``received`` in ms, COBS removed.

    ``clock`` turns the board's times in it into UTC; None where the bridge could not tell yet.
    """

    device: bytes
    epoch: int
    received: int
    frame: bytes
    clock: Clock | None = None


@dataclass(frozen=True, slots=True)
class EnrolmentEntry:
    """A board becomes known: ``commitment`` (32 bytes) to its key, ``firmware`` 3 bytes, ``image`` 32 bytes."""

    device: bytes
    commitment: bytes
    model: str
    firmware: bytes
    image: bytes
    channels: tuple[Channel, ...]


@dataclass(frozen=True, slots=True)
class StatementEntry:
    """A signed ``statement`` of 1 to 16,384 bytes, COSE_Sign1: a certificate, revocation, rotation or record."""

    statement: bytes


@dataclass(frozen=True, slots=True)
class CheckpointEntry:
    """What a board signed itself: that its chain stands at ``seq`` of ``epoch`` with ``link`` (32 bytes).

    ``signature`` is LMS (RFC 8554 section 5.4), of 1 to 4,096 bytes, over :func:`qcot.crypto.lms.checkpoint_message`.
    """

    device: bytes
    epoch: int
    seq: int
    link: bytes
    signature: bytes


Entry = FrameEntry | EnrolmentEntry | StatementEntry | CheckpointEntry


@dataclass(frozen=True, slots=True)
class Transaction:
    """A parsed transaction; ``sequence`` counts per bridge from 1, ``time`` is in ms, ``raw`` its exact bytes."""

    site: str
    bridge: str
    sequence: int
    time: int
    entries: tuple[Entry, ...]
    signed: cose.Sign1
    raw: bytes
    hash: bytes

    @property
    def policy(self) -> str:
        """The policy id of the protected header."""
        return self.signed.policy or ""

    @property
    def kid(self) -> bytes:
        """The id of the key that is said to have signed."""
        return self.signed.kid

    @property
    def statements(self) -> tuple[bytes, ...]:
        """The statements in it, in order."""
        return tuple(entry.statement for entry in self.entries if isinstance(entry, StatementEntry))

    def verify(self, key: PublicKey) -> None:
        """Raise QcotError `bad-signature` unless the bridge's ``key`` signed these bytes."""
        self.signed.verify(key)


def build(
    key: SigningKey, *, site: str, bridge: str, sequence: int, time: int, entries: Sequence[Entry], policy: str
) -> bytes:
    """Sign a transaction. Raises QcotError `bad-transaction` for anything that :func:`parse` would refuse."""
    payload = {
        _VERSION: VERSION,
        _SITE: site,
        _BRIDGE: bridge,
        _SEQUENCE: sequence,
        _TIME: time,
        _ENTRIES: _entries_to_cbor(entries),
    }
    _payload(payload)
    raw = cose.sign(key, KIND, cbor.encode(payload), policy)
    if len(raw) > cbor.MAX_BYTES:
        _refuse(f"{len(raw)} bytes, at most {cbor.MAX_BYTES} are taken")
    return raw


def parse(raw: bytes) -> Transaction:
    """Take a transaction apart without verifying its signature.

    Raises QcotError `bad-cbor`, `bad-cose` or `bad-transaction`.
    """
    return read(raw, envelope(raw))


def envelope(raw: bytes) -> cose.Sign1:
    """The outside of a transaction: who is said to have signed, before its content costs anything to read.

    Raises QcotError `bad-cbor` or `bad-cose`.
    """
    return cose.parse(raw, KIND)


def read(raw: bytes, signed: cose.Sign1) -> Transaction:
    """The transaction ``raw`` whose envelope is ``signed``; raises QcotError `bad-cbor` or `bad-transaction`."""
    site, bridge, sequence, time, entries = _payload(cbor.decode(signed.payload))
    return Transaction(site, bridge, sequence, time, entries, signed, raw, hashlib.sha256(raw).digest())


def require_entry(entry: Entry) -> None:
    """Raise QcotError `bad-transaction` unless a transaction may hold ``entry``."""
    _entries(_entries_to_cbor([entry]))


def _payload(payload: Any) -> tuple[str, str, int, int, tuple[Entry, ...]]:
    if not isinstance(payload, dict) or list(payload) != list(range(_VERSION, _ENTRIES + 1)):
        _refuse("payload must be a map of the keys 1 to 6")
    version, site, bridge, sequence, time, entries = payload.values()
    if version != VERSION or not _is_uint(version):
        _refuse(f"version {version!r}, this program knows {VERSION}")
    for what, name in (("site", site), ("bridge", bridge)):
        if not isinstance(name, str) or not cose.NAME.fullmatch(name):
            _refuse(f"{what} {name!r} is not 1 to 64 characters of A-Z a-z 0-9 _ -")
    if not _is_uint(sequence) or sequence == 0 or not _is_uint(time):
        _refuse(f"sequence {sequence!r} or time {time!r} out of range")
    if not isinstance(entries, list) or not 1 <= len(entries) <= MAX_ENTRIES:
        _refuse(f"entries must be an array of 1 to {MAX_ENTRIES}")
    return site, bridge, sequence, time, _entries(entries)


def _entries(items: list[Any]) -> tuple[Entry, ...]:
    """A frame that says nothing of its clock has that of the frame before it of that board and epoch."""
    said: dict[tuple[bytes, int], Clock | None] = {}
    return tuple(_entry(item, at, said) for at, item in enumerate(items))


def _entry(item: Any, at: int, said: dict[tuple[bytes, int], Clock | None]) -> Entry:
    match item:
        # Frames come by the thousand, and a pattern such as bytes(device) takes ten times as long as asking the type.
        case [1, device, epoch, received, frame, *clock] if type(device) is type(frame) is bytes and type(epoch) is int:
            fits = (
                len(device) == DEVICE_SIZE
                and 0 <= epoch <= MAX_UINT32
                and _is_uint(received)
                and MIN_FRAME <= len(frame) <= MAX_FRAME
                and (not clock or (len(clock) == 1 and clocks.is_clock(clock[0])))
            )
            if fits and clock:
                said[device, epoch] = clocks.from_cbor(clock[0])
            entry: Entry = FrameEntry(device, epoch, received, frame, said.get((device, epoch)))
        case [2, bytes(device), bytes(secret), str(model), bytes(firmware), bytes(image), list(channels)]:
            fits = (
                len(device) == DEVICE_SIZE
                and len(secret) == len(image) == HASH_SIZE
                and len(firmware) == 3
                and 1 <= len(model) <= MAX_MODEL
            )
            entry = EnrolmentEntry(device, secret, model, firmware, image, _channels(channels, at))
        case [3, bytes(statement)]:
            fits = 1 <= len(statement) <= MAX_STATEMENT
            entry = StatementEntry(statement)
        case [4, bytes(device), epoch, seq, bytes(link), bytes(signature)] if type(epoch) is type(seq) is int:
            fits = (
                len(device) == DEVICE_SIZE
                and 0 <= min(epoch, seq) <= max(epoch, seq) <= MAX_UINT32
                and len(link) == HASH_SIZE
                and 1 <= len(signature) <= MAX_SIGNATURE
            )
            entry = CheckpointEntry(device, epoch, seq, link, signature)
        case _:
            _refuse(f"entry {at} is neither a frame, an enrolment, a statement nor a checkpoint")
    if not fits:
        _refuse(f"entry {at} has a member of the wrong length or range")
    return entry


def _channels(items: list[Any], at: int) -> tuple[Channel, ...]:
    """As in the board's certificate."""
    try:
        return channels_from_cbor(items)
    except QcotError as error:
        raise QcotError(BAD_TRANSACTION, f"entry {at}: {error.reason}") from error


def _entries_to_cbor(entries: Sequence[Entry]) -> list[list[Any]]:
    """A frame says its clock where the frame before it of that board and epoch did not say the same."""
    said: dict[tuple[bytes, int], Clock | None] = {}
    items = []
    for entry in entries:
        item = _entry_to_cbor(entry)
        if isinstance(entry, FrameEntry) and entry.clock != said.get(which := (entry.device, entry.epoch)):
            said[which] = entry.clock
            item.append(clocks.to_cbor(entry.clock))
        items.append(item)
    return items


def _entry_to_cbor(entry: Entry) -> list[Any]:
    match entry:
        case FrameEntry():
            return [_FRAME, entry.device, entry.epoch, entry.received, entry.frame]
        case StatementEntry():
            return [_STATEMENT, entry.statement]
        case CheckpointEntry():
            return [_CHECKPOINT, entry.device, entry.epoch, entry.seq, entry.link, entry.signature]
    channels = channels_to_cbor(entry.channels)
    return [_ENROLMENT, entry.device, entry.commitment, entry.model, entry.firmware, entry.image, channels]


def _is_uint(value: Any) -> TypeGuard[int]:
    return type(value) is int and 0 <= value <= MAX_UINT


def _refuse(reason: str) -> NoReturn:
    raise QcotError(BAD_TRANSACTION, reason)

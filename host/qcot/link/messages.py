"""Messages: one frozen record for each row of the table in docs/link-protocol.md.

``X.decode(body)`` takes exactly what the table allows and raises :class:`LinkError` (``malformed``) for all else;
``record.encode()`` is its inverse.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar, Self

from qcot.link import chain
from qcot.link.frames import Frame
from qcot.link.layout import Fixed, ascii_text, malformed
from qcot.link.signer import (
    AskSigner,
    Checkpoint,
    Generate,
    Leaf,
    Path,
    Sign,
    Signature,
    Signer,
    WantLeaf,
)

PROTOCOL = 1
MAX_READINGS = 14
MIN_RATE, MAX_RATE = 100, 200_000
SEQ_END = 1 << 32

_NAME = re.compile(rb"[A-Za-z0-9][A-Za-z0-9\-_.:/]{0,11}")


class Code(IntEnum):
    """RESULT codes."""

    OK = 0
    UNKNOWN_COMMAND = 1
    BAD_LENGTH = 2
    BAD_CHANNEL = 3
    BAD_RATE = 4
    ALREADY_ENROLLED = 5
    NOT_ENROLLED = 6
    STORAGE_FAILED = 7
    BAD_ACK = 8
    NO_KEY = 9
    GENERATING = 10
    EXHAUSTED = 11
    BAD_LEAF = 12
    WRONG_PATH = 13
    BUSY = 14
    BAD_CALIBRATION = 15
    KEY_EXISTS = 16
    KEY_DAMAGED = 17
    PIN_TAKEN = 18

    @property
    def label(self) -> str:
        """The name that the protocol page gives it."""
        return self.name.lower().replace("_", "-")


Version = tuple[int, int, int]


def _version(data: bytes) -> Version:
    return data[0], data[1], data[2]


@dataclass(frozen=True, slots=True)
class Hello:
    """A board says who it is and offers a nonce. Proof of nothing."""

    TYPE: ClassVar[int] = 0x01
    _HEAD: ClassVar[struct.Struct] = struct.Struct("<BB8sI16s3s32sB")

    state: int
    device: bytes
    epoch: int
    nonce: bytes
    firmware: Version
    image: bytes
    channels: int
    model: str

    @property
    def enrolled(self) -> bool:
        """Whether the board says that it has an identity."""
        return bool(self.state & 1)

    @property
    def damaged(self) -> bool:
        """Whether the board says that its identity store does not read back."""
        return bool(self.state & 4)

    @property
    def store_missing(self) -> bool:
        """Whether the board says that the memory part that it was built for keeps nothing: it has RAM alone."""
        return bool(self.state & 8)

    def encode(self) -> bytes:
        """The body."""
        head = self._HEAD.pack(
            PROTOCOL, self.state, self.device, self.epoch, self.nonce, bytes(self.firmware), self.image, self.channels
        )
        return head + self.model.encode("ascii")

    @classmethod
    def decode(cls, body: bytes) -> Hello:
        """From the body."""
        if len(body) <= cls._HEAD.size:
            raise malformed(f"HELLO has {len(body)} bytes")
        protocol, state, device, epoch, nonce, firmware, image, channels = cls._HEAD.unpack_from(body)
        if protocol != PROTOCOL:
            raise malformed(f"HELLO speaks protocol {protocol}, this host {PROTOCOL}")
        if state & ~0x0F:
            raise malformed(f"HELLO has state {state:#04x}")
        model = ascii_text(body[cls._HEAD.size :], "model", 1, 16)
        return cls(state, device, epoch, nonce, _version(firmware), image, channels, model)


@dataclass(frozen=True, slots=True)
class Readings:
    """Readings ``first`` to ``first + count - 1`` as 9-byte ``records``, and the link after the last of them."""

    TYPE: ClassVar[int] = 0x02
    _HEAD: ClassVar[struct.Struct] = struct.Struct("<IB")

    first: int
    records: bytes
    link: bytes

    @property
    def count(self) -> int:
        """How many readings."""
        return len(self.records) // chain.RECORD_SIZE

    @property
    def end(self) -> int:
        """The seq after the last of them: what an ACK of this frame says."""
        return self.first + self.count

    def readings(self) -> list[chain.Reading]:
        """The readings one by one."""
        return chain.unpack(self.first, self.records)

    def encode(self) -> bytes:
        """The body."""
        return self._HEAD.pack(self.first, self.count) + self.records + self.link

    @classmethod
    def decode(cls, body: bytes) -> Readings:
        """From the body."""
        size = len(body)
        end = size - chain.LINK_SIZE
        if end < cls._HEAD.size:
            raise malformed(f"READINGS has {size} bytes")
        first, count = cls._HEAD.unpack_from(body)
        if not 1 <= count <= MAX_READINGS or end != cls._HEAD.size + count * chain.RECORD_SIZE:
            raise malformed(f"READINGS of {count} readings has {size} bytes")
        if first + count > SEQ_END:
            raise malformed(f"READINGS from {first} runs over the end of seq")
        return cls(first, body[cls._HEAD.size : end], body[end:])


@dataclass(frozen=True, slots=True)
class Opened:
    """The board's side of a session: where its stream stands (``base`` is its oldest reading, ``head`` the next)."""

    TYPE: ClassVar[int] = 0x03
    _ALL: ClassVar[struct.Struct] = struct.Struct("<8sI32s3sII32sI")

    device: bytes
    epoch: int
    image: bytes
    firmware: Version
    base: int
    head: int
    base_link: bytes
    time: int

    def encode(self) -> bytes:
        """The body."""
        return self._ALL.pack(
            self.device, self.epoch, self.image, bytes(self.firmware), self.base, self.head, self.base_link, self.time
        )

    @classmethod
    def decode(cls, body: bytes) -> Opened:
        """From the body."""
        if len(body) != cls._ALL.size:
            raise malformed(f"OPENED has {len(body)} bytes and not {cls._ALL.size}")
        device, epoch, image, firmware, base, head, link, time = cls._ALL.unpack(body)
        if base > head:
            raise malformed(f"OPENED has base {base} after head {head}")
        return cls(device, epoch, image, _version(firmware), base, head, link, time)


@dataclass(frozen=True, slots=True)
class Enrolled(Fixed):
    """Proof that a board stored the key it was given."""

    TYPE: ClassVar[int] = 0x04
    _LAYOUT: ClassVar[struct.Struct] = struct.Struct("<8s16s32s")

    device: bytes
    challenge: bytes
    image: bytes


@dataclass(frozen=True, slots=True)
class Result(Fixed):
    """The answer to a command: ``command`` is the counter of the frame it answers."""

    TYPE: ClassVar[int] = 0x05
    _LAYOUT: ClassVar[struct.Struct] = struct.Struct("<IBB")

    command: int
    code: Code
    detail: int

    @classmethod
    def decode(cls, body: bytes) -> Self:
        """From the body."""
        command, code, detail = cls.values(body)
        if code not in Code.__members__.values():
            raise malformed(f"RESULT has code {code}")
        return cls(command, Code(code), detail)


@dataclass(frozen=True, slots=True)
class Status(Fixed):
    """The board's own counters, which saturate; ``free_ram`` in bytes."""

    TYPE: ClassVar[int] = 0x06
    _LAYOUT: ClassVar[struct.Struct] = struct.Struct("<IIIIHHHH")

    time: int
    head: int
    base: int
    lost: int
    noise: int
    forged: int
    replayed: int
    free_ram: int


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel: its rate in mHz, and (value + offset) * num / den in ``unit`` (RFC 8428 section 12.1)."""

    TYPE: ClassVar[int] = 0x07
    _HEAD: ClassVar[struct.Struct] = struct.Struct("<BIiiiB")

    index: int
    rate: int
    num: int
    den: int
    offset: int
    name: str
    unit: str

    def encode(self) -> bytes:
        """The body."""
        head = self._HEAD.pack(self.index, self.rate, self.num, self.den, self.offset, len(self.name))
        return head + self.name.encode("ascii") + self.unit.encode("ascii")

    @classmethod
    def decode(cls, body: bytes) -> Channel:
        """From the body."""
        if len(body) < cls._HEAD.size:
            raise malformed(f"CHANNEL has {len(body)} bytes")
        index, rate, num, den, offset, size = cls._HEAD.unpack_from(body)
        name, unit = body[cls._HEAD.size : cls._HEAD.size + size], body[cls._HEAD.size + size :]
        if len(name) != size or not _NAME.fullmatch(name):
            raise malformed(f"CHANNEL has the name {name!r}")
        if den == 0:
            raise malformed("CHANNEL divides by zero")
        return cls(index, rate, num, den, offset, name.decode("ascii"), ascii_text(unit, "unit", 0, 32))


@dataclass(frozen=True, slots=True)
class Identify(Fixed):
    """A host asks for HELLO."""

    TYPE: ClassVar[int] = 0x41
    _LAYOUT: ClassVar[struct.Struct] = struct.Struct("")


@dataclass(frozen=True, slots=True)
class Open(Fixed):
    """A host opens a session and tells what it has on disk for this device."""

    TYPE: ClassVar[int] = 0x42
    _LAYOUT: ClassVar[struct.Struct] = struct.Struct("<16sII")

    nonce: bytes
    epoch: int
    seq: int


@dataclass(frozen=True, slots=True)
class Enrol(Fixed):
    """A host gives a board its identity, once."""

    TYPE: ClassVar[int] = 0x43
    _LAYOUT: ClassVar[struct.Struct] = struct.Struct("<8s32s16s")

    device: bytes
    key: bytes
    challenge: bytes


@dataclass(frozen=True, slots=True)
class Configure(Fixed):
    """A host sets the rate of a channel, in mHz; 0 is off."""

    TYPE: ClassVar[int] = 0x44
    _LAYOUT: ClassVar[struct.Struct] = struct.Struct("<BI")

    channel: int
    rate: int


@dataclass(frozen=True, slots=True)
class Describe(Fixed):
    """A host asks for a CHANNEL."""

    TYPE: ClassVar[int] = 0x45
    _LAYOUT: ClassVar[struct.Struct] = struct.Struct("<B")

    channel: int


@dataclass(frozen=True, slots=True)
class Ack(Fixed):
    """A host has all readings before ``seq`` on disk."""

    TYPE: ClassVar[int] = 0x46
    _LAYOUT: ClassVar[struct.Struct] = struct.Struct("<I")

    seq: int


@dataclass(frozen=True, slots=True)
class Calibrate(Fixed):
    """A host sets how a channel's values become physical ones: (value + offset) * num / den."""

    TYPE: ClassVar[int] = 0x4C
    _LAYOUT: ClassVar[struct.Struct] = struct.Struct("<Biii")

    channel: int
    num: int
    den: int
    offset: int


FromBoard = Hello | Readings | Opened | Enrolled | Result | Status | Channel | Signer | Leaf | Checkpoint | Signature
Command = Configure | Describe | Calibrate | AskSigner | Generate | WantLeaf | Path | Sign
FromHost = Identify | Open | Enrol | Ack | Command
AnyMessage = FromBoard | FromHost


@dataclass(frozen=True, slots=True)
class Kind:
    """A row of the message table."""

    record: type[AnyMessage]
    auth: bool


_WITHOUT_AUTH = (Hello, Identify, Enrol)
_RECORDS: tuple[type[AnyMessage], ...] = (
    *(Hello, Readings, Opened, Enrolled, Result, Status, Channel, Signer, Leaf, Checkpoint, Signature),
    *(Identify, Open, Enrol, Configure, Describe, Ack, AskSigner, Generate, WantLeaf, Path, Sign, Calibrate),
)
KINDS: dict[int, Kind] = {record.TYPE: Kind(record, record not in _WITHOUT_AUTH) for record in _RECORDS}

# What a board answers when there is no session to answer in, mostly to OPEN and ENROL.
UNAUTHENTICATED_RESULTS = frozenset(
    {Code.UNKNOWN_COMMAND, Code.BAD_LENGTH, Code.ALREADY_ENROLLED, Code.NOT_ENROLLED, Code.STORAGE_FAILED}
)


def decode(frame: Frame) -> AnyMessage:
    """The message in ``frame``, whose MAC is not looked at; raises LinkError (``malformed``)."""
    kind = KINDS.get(frame.type)
    if kind is None:
        raise malformed(f"type {frame.type:#04x} is not defined")
    if frame.flags & ~0x01:
        raise malformed(f"flags are {frame.flags:#04x}")
    authenticated = bool(frame.flags & 0x01)
    if not authenticated and frame.counter:
        raise malformed("a counter without AUTH")
    if authenticated and not kind.auth:
        raise malformed(f"AUTH on type {frame.type:#04x}")
    return kind.record.decode(frame.body)

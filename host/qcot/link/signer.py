"""Messages about a board's own signing key: an LMS tree (RFC 8554) whose nodes the host keeps.

In docs/link-protocol.md with all others; a hash of the tree has n bytes, 24 or 32.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar, Self

from qcot.link.layout import HASH_SIZES, Fixed, Tailed, malformed

MAX_VALUES = 158
"""Bytes of one-time values in a SIGNATURE, whose body is at most 163."""


class Phase(IntEnum):
    """How far a board's key is."""

    NONE = 0
    GENERATING = 1
    READY = 2
    EXHAUSTED = 3
    DAMAGED = 4


@dataclass(frozen=True, slots=True)
class Signer(Tailed):
    """The board's key: ``lms`` and ``ots`` are RFC 8554's type codes.

    ``next`` counts leaves folded in while the key is made, then it is the next unused one; ``root`` is zero until then.
    """

    TYPE: ClassVar[int] = 0x08
    _LAYOUT: ClassVar[struct.Struct] = struct.Struct("<BBBHI16s")

    lms: int
    ots: int
    phase: Phase
    generation: int
    next: int
    identifier: bytes
    root: bytes

    @classmethod
    def decode(cls, body: bytes) -> Self:
        """From the body."""
        found = super(Signer, cls).decode(body)
        if found.phase not in Phase.__members__.values():
            raise malformed(f"SIGNER has phase {found.phase}")
        return cls(found.lms, found.ots, Phase(found.phase), found.generation, found.next, found.identifier, found.root)


@dataclass(frozen=True, slots=True)
class Leaf(Tailed):
    """A leaf node of the tree (RFC 8554 section 5.3), computed by the board."""

    TYPE: ClassVar[int] = 0x09
    _LAYOUT: ClassVar[struct.Struct] = struct.Struct("<I")

    index: int
    node: bytes


@dataclass(frozen=True, slots=True)
class Checkpoint(Tailed):
    """What is signed, all before ``seq`` of ``epoch`` with ``link`` after it, and C (RFC 8554 section 4.5)."""

    TYPE: ClassVar[int] = 0x0A
    _LAYOUT: ClassVar[struct.Struct] = struct.Struct("<III32s")

    leaf: int
    epoch: int
    seq: int
    link: bytes
    randomizer: bytes


@dataclass(frozen=True, slots=True)
class Signature:
    """Values y[``first``], y[``first`` + 1], ... of the one-time signature (RFC 8554 section 4.5), n bytes each."""

    TYPE: ClassVar[int] = 0x0B
    _HEAD: ClassVar[struct.Struct] = struct.Struct("<IB")

    leaf: int
    first: int
    values: bytes

    def encode(self) -> bytes:
        """The body."""
        return self._HEAD.pack(self.leaf, self.first) + self.values

    @classmethod
    def decode(cls, body: bytes) -> Self:
        """From the body."""
        size = len(body) - cls._HEAD.size
        if not 0 < size <= MAX_VALUES or all(size % n for n in HASH_SIZES):
            raise malformed(f"SIGNATURE has {len(body)} bytes")
        leaf, first = cls._HEAD.unpack_from(body)
        return cls(leaf, first, body[cls._HEAD.size :])


@dataclass(frozen=True, slots=True)
class AskSigner(Fixed):
    """A host asks for SIGNER."""

    TYPE: ClassVar[int] = 0x47
    _LAYOUT: ClassVar[struct.Struct] = struct.Struct("")


@dataclass(frozen=True, slots=True)
class Generate(Fixed):
    """A host has a key begun, where there is none or it is used up."""

    TYPE: ClassVar[int] = 0x48
    _LAYOUT: ClassVar[struct.Struct] = struct.Struct("")


@dataclass(frozen=True, slots=True)
class WantLeaf(Fixed):
    """A host asks for a LEAF, which takes the board seconds."""

    TYPE: ClassVar[int] = 0x49
    _LAYOUT: ClassVar[struct.Struct] = struct.Struct("<I")

    index: int


@dataclass(frozen=True, slots=True)
class Path(Tailed):
    """A host gives one node of ``leaf``'s authentication path, in order from ``level`` 0."""

    TYPE: ClassVar[int] = 0x4A
    _LAYOUT: ClassVar[struct.Struct] = struct.Struct("<IB")

    leaf: int
    level: int
    node: bytes


@dataclass(frozen=True, slots=True)
class Sign(Fixed):
    """A host asks for a signature of the chain's checkpoint with ``leaf``."""

    TYPE: ClassVar[int] = 0x4B
    _LAYOUT: ClassVar[struct.Struct] = struct.Struct("<I")

    leaf: int

"""What message bodies have in common: the record's face, the error for what is not allowed, fixed layouts."""

from __future__ import annotations

import re
import struct
from typing import Any, ClassVar, Protocol, Self

from qcot.link.problems import MALFORMED, LinkError


class Message(Protocol):
    """What all records have in common."""

    TYPE: ClassVar[int]

    def encode(self) -> bytes:
        """The body of a frame."""


def malformed(reason: str) -> LinkError:
    """The error for a body that the protocol does not define."""
    return LinkError(MALFORMED, reason)


def title(record: type) -> str:
    """The name of a message as the protocol page has it: WantLeaf is WANT_LEAF."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", record.__name__).upper()


def ascii_text(data: bytes, what: str, least: int, most: int) -> str:
    """Printable ASCII of ``least`` to ``most`` characters."""
    if not least <= len(data) <= most or not data.isascii() or not data.decode("ascii").isprintable():
        raise malformed(f"{what} {data!r} is not {least} to {most} printable ASCII characters")
    return data.decode("ascii")


class Fixed:
    """A body that is one struct; the record's fields are its values, in order."""

    __slots__: tuple[str, ...] = ()
    _LAYOUT: ClassVar[struct.Struct]

    def encode(self) -> bytes:
        """The body."""
        return self._LAYOUT.pack(*(getattr(self, name) for name in self.__slots__))

    @classmethod
    def values(cls, body: bytes) -> tuple[Any, ...]:
        """What ``body`` holds; raises LinkError (``malformed``) unless it has exactly the layout's size."""
        if len(body) != cls._LAYOUT.size:
            raise malformed(f"{title(cls)} has {len(body)} bytes and not {cls._LAYOUT.size}")
        return cls._LAYOUT.unpack(body)

    @classmethod
    def decode(cls, body: bytes) -> Self:
        """From the body."""
        return cls(*cls.values(body))


HASH_SIZES = (24, 32)
"""Bytes of a tree's nodes (SP 800-208): SHA-256/192 and SHA-256."""


class Tailed:
    """A body that is a struct and then one hash of a tree, of 24 or 32 bytes: the record's last field."""

    __slots__: tuple[str, ...] = ()
    _LAYOUT: ClassVar[struct.Struct]

    def encode(self) -> bytes:
        """The body."""
        *head, tail = (getattr(self, name) for name in self.__slots__)
        return self._LAYOUT.pack(*head) + bytes(tail)

    @classmethod
    def decode(cls, body: bytes) -> Self:
        """From the body."""
        size = cls._LAYOUT.size
        if len(body) - size not in HASH_SIZES:
            raise malformed(f"{title(cls)} has {len(body)} bytes")
        values = (*cls._LAYOUT.unpack_from(body), body[size:])
        return cls(*values)

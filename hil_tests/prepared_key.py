"""A board's own key as docs/board.md lays it out in EEPROM, and its tree by hashlib from the seed in it (RFC 8554)."""

from __future__ import annotations

import hashlib
import hmac
import struct
from binascii import crc_hqx
from dataclasses import dataclass
from functools import cache
from pathlib import Path

KEY_AT, MARKER, PAGE_END = 640, 0xA5, 1024
SEED = hashlib.sha256(b"a seed of this test").digest()


def _hash(n: int, *parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()[:n]


@dataclass(frozen=True)
class PreparedKey:
    """The key of one set: n bytes, ``height`` levels, W 4; levels[k] are the nodes k levels above the leaves."""

    tree: int
    one_time: int
    n: int
    height: int
    levels: tuple[tuple[bytes, ...], ...]

    @property
    def leaves(self) -> int:
        return 1 << self.height

    @property
    def root(self) -> bytes:
        return self.levels[-1][0]

    @property
    def public(self) -> bytes:
        return struct.pack(">II", self.tree, self.one_time) + identifier(self.n) + self.root

    def path(self, leaf: int) -> list[bytes]:
        return [self.levels[level][leaf >> level ^ 1] for level in range(self.height)]

    def write(self, file: Path, progress: int, generation: int = 1) -> None:
        """Put the key into the EEPROM ``file``: ``progress`` leaves folded in, from 2^h on used."""
        head = struct.pack("<H", generation) + SEED[: self.n] + bytes((self.tree, self.one_time))
        head += struct.pack("<H", generation)
        check = crc_hqx(head, 0xFFFF)
        record = head + struct.pack("<HB", check, MARKER)
        nodes_at = KEY_AT + len(record)
        copies_at = nodes_at + self.height * self.n
        pairs = (PAGE_END - copies_at) // 8
        image = bytearray(file.read_bytes().ljust(PAGE_END, b"\xff"))
        image[KEY_AT:nodes_at] = record
        live = progress if progress < self.leaves else 1
        said = crc_hqx(struct.pack("<H", progress), check)
        for level in range(self.height):
            if live >> level & 1:
                node = self.root if progress >= self.leaves else self.levels[level][(progress >> level) - 1]
                at = nodes_at + (level + generation) % self.height * self.n
                image[at : at + self.n] = node
                said = crc_hqx(node, said)
        at = copies_at + generation % pairs * 8
        image[at : at + 8] = 2 * struct.pack("<HH", progress, said)
        file.write_bytes(image)


def identifier(n: int) -> bytes:
    return hmac.digest(SEED[:n], b"qcot/lms/id/v1", "sha256")[:16]


@cache
def prepared(tree: int, one_time: int) -> PreparedKey:
    """The key of SEED under the set with these type codes."""
    n, height = {0x0A: (24, 5), 0x0B: (24, 10), 0x05: (32, 5), 0x06: (32, 10)}[tree]
    chains = {0x07: 51, 0x03: 67}[one_time]
    seed, name = SEED[:n], identifier(n)

    def leaf(q: int) -> bytes:
        head = name + struct.pack(">I", q)
        ends = []
        for chain in range(chains):
            at = head + struct.pack(">H", chain)
            value = _hash(n, at, b"\xff", seed)
            for step in range(15):
                value = _hash(n, at, bytes((step,)), value)
            ends.append(value)
        public = _hash(n, head, b"\x80\x80", *ends)
        return _hash(n, name, struct.pack(">I", (1 << height) + q), b"\x82\x82", public)

    levels = [tuple(leaf(q) for q in range(1 << height))]
    while len(levels[-1]) > 1:
        below, first = levels[-1], len(levels[-1]) // 2
        levels.append(
            tuple(
                _hash(n, name, struct.pack(">I", first + at), b"\x83\x83", below[2 * at], below[2 * at + 1])
                for at in range(first)
            )
        )
    return PreparedKey(tree, one_time, n, height, tuple(levels))

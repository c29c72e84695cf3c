"""The Merkle tree of RFC 9162 section 2.1, over SHA-256.

A tree is kept as the hashes of its *complete* subtrees: ``node(level, index)`` covers the leaves from
``index << level`` up to ``(index + 1) << level``. They never change once written, so whatever stores them appends
only, and every root and proof takes O(log² n) look-ups at most.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256

HASH_SIZE = 32
EMPTY_ROOT = sha256(b"").digest()

NodeReader = Callable[[int, int], bytes]
"""``(level, index)`` to the hash of a complete subtree."""


def leaf_hash(leaf: bytes) -> bytes:
    """SHA-256(0x00 || leaf)."""
    return sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 || left || right)."""
    return sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True, slots=True)
class Frontier:
    """The complete subtrees that make up a tree of ``size`` leaves, largest first: one for each 1 bit of ``size``."""

    size: int = 0
    hashes: tuple[bytes, ...] = ()

    def append(self, leaf: bytes) -> tuple[Frontier, list[tuple[int, int, bytes]]]:
        """The frontier with one more leaf *hash*, and the complete subtrees it made as (level, index, hash)."""
        hashes = list(self.hashes)
        made = [(0, self.size, leaf)]
        level, index, digest = 0, self.size, leaf
        while index & 1:
            digest = node_hash(hashes.pop(), digest)
            level, index = level + 1, index >> 1
            made.append((level, index, digest))
        hashes.append(digest)
        return Frontier(self.size + 1, tuple(hashes)), made

    def root(self) -> bytes:
        """The root of the tree; of an empty one, the hash of nothing."""
        if not self.hashes:
            return EMPTY_ROOT
        digest = self.hashes[-1]
        for left in reversed(self.hashes[:-1]):
            digest = node_hash(left, digest)
        return digest


def frontier(size: int, node: NodeReader) -> Frontier:
    """The frontier of the first ``size`` leaves, read back from ``node``."""
    hashes, start = [], 0
    for level in reversed(range(size.bit_length())):
        if size >> level & 1:
            hashes.append(node(level, start >> level))
            start += 1 << level
    return Frontier(size, tuple(hashes))


def range_root(start: int, end: int, node: NodeReader) -> bytes:
    """MTH(D[start:end]) for a range that RFC 9162 can ask for: ``start`` is a multiple of the largest part's size."""
    size = end - start
    if size & (size - 1) == 0:
        level = size.bit_length() - 1
        return node(level, start >> level)
    middle = start + _split(size)
    return node_hash(range_root(start, middle, node), range_root(middle, end, node))


def inclusion_path(index: int, size: int, node: NodeReader) -> list[bytes]:
    """PATH(index, D[0:size]) of section 2.1.3.1, from the leaf's sibling upwards."""
    if not 0 <= index < size:
        raise ValueError(f"no leaf {index} in a tree of {size}")
    path, start, end = [], 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(range_root(middle, end, node))
            end = middle
        else:
            path.append(range_root(start, middle, node))
            start = middle
    return path[::-1]


def consistency_path(old: int, new: int, node: NodeReader) -> list[bytes]:
    """PROOF(old, D[0:new]) of section 2.1.4.1; empty where the sizes are equal."""
    if not 0 < old <= new:
        raise ValueError(f"no proof from size {old} to {new}")
    path, start, end, whole = [], 0, new, True
    while old != end:
        middle = start + _split(end - start)
        if old <= middle:
            path.append(range_root(middle, end, node))
            end = middle
        else:
            path.append(range_root(start, middle, node))
            start, whole = middle, False
    if not whole:
        path.append(range_root(start, end, node))
    return path[::-1]


def root_from_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """The root that ``path`` leads the leaf *hash* to (section 2.1.3.2), or None when its length does not fit."""
    if not 0 <= index < size:
        return None
    at, last, digest = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return None
        if at & 1 or at == last:
            digest = node_hash(sibling, digest)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            digest = node_hash(digest, sibling)
        at, last = at >> 1, last >> 1
    return digest if last == 0 else None


def is_consistent(old: int, new: int, old_root: bytes, new_root: bytes, path: Sequence[bytes]) -> bool:
    """Whether ``path`` proves that the tree of ``new`` leaves begins with that of ``old`` (section 2.1.4.2)."""
    if not 0 < old <= new or not (path or old == new):
        return False
    if old == new:
        return not path and old_root == new_root
    hashes = list(path) if old & (old - 1) else [old_root, *path]
    at, last = old - 1, new - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    first = second = hashes[0]
    for sibling in hashes[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            first, second = node_hash(sibling, first), node_hash(sibling, second)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            second = node_hash(second, sibling)
        at, last = at >> 1, last >> 1
    return first == old_root and second == new_root and last == 0


def _split(size: int) -> int:
    """The largest power of two smaller than ``size``."""
    return 1 << ((size - 1).bit_length() - 1)

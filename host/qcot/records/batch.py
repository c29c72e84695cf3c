"""One signature over many items, and one item handed out with its Merkle path (docs/records.md, Items).

An item's leaf is the deterministic CBOR of ``[label, salt, name, content]`` with a salt of 32 random bytes, hashed as
RFC 9162 section 2.1 has it: without the salt nobody can test a guess of the content, and an item that is handed out
shows nothing of the others but hashes of their salted leaves.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NoReturn

from qcot.crypto import cbor, merkle
from qcot.errors import QcotError
from qcot.records import statements
from qcot.records.problems import BAD_RECORD, ITEM_DIFFERS
from qcot.records.statements import MAX_ITEMS, Publish, Statement

FORMAT = "qcot-item/v1"
SALT_SIZE = 32
MAX_NAME = 255
MAX_CONTENT = 64 << 20
MAX_PATH = MAX_ITEMS.bit_length()
_NAME = re.compile(rf"[^/\\\x00-\x1f\x7f]{{1,{MAX_NAME}}}")  # it may be written to a folder
_LABEL = "qcot/record/item/v1"


@dataclass(frozen=True, slots=True)
class Item:
    """A named content of a record under its own salt."""

    name: str
    content: bytes = field(repr=False)
    salt: bytes = field(default_factory=lambda: secrets.token_bytes(SALT_SIZE), repr=False)

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name) or self.name in (".", ".."):
            _refuse(f"item name {self.name[:MAX_NAME]!r}: it has 1 to {MAX_NAME} characters, no path and no control")
        if len(self.content) > MAX_CONTENT or len(self.salt) != SALT_SIZE:
            _refuse(f"item {self.name!r}: a content has {MAX_CONTENT:,} bytes at most, a salt {SALT_SIZE}")

    def leaf(self) -> bytes:
        """The hash of its leaf: what the tree commits to."""
        return merkle.leaf_hash(cbor.encode([_LABEL, self.salt, self.name, self.content]))


class Batch:
    """The tree over the leaves of 1 to 2^20 items."""

    def __init__(self, leaves: Iterable[bytes]) -> None:
        self._nodes: dict[tuple[int, int], bytes] = {}
        tree = merkle.Frontier()
        for leaf in leaves:
            tree, made = tree.append(leaf)
            self._nodes.update(((level, index), digest) for level, index, digest in made)
        if not 1 <= tree.size <= MAX_ITEMS:
            _refuse(f"{tree.size} items, a record has 1 to {MAX_ITEMS}")
        self.size = tree.size
        self.root = tree.root()

    def path(self, index: int) -> tuple[bytes, ...]:
        """The siblings that lead from leaf ``index`` to the root (RFC 9162 section 2.1.3.1)."""
        return tuple(merkle.inclusion_path(index, self.size, lambda level, at: self._nodes[level, at]))


@dataclass(frozen=True, slots=True)
class HandedOut:
    """One item of a record with all that proves it: the statement that published the record, index and path."""

    statement: bytes
    index: int
    item: Item
    path: tuple[bytes, ...]

    def encode(self) -> bytes:
        """The bytes of an item file."""
        item = self.item
        return cbor.encode([FORMAT, self.statement, self.index, item.salt, item.name, item.content, list(self.path)])

    def check(self) -> Statement:
        """The statement, if it is signed by the key in it and the item is one of its items.

        Raises QcotError `bad-signature`, `item-differs`, or what parsing a statement raises. Whether the ledger holds
        the statement is another question (:mod:`qcot.records.rules`).
        """
        statement = statements.parse(self.statement)
        if not isinstance(statement.body, Publish):
            _refuse("the statement in the file publishes no record")
        statement.signed.verify(statement.body.key)
        check_items(statement.body.root, statement.body.count, [(self.index, self.item, self.path)])
        return statement


def check_items(root: bytes, count: int, items: Sequence[tuple[int, Item, Sequence[bytes]]]) -> None:
    """Raise QcotError `item-differs` unless each item is at its index in the tree of ``count`` leaves."""
    for index, item, path in items:
        if merkle.root_from_inclusion(item.leaf(), index, count, path) != root:
            raise QcotError(ITEM_DIFFERS, f"{item.name!r} is not item {index} of the record that was published")


def parse(data: bytes) -> HandedOut:
    """Read an item file; raises `bad-cbor` or `bad-record`. Nothing is verified yet."""
    value = cbor.decode(data, max_bytes=MAX_CONTENT + (64 << 10))
    match value:
        case [str(form), bytes(raw), int(index), bytes(salt), str(name), bytes(content), list(path)] if form == FORMAT:
            pass
        case _:
            _refuse(f"not an item file ({FORMAT})")
    if len(path) > MAX_PATH or not all(isinstance(each, bytes) and len(each) == merkle.HASH_SIZE for each in path):
        _refuse(f"a path has at most {MAX_PATH} hashes of {merkle.HASH_SIZE} bytes")
    return HandedOut(raw, index, Item(name, content, salt), tuple(path))


def _refuse(reason: str) -> NoReturn:
    raise QcotError(BAD_RECORD, reason)

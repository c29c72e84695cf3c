"""LMS: Winternitz one-time keys under a Merkle tree (RFC 8554, SP 800-208): verification, and a signer's nodes.

pyhsslms does the arithmetic and nothing else. Its parsers let pass what the standards do not (a one-time type that
differs between key and signature, bytes after a key), so lengths and types are decided here, before it sees anything.
Whoever signs must never use a one-time key twice; a host whose disk may be restored cannot promise that, so there is
no LMS signing here. Boards sign; they have no room for their trees, so nodes are computed here, from their leaves.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

import pyhsslms.pyhsslms as library

from qcot.crypto.backends import Sign, Verify

_TYPE, _LEAF, _IDENTIFIER = 4, 4, 16
_D_INTERIOR = b"\x83\x83"  # RFC 8554 section 5.3
_CHECKPOINT = b"qcot/checkpoint/v1"


@dataclass(frozen=True)
class Parameters:
    """A pair of parameter sets that SP 800-208 allows together: one hash of ``n`` bytes for both."""

    tree: bytes
    one_time: bytes
    n: int
    height: int
    chains: int

    @property
    def public_key_size(self) -> int:
        """Types, identifier and root (RFC 8554 section 5.3)."""
        return 2 * _TYPE + _IDENTIFIER + self.n

    @property
    def signature_size(self) -> int:
        """Leaf number, one-time signature (type, randomizer, chains), type, path (RFC 8554 section 5.4)."""
        return _LEAF + _TYPE + self.n * (1 + self.chains) + _TYPE + self.n * self.height

    @property
    def leaves(self) -> int:
        """How many one-time keys there are."""
        return 1 << self.height

    def public_key(self, identifier: bytes, root: bytes) -> bytes:
        """The public key (RFC 8554 section 5.3)."""
        return self.tree + self.one_time + identifier + root


PARAMETERS = {
    tree + one_time: Parameters(tree, one_time, n, height, chains)
    for tree, (tree_hash, m, height) in library.lms_params.items()
    for one_time, (one_time_hash, n, chains, _, _) in library.lmots_params.items()
    if (tree_hash, m) == (one_time_hash, n)
}
"""By the eight bytes with which a public key begins."""


def parameters_of(tree: int, one_time: int) -> Parameters | None:
    """The parameter sets with these type codes, where SP 800-208 allows the two together."""
    return PARAMETERS.get(struct.pack(">II", tree, one_time))


class Tree:
    """The nodes over ``leaves``, all of them and in order, n bytes each (RFC 8554 section 5.3)."""

    def __init__(self, parameters: Parameters, identifier: bytes, leaves: Sequence[bytes]) -> None:
        if len(leaves) != parameters.leaves or any(len(leaf) != parameters.n for leaf in leaves):
            raise ValueError(f"not {parameters.leaves} leaves of {parameters.n} bytes")
        nodes = [b""] * parameters.leaves + list(leaves)
        for number in range(parameters.leaves - 1, 0, -1):
            data = identifier + struct.pack(">I", number) + _D_INTERIOR + nodes[2 * number] + nodes[2 * number + 1]
            nodes[number] = hashlib.sha256(data).digest()[: parameters.n]
        self._nodes = nodes
        self._leaves = parameters.leaves

    @property
    def root(self) -> bytes:
        """The node that the public key holds."""
        return self._nodes[1]

    def path(self, leaf: int) -> list[bytes]:
        """The nodes that make the root from ``leaf``, from the leaf's sibling upwards; raises IndexError."""
        if not 0 <= leaf < self._leaves:
            raise IndexError(leaf)
        number, found = self._leaves + leaf, []
        while number > 1:
            found.append(self._nodes[number ^ 1])
            number //= 2
        return found


def assemble(
    parameters: Parameters, leaf: int, randomizer: bytes, values: Sequence[bytes], path: Sequence[bytes]
) -> bytes:
    """A signature (RFC 8554 sections 4.5 and 5.4) from all its ``values`` y[i], and ``path`` from the leaf up."""
    one_time = parameters.one_time + randomizer + b"".join(values)
    return struct.pack(">I", leaf) + one_time + parameters.tree + b"".join(path)


@dataclass(frozen=True)
class Lms:
    """Verifies; there is nothing to sign with."""

    def generate(self) -> bytes:
        """Raise TypeError: SigningKey refuses before."""
        _no_signing()

    def signer(self, secret: bytes) -> tuple[bytes, Sign]:
        """Raise TypeError: SigningKey refuses before."""
        del secret
        _no_signing()

    def verifier(self, public: bytes) -> Verify:
        """Return what verifies under ``public``; raises ValueError for unknown types or a length that is not theirs."""
        types, rest = public[: 2 * _TYPE], public[2 * _TYPE :]
        parameters = PARAMETERS.get(types)
        if parameters is None:
            raise ValueError(f"LMS types {types.hex()} are not a pair that SP 800-208 allows")
        if len(public) != parameters.public_key_size:
            raise ValueError(f"{len(public)} bytes, these types have {parameters.public_key_size}")
        identifier, root = rest[:_IDENTIFIER], rest[_IDENTIFIER:]
        key = library.LmsPublicKey(identifier, root, parameters.tree, parameters.one_time)
        return lambda signature, message, _: well_formed(signature, parameters) and _holds(key, signature, message)


BOARD_TYPES = frozenset(
    types for types in PARAMETERS if 0x05 <= types[3] <= 0x0E and types[7] in (0x03, 0x04, 0x07, 0x08)
)
"""The sets that a board's key may have, by the eight bytes: of SHA-256, whole or cut to 24 bytes, with W 4 or 8."""


def checkpoint_message(device: bytes, epoch: int, seq: int, link: bytes) -> bytes:
    """The 66 bytes that a board signs: all before reading ``seq`` of ``epoch`` is on its chain, ending in ``link``."""
    return _CHECKPOINT + device + epoch.to_bytes(4, "little") + seq.to_bytes(4, "little") + link


def leaf_of(signature: bytes) -> int:
    """The number of the one-time key that made a well-formed ``signature``."""
    return int.from_bytes(signature[:_LEAF], "big")


def well_formed(signature: bytes, parameters: Parameters) -> bool:
    """Whether ``signature`` has the types, the length and a leaf number of ``parameters``."""
    if len(signature) != parameters.signature_size:
        return False
    tree_at = _LEAF + _TYPE + parameters.n * (1 + parameters.chains)
    return (
        leaf_of(signature) < parameters.leaves
        and signature[_LEAF : _LEAF + _TYPE] == parameters.one_time
        and signature[tree_at : tree_at + _TYPE] == parameters.tree
    )


def _holds(key: library.LmsPublicKey, signature: bytes, message: bytes) -> bool:
    try:
        return key.verify(message, signature) is True
    except (ValueError, LookupError):  # not after what is checked above; were it so, it is no proof
        return False


def _no_signing() -> NoReturn:
    raise TypeError("LMS keys sign elsewhere: this module verifies")

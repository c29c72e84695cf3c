"""Anchors: the authority's hash-based signature over the log's root (docs/evidence.md, Anchor).

Checkpoints are signed with ML-DSA. An anchor binds the tree to a time by a signature that rests on SHA-256 alone, so
that evidence still stands where lattices would not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

from qcot.crypto import cbor, cose
from qcot.crypto.merkle import HASH_SIZE
from qcot.crypto.signing import SLH_DSA_SHA2_128S, PublicKey, SigningKey
from qcot.errors import Problem, QcotError
from qcot.ledger.checkpoint import MAX_SIZE

KIND = cose.Kind(SLH_DSA_SHA2_128S, "application/vnd.qcot.anchor+cbor", b"qcot/anchor/v1", with_policy=False)
VERSION = 1
MAX_BYTES = 16 * 1024
MAX_ORIGIN = 255  # bytes, as in a checkpoint
BAD_ANCHOR = Problem("bad-anchor", "Ask the authority for the anchor again; it is not one as docs/evidence.md has it.")
_VERSION, _ORIGIN, _SIZE, _ROOT, _TIME = range(1, 6)


@dataclass(frozen=True, slots=True)
class Anchor:
    """At ``time`` (ms) the log ``origin`` of ``size`` leaves had this ``root``; the signature is not yet verified."""

    origin: str
    size: int
    root: bytes
    time: int
    signed: cose.Sign1
    raw: bytes

    def verify(self, root: PublicKey) -> None:
        """Raise `bad-signature` unless the authority's ``root`` key signed it."""
        self.signed.verify(root)


def build(key: SigningKey, *, origin: str, size: int, root: bytes, time: int) -> bytes:
    """Sign an anchor with the authority's root key; raises `bad-anchor` for what :func:`parse` would refuse."""
    members = (VERSION, origin, size, root, time)
    _check(*members)
    return cose.sign(key, KIND, cbor.encode(dict(enumerate(members, 1))))


def parse(raw: bytes) -> Anchor:
    """Take an anchor apart; raises `bad-anchor`, `bad-cbor` or `bad-cose`."""
    if len(raw) > MAX_BYTES:
        _refuse(f"{len(raw)} bytes, at most {MAX_BYTES} are taken")
    signed = cose.parse(raw, KIND)
    payload = cbor.decode(signed.payload)
    if not isinstance(payload, dict) or list(payload) != list(range(_VERSION, _TIME + 1)):
        _refuse("payload must be a map of the keys 1 to 5")
    version, origin, size, root, time = payload.values()
    _check(version, origin, size, root, time)
    return Anchor(origin, size, root, time, signed, raw)


def _check(version: object, origin: object, size: object, root: object, time: object) -> None:
    if type(version) is not int or version != VERSION:
        _refuse(f"version {version!r}, this program knows {VERSION}")
    if not isinstance(origin, str) or not 1 <= len(origin.encode()) <= MAX_ORIGIN:
        _refuse(f"origin must be text of 1 to {MAX_ORIGIN} bytes")
    if type(size) is not int or not 0 < size <= MAX_SIZE or type(time) is not int or not 0 <= time <= MAX_SIZE:
        _refuse("size or time out of range")
    if not isinstance(root, bytes) or len(root) != HASH_SIZE:
        _refuse(f"root is not {HASH_SIZE} bytes")


def _refuse(reason: str) -> NoReturn:
    raise QcotError(BAD_ANCHOR, reason)

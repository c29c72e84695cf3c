"""COSE_Sign1 (RFC 9052 section 4.2) with ML-DSA (RFC 9964) and the protected header of docs/evidence.md.

The bytes that were signed are kept as they came and are never encoded again to be verified.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NoReturn

from cbor2 import CBORTag

from qcot.crypto import cbor
from qcot.crypto.problems import BAD_COSE, BAD_SIGNATURE
from qcot.crypto.signing import KID_SIZE, Algorithm, PublicKey, SigningKey
from qcot.errors import QcotError

SIGN1_TAG = 18
ALG, CONTENT_TYPE, KID, POLICY = 1, 3, 4, -65537
NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
MAX_HEADER = 255
_SIGN1_START = b"\xd2\x84"  # tag 18, array of 4
_ARRAY_OF_FOUR = b"\x84"
_BYTES_HEAD, _ONE_BYTE_LENGTH = 0x40, 24
_UNPROTECTED_EMPTY: dict[Any, Any] = {}
_HEADERS_KEPT = 256


@dataclass(frozen=True, slots=True)
class Kind:
    """What a message must be: its algorithm (or one of several), content type, external AAD, with or without policy."""

    algorithm: Algorithm
    content_type: str
    external_aad: bytes
    with_policy: bool
    others: tuple[Algorithm, ...] = ()

    @property
    def algorithms(self) -> tuple[Algorithm, ...]:
        """All that may sign this kind."""
        return self.algorithm, *self.others


@dataclass(frozen=True, slots=True)
class Sign1:
    """A parsed COSE_Sign1, its signature not yet verified."""

    kind: Kind
    algorithm: Algorithm
    kid: bytes
    policy: str | None
    protected: bytes
    payload: bytes
    signature: bytes

    def verify(self, key: PublicKey) -> None:
        """Raise QcotError `bad-signature` unless ``key`` signed exactly these bytes as this kind."""
        if key.algorithm != self.algorithm or key.kid != self.kid:
            raise QcotError(
                BAD_SIGNATURE, f"signed by key {self.kid.hex()}, not by {key.algorithm.name} key {key.kid.hex()}"
            )
        key.verify(self.signature, _to_be_signed(self.protected, self.kind.external_aad, self.payload))


def sign(key: SigningKey, kind: Kind, payload: bytes, policy: str | None = None) -> bytes:
    """Return the tagged COSE_Sign1 of ``payload``; raises ValueError where ``kind`` and arguments disagree."""
    if key.algorithm not in kind.algorithms or (policy is not None) != kind.with_policy:
        raise ValueError("key or policy does not fit the kind of message")
    header: dict[int, Any] = {
        ALG: key.algorithm.cose,
        CONTENT_TYPE: kind.content_type,
        KID: key.public_key.kid,
    }
    if policy is not None:
        if not NAME.fullmatch(policy):
            raise ValueError(f"policy {policy!r} is not 1 to 64 characters of A-Z a-z 0-9 _ -")
        header[POLICY] = policy
    protected = cbor.encode(header)
    signature = key.sign(_to_be_signed(protected, kind.external_aad, payload))
    return cbor.encode(CBORTag(SIGN1_TAG, [protected, _UNPROTECTED_EMPTY, payload, signature]))


def parse(data: bytes, kind: Kind) -> Sign1:
    """Take ``data`` apart and check its header, of at most MAX_HEADER bytes, against ``kind``.

    Raises `bad-cbor` or `bad-cose`.
    """
    tagged = cbor.decode(data, tags=(SIGN1_TAG,))
    if not isinstance(tagged, CBORTag):
        _refuse("not a tagged COSE_Sign1")
    parts = tagged.value
    if type(parts) is not list or list(map(type, parts)) != [bytes, dict, bytes, bytes] or parts[1]:
        _refuse("not an array of protected header, empty map, payload and signature")
    protected, _, payload, signature = parts
    algorithm, kid, policy = _header(protected, kind)
    if not algorithm.fits(signature):
        _refuse(f"signature of {len(signature)} bytes, {algorithm.name} has {algorithm.signature_size}")
    return Sign1(kind, algorithm, kid, policy, protected, payload, signature)


def content_type(data: bytes) -> str:
    """Return the content type that a COSE_Sign1 claims, to choose the kind that it is then parsed as.

    Looks at the protected header alone, of at most MAX_HEADER bytes; raises `bad-cose` or `bad-cbor`.
    """
    at = len(_SIGN1_START) + 1
    if not data.startswith(_SIGN1_START) or len(data) <= at:
        _refuse("not a tagged COSE_Sign1")
    size = data[at - 1] - _BYTES_HEAD
    if size == _ONE_BYTE_LENGTH:
        size, at = data[at], at + 1
    if not 0 <= size <= MAX_HEADER or len(data) < at + size:
        _refuse(f"no protected header of at most {MAX_HEADER} bytes")
    header = cbor.decode(data[at : at + size])
    if not isinstance(header, dict) or not isinstance(header.get(CONTENT_TYPE), str):
        _refuse("the protected header names no content type")
    name: str = header[CONTENT_TYPE]
    return name


@lru_cache(_HEADERS_KEPT)
def _header(protected: bytes, kind: Kind) -> tuple[Algorithm, bytes, str | None]:
    """What a protected header says; a signer's is the same in every message. Those refused are not kept."""
    header = cbor.decode(protected, max_bytes=MAX_HEADER)
    labels = {ALG, CONTENT_TYPE, KID} | ({POLICY} if kind.with_policy else set())
    if not isinstance(header, dict) or header.keys() != labels:
        _refuse(f"protected header must have the labels {sorted(labels)} and no other")
    kid, policy = header[KID], header.get(POLICY)
    algorithm = next((each for each in kind.algorithms if each.cose == header[ALG]), None)
    if algorithm is None or header[CONTENT_TYPE] != kind.content_type:
        _refuse(
            f"algorithm {header[ALG]!r} and content type {header[CONTENT_TYPE]!r}, "
            f"wanted are {' or '.join(str(each.cose) for each in kind.algorithms)} and {kind.content_type!r}"
        )
    if not isinstance(kid, bytes) or len(kid) != KID_SIZE:
        _refuse(f"key id must be {KID_SIZE} bytes")
    if kind.with_policy and not (isinstance(policy, str) and NAME.fullmatch(policy)):
        _refuse("policy id must be 1 to 64 characters of A-Z a-z 0-9 _ -")
    return algorithm, kid, policy


def _to_be_signed(protected: bytes, external_aad: bytes, payload: bytes) -> bytes:
    """Sig_structure of RFC 9052 section 4.4."""
    return _before_payload(protected, external_aad) + cbor.encode(payload)


@lru_cache(_HEADERS_KEPT)
def _before_payload(protected: bytes, external_aad: bytes) -> bytes:
    """The head of an array of four and its first three members: the same in all that a signer signs."""
    return _ARRAY_OF_FOUR + b"".join(map(cbor.encode, ("Signature1", protected, external_aad)))


def _refuse(reason: str) -> NoReturn:
    raise QcotError(BAD_COSE, reason)

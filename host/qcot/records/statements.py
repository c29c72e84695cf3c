"""What is said about a record on the ledger: a COSE_Sign1 under a pseudonym's ML-DSA-44 key (docs/records.md).

The payload is a CBOR array ``[1, kind, time, ...]``; times are POSIX milliseconds. A statement is parsed from its
bytes and remembers them: they are signed, hashed and stored as they are.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn, TypeGuard

from qcot.crypto import cbor, cose
from qcot.crypto.signing import KID_SIZE, ML_DSA_44, PublicKey, SigningKey
from qcot.errors import QcotError
from qcot.records.problems import BAD_RECORD

CONTENT_TYPE = "application/vnd.qcot.record+cbor"
KIND = cose.Kind(ML_DSA_44, CONTENT_TYPE, b"qcot/record/v1", with_policy=False)
VERSION = 1
MAX_BYTES = 16 << 10
MAX_TIME = (1 << 63) - 1
MAX_ITEMS = 1 << 20
ID_SIZE = NONCE_SIZE = 16
HASH_SIZE = 32
MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,63}/[a-z0-9][a-z0-9!#$&^_.+-]{0,63}")  # RFC 6838 section 4.2
PROOF_CONTEXT = b"qcot/record/rotate/v1"


@dataclass(frozen=True, slots=True)
class Publish:
    """A record comes to be. Nothing here depends on its content but ``root`` (salted) and ``digest`` (sealed)."""

    record: bytes
    key: PublicKey  # the owner's pseudonym
    kem: bytes  # SHA-256 of the owner's ML-KEM-768 key, to which the data key is wrapped
    root: bytes  # Merkle root over the salted item commitments
    count: int  # items
    digest: bytes  # SHA-256 of the sealed payload
    media_type: str


@dataclass(frozen=True, slots=True)
class Consent:
    """The owner lets a recipient open it for one purpose, ``until`` a time or, where None, until it is withdrawn."""

    record: bytes
    number: int  # this owner's statements about the record, publication being 0
    key: PublicKey  # the recipient's pseudonym
    kem: bytes  # SHA-256 of the recipient's ML-KEM-768 key
    purpose: str
    until: int | None


@dataclass(frozen=True, slots=True)
class Withdraw:
    """The owner takes consent back from the pseudonym ``recipient`` (its key id)."""

    record: bytes
    number: int
    recipient: bytes


@dataclass(frozen=True, slots=True)
class Access:
    """The signer opens the record, once, for ``purpose``."""

    record: bytes
    purpose: str
    nonce: bytes


@dataclass(frozen=True, slots=True)
class Erase:
    """The owner has the record's key, salts and payload destroyed."""

    record: bytes
    number: int


@dataclass(frozen=True, slots=True)
class Rotate:
    """The signer is ``key`` from here on; ``proof`` is that key's signature over the old key id (see :func:`prove`)."""

    key: PublicKey
    kem: bytes
    proof: bytes


Body = Publish | Consent | Withdraw | Access | Erase | Rotate
KINDS: dict[type[Body], int] = {Publish: 1, Consent: 2, Withdraw: 3, Access: 4, Erase: 5, Rotate: 6}


@dataclass(frozen=True, slots=True)
class Statement:
    """A parsed statement, its signature not yet verified; ``time`` is what its signer says, in ms."""

    time: int
    body: Body
    signed: cose.Sign1
    raw: bytes
    hash: bytes

    @property
    def kid(self) -> bytes:
        """Key id of the pseudonym that signed."""
        return self.signed.kid


def build(key: SigningKey, body: Body, time: int) -> bytes:
    """Sign a statement. Raises QcotError `bad-record` for anything that :func:`parse` would refuse."""
    payload = [VERSION, KINDS[type(body)], time, *_members(body)]
    _payload(payload)
    return cose.sign(key, KIND, cbor.encode(payload))


def parse(raw: bytes) -> Statement:
    """Take a statement apart without verifying it; raises `bad-cbor`, `bad-cose`, `bad-key` or `bad-record`."""
    if len(raw) > MAX_BYTES:
        _refuse(f"{len(raw)} bytes, at most {MAX_BYTES} are taken")
    signed = cose.parse(raw, KIND)
    time, body = _payload(cbor.decode(signed.payload))
    return Statement(time, body, signed, raw, hashlib.sha256(raw).digest())


def prove(new: SigningKey, old_kid: bytes, kem: bytes) -> bytes:
    """Sign, with the new key, that it follows ``old_kid`` and comes with the ML-KEM key whose SHA-256 is ``kem``."""
    return new.sign(old_kid + kem, PROOF_CONTEXT)


def check_proof(body: Rotate, old_kid: bytes) -> None:
    """Raise QcotError `bad-signature` unless who holds the new key agreed to follow ``old_kid``."""
    body.key.verify(body.proof, old_kid + body.kem, PROOF_CONTEXT)


def _members(body: Body) -> list[Any]:
    values = [getattr(body, name) for name in body.__slots__]
    return [value.raw if isinstance(value, PublicKey) else value for value in values]


def _payload(payload: Any) -> tuple[int, Body]:
    match payload:
        case [int(version), int(kind), int(time), *members]:
            pass
        case _:
            _refuse("payload must be an array that begins with version, kind and time")
    if version != VERSION:
        _refuse(f"version {version}, this program knows {VERSION}")
    if not _is_time(time):
        _refuse(f"time {time} is out of range")
    body = _body(kind, members)
    _require(body, time)
    return time, body


def _body(kind: int, members: list[Any]) -> Body:
    match kind, members:
        case 1, [bytes(record), bytes(key), bytes(kem), bytes(root), int(count), bytes(digest), str(media)]:
            return Publish(record, PublicKey(ML_DSA_44, key), kem, root, count, digest, media)
        case 2, [bytes(record), int(number), bytes(key), bytes(kem), str(purpose), until] if until is None or _is_time(
            until
        ):
            return Consent(record, number, PublicKey(ML_DSA_44, key), kem, purpose, until)
        case 3, [bytes(record), int(number), bytes(recipient)]:
            return Withdraw(record, number, recipient)
        case 4, [bytes(record), str(purpose), bytes(nonce)]:
            return Access(record, purpose, nonce)
        case 5, [bytes(record), int(number)]:
            return Erase(record, number)
        case 6, [bytes(key), bytes(kem), bytes(proof)]:
            return Rotate(PublicKey(ML_DSA_44, key), kem, proof)
    _refuse(f"kind {kind} with these members is no statement about a record")


_SIZES = {
    "record": ID_SIZE, "kem": HASH_SIZE, "root": HASH_SIZE, "digest": HASH_SIZE, "recipient": KID_SIZE,
    "nonce": NONCE_SIZE, "proof": ML_DSA_44.signature_size,
}  # fmt: skip
_FITS: dict[str, Callable[[Any], Any]] = {
    "count": lambda value: 1 <= value <= MAX_ITEMS,
    "number": lambda value: 1 <= value <= MAX_TIME,
    "purpose": cose.NAME.fullmatch,
    "media_type": MEDIA_TYPE.fullmatch,
}


def _require(body: Body, time: int) -> None:
    for name in body.__slots__:
        value = getattr(body, name)
        if name in _SIZES and len(value) != _SIZES[name]:
            _refuse(f"{name} of {len(value)} bytes, it has {_SIZES[name]}")
        if name in _FITS and not _FITS[name](value):
            _refuse(f"{name} {value!r} is out of range or not a name")
    if isinstance(body, Consent) and body.until is not None and body.until <= time:
        _refuse("consent that ends before it begins")


def _is_time(value: Any) -> TypeGuard[int]:
    return type(value) is int and 0 <= value <= MAX_TIME


def _refuse(reason: str) -> NoReturn:
    raise QcotError(BAD_RECORD, reason)

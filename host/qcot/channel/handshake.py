"""How an epoch begins: the gateway's offer, which the broker keeps, and a bridge's opening. Pure functions.

Both are COSE_Sign1 as docs/channel.md has them, and their hash is that of their bytes.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, NoReturn, TypeGuard

from qcot.channel.level import LEVELS, Level
from qcot.channel.problems import BAD_OFFER, BAD_OPENING, LEVEL
from qcot.channel.secret import Exchange, Names
from qcot.crypto import cbor, cose
from qcot.crypto.signing import ML_DSA_44, ML_DSA_65, SigningKey
from qcot.errors import Problem, QcotError

OFFER = cose.Kind(ML_DSA_44, "application/vnd.qcot.offer+cbor", b"qcot/offer/v1", with_policy=False)
OPENING = cose.Kind(ML_DSA_65, "application/vnd.qcot.opening+cbor", b"qcot/opening/v1", with_policy=False)
VERSION = 1
MAX_OFFER = 8 << 10
MAX_CERTIFICATES = 4
MAX_CERTIFICATE = 16 << 10
MAX_OPENING = MAX_CERTIFICATES * MAX_CERTIFICATE + (8 << 10)
EPOCH_BITS = 63
ID_SIZE = 16
HASH_SIZE = 32


@dataclass(frozen=True, slots=True)
class Offer:
    """A gateway's ML-KEM public key, its signature not yet verified; times in ms since 1970."""

    site: str
    gateway: str
    level: Level
    public_key: bytes
    issued: int
    expires: int
    hash: bytes
    signed: cose.Sign1


@dataclass(frozen=True, slots=True)
class Opening:
    """A bridge's answer to the offer with this hash, its signature not yet verified."""

    names: Names
    level: Level
    offer: bytes
    ciphertext: bytes
    epoch: int
    key_id: uuid.UUID | None
    certificates: tuple[bytes, ...]
    id: bytes
    signed: cose.Sign1

    def exchange(self, public_key: bytes) -> Exchange:
        """What both ends know, with the key that the offer held."""
        return Exchange(
            self.level, self.names, self.signed.kid, self.offer, public_key, self.ciphertext, self.epoch, self.key_id
        )


def build_offer(key: SigningKey, *, names: tuple[str, str], level: Level, public_key: bytes, valid: range) -> bytes:
    """Sign an offer of ``names``, site and gateway, ``valid`` from its first to before its last ms."""
    payload = [VERSION, *names, level.name, public_key, valid.start, valid.stop]
    return cose.sign(key, OFFER, cbor.encode(dict(enumerate(payload, 1))))


def parse_offer(raw: bytes) -> Offer:
    """Take an offer apart; raises `bad-cbor`, `bad-cose`, `channel-bad-offer` or `channel-level`."""
    if len(raw) > MAX_OFFER:
        _refuse(BAD_OFFER, f"{len(raw)} bytes, at most {MAX_OFFER} are taken")
    signed = cose.parse(raw, OFFER)
    site, gateway, named, public_key, issued, expires = _values(signed.payload, 7, BAD_OFFER)
    _require_names(BAD_OFFER, site, gateway)
    level = _level(named)
    if not isinstance(public_key, bytes) or len(public_key) != level.kem.public_key_size:
        _refuse(BAD_OFFER, f"the public key is not one of {level.kem.name}")
    if not _is_uint(issued) or not _is_uint(expires) or issued >= expires:
        _refuse(BAD_OFFER, "the times are not two, one after the other")
    return Offer(site, gateway, level, public_key, issued, expires, sha256(raw).digest(), signed)


def build_opening(
    key: SigningKey,
    *,
    names: Names,
    level: Level,
    offer: bytes,
    ciphertext: bytes,
    epoch: int,
    key_id: uuid.UUID | None,
    certificates: Sequence[bytes],
) -> bytes:
    """Sign an opening with the bridge's ``key``."""
    payload = [
        VERSION, names.site, names.bridge, names.gateway, level.name, offer, ciphertext, epoch,
        key_id.bytes if key_id else None, list(certificates),
    ]  # fmt: skip
    return cose.sign(key, OPENING, cbor.encode(dict(enumerate(payload, 1))))


def parse_opening(raw: bytes) -> Opening:
    """Take an opening apart; raises `bad-cbor`, `bad-cose`, `channel-bad-opening` or `channel-level`."""
    if len(raw) > MAX_OPENING:
        _refuse(BAD_OPENING, f"{len(raw)} bytes, at most {MAX_OPENING} are taken")
    signed = cose.parse(raw, OPENING)
    site, bridge, gateway, named, offer, ciphertext, epoch, key_id, certificates = _values(
        signed.payload, 10, BAD_OPENING
    )
    _require_names(BAD_OPENING, site, bridge, gateway)
    level = _level(named)
    if not isinstance(offer, bytes) or len(offer) != HASH_SIZE:
        _refuse(BAD_OPENING, f"the offer's hash is not {HASH_SIZE} bytes")
    if not isinstance(ciphertext, bytes) or len(ciphertext) != level.kem.ciphertext_size:
        _refuse(BAD_OPENING, f"the ciphertext is not one of {level.kem.name}")
    if not _is_uint(epoch):
        _refuse(BAD_OPENING, "the epoch is out of range")
    if not _is_key_id(key_id, level):
        _refuse(BAD_OPENING, f"the key_ID is not that of {level.name}")
    if not isinstance(certificates, list) or len(certificates) > MAX_CERTIFICATES:
        _refuse(BAD_OPENING, f"certificates are not an array of at most {MAX_CERTIFICATES}")
    if any(not isinstance(each, bytes) or len(each) > MAX_CERTIFICATE for each in certificates):
        _refuse(BAD_OPENING, f"a certificate is not at most {MAX_CERTIFICATE} bytes")
    return Opening(
        Names(site, bridge, gateway), level, offer, ciphertext, epoch,
        uuid.UUID(bytes=key_id) if key_id else None, tuple(certificates), opening_id(raw), signed,
    )  # fmt: skip


def opening_id(raw: bytes) -> bytes:
    """What messages under it name: the first 16 bytes of its SHA-256."""
    return sha256(raw).digest()[:ID_SIZE]


def is_opening(raw: bytes) -> bool:
    """Whether these bytes say of themselves that they are an opening."""
    try:
        return cose.content_type(raw) == OPENING.content_type
    except QcotError:
        return False


def _values(payload: bytes, count: int, problem: Problem) -> list[Any]:
    """What follows the version in a map of the keys 1 to ``count``."""
    found = cbor.decode(payload)
    if not isinstance(found, dict) or list(found) != list(range(1, count + 1)):
        _refuse(problem, f"payload must be a map of the keys 1 to {count}")
    version, *values = found.values()
    if version != VERSION:
        _refuse(problem, f"version {str(version)[:40]}, this program knows {VERSION}")
    return values


def _require_names(problem: Problem, *names: Any) -> None:
    if any(not isinstance(name, str) or not cose.NAME.fullmatch(name) for name in names):
        _refuse(problem, "a name is not 1 to 64 characters of A-Z a-z 0-9 _ -")


def _level(named: Any) -> Level:
    level = LEVELS.get(named) if isinstance(named, str) else None
    if level is None:
        raise QcotError(LEVEL, f"level {str(named)[:64]!r} is none that this program knows")
    return level


def _is_key_id(value: Any, level: Level) -> bool:
    return isinstance(value, bytes) and len(value) == ID_SIZE if level.qkd else value is None


def _is_uint(value: Any) -> TypeGuard[int]:
    return type(value) is int and 0 <= value < 1 << EPOCH_BITS


def _refuse(problem: Problem, reason: str) -> NoReturn:
    raise QcotError(problem, reason)

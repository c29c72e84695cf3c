"""A sealed message: COSE_Encrypt0 (RFC 9052 section 5.2), AES-256-GCM, as docs/channel.md has it. Pure functions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NoReturn

from cbor2 import CBORTag
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from qcot.channel.handshake import ID_SIZE
from qcot.channel.problems import BAD_MESSAGE, FORGED
from qcot.channel.secret import IV_SIZE, LABEL, EpochKey
from qcot.crypto import cbor
from qcot.errors import QcotError

ENCRYPT0_TAG = 16
FIRST_BYTE = 0xC0 | ENCRYPT0_TAG
"""Of every sealed message; an opening or a transaction begins with 0xD2."""
ALG, KID, PARTIAL_IV = 1, 4, 6
A256GCM = 3
COUNTER_SIZE = 4
TAG_SIZE = 16
_MAX_HEADER = 64
_UNPROTECTED_EMPTY: dict[Any, Any] = {}


@dataclass(frozen=True, slots=True)
class Sealed:
    """A sealed message taken apart, not yet opened; ``opening`` is the id of the one that began its epoch."""

    opening: bytes
    counter: int
    protected: bytes
    ciphertext: bytes


def is_sealed(payload: bytes) -> bool:
    """Whether these bytes begin as a sealed message does."""
    return payload[:1] == bytes([FIRST_BYTE])


def seal(key: EpochKey, plaintext: bytes, *, opening: bytes, counter: int, topic: str) -> bytes:
    """Seal ``plaintext`` for ``topic``. Under one key no counter (below 2^32) may come twice."""
    partial_iv = counter.to_bytes(COUNTER_SIZE, "big")
    protected = cbor.encode({ALG: A256GCM, KID: opening, PARTIAL_IV: partial_iv})
    sealed = AESGCM(key.key).encrypt(_nonce(key, counter), plaintext, _aad(protected, topic, counter))
    return cbor.encode(CBORTag(ENCRYPT0_TAG, [protected, _UNPROTECTED_EMPTY, sealed]))


def parse(payload: bytes) -> Sealed:
    """Take a message apart; raises `bad-cbor` or `channel-bad-message`."""
    tagged = cbor.decode(payload, tags=(ENCRYPT0_TAG,))
    if not isinstance(tagged, CBORTag):
        _refuse("not a tagged COSE_Encrypt0")
    match tagged.value:
        case [bytes(protected), dict(unprotected), bytes(ciphertext)] if not unprotected:
            pass
        case _:
            _refuse("not an array of protected header, empty map and ciphertext")
    if len(ciphertext) < TAG_SIZE:
        _refuse(f"ciphertext of {len(ciphertext)} bytes")
    opening, counter = _header(cbor.decode(protected, max_bytes=_MAX_HEADER))
    return Sealed(opening, counter, protected, ciphertext)


def open_(key: EpochKey, sealed: Sealed, topic: str) -> bytes:
    """What was sealed under ``key`` for ``topic``; raises `channel-forged`."""
    aad = _aad(sealed.protected, topic, sealed.counter)
    try:
        return AESGCM(key.key).decrypt(_nonce(key, sealed.counter), sealed.ciphertext, aad)
    except InvalidTag as error:
        raise QcotError(
            FORGED, f"message {sealed.counter} of epoch {sealed.opening.hex()} was not sealed for {topic}"
        ) from error


def _header(header: Any) -> tuple[bytes, int]:
    if not isinstance(header, dict) or set(header) != {ALG, KID, PARTIAL_IV}:
        _refuse("protected header must have the labels 1, 4 and 6 and no other")
    kid, partial_iv = header[KID], header[PARTIAL_IV]
    if header[ALG] != A256GCM:
        _refuse(f"algorithm {str(header[ALG])[:64]}, wanted is {A256GCM}")
    if not isinstance(kid, bytes) or len(kid) != ID_SIZE:
        _refuse(f"key id must be {ID_SIZE} bytes")
    if not isinstance(partial_iv, bytes) or len(partial_iv) != COUNTER_SIZE:
        _refuse(f"partial IV must be {COUNTER_SIZE} bytes")
    return kid, int.from_bytes(partial_iv, "big")


def _nonce(key: EpochKey, counter: int) -> bytes:
    """Context IV and partial IV (RFC 9052 section 3.1): the latter padded on the left, both combined by XOR."""
    return bytes(a ^ b for a, b in zip(key.iv, counter.to_bytes(IV_SIZE, "big"), strict=True))


def _aad(protected: bytes, topic: str, counter: int) -> bytes:
    """Enc_structure of RFC 9052 section 5.3 with topic and counter as external AAD."""
    external = cbor.encode([LABEL.decode(), topic, counter])
    return cbor.encode(["Encrypt0", protected, external])


def _refuse(reason: str) -> NoReturn:
    raise QcotError(BAD_MESSAGE, reason)

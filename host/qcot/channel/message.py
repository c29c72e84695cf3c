"""A sealed message: COSE_Encrypt0 (RFC 9052 section 5.2), AES-256-GCM, as docs/channel.md has it. Pure functions.

Deterministic CBOR leaves it one form but for id, counter and ciphertext. So it is read by comparing with that form:
what anybody on the broker may send meets no decoder, and a transaction costs the gateway some microseconds less.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from qcot.channel.handshake import ID_SIZE
from qcot.channel.problems import BAD_MESSAGE, FORGED
from qcot.channel.secret import IV_SIZE, LABEL, EpochKey
from qcot.crypto import cbor
from qcot.errors import QcotError

FIRST_BYTE = 0xD0
"""Of every sealed message (tag 16); an opening or a transaction begins with 0xD2."""
COUNTER_SIZE = 4
TAG_SIZE = 16
_ARRAY = b"\xd0\x83\x58\x1b"  # tag 16, an array of 3: a string of 27 bytes, ...
_ALG_KID = b"\xa3\x01\x03\x04\x50"  # ... which is a map of 3: 1 (alg) is 3 (A256GCM), 4 (kid) is 16 bytes,
_PARTIAL_IV = b"\x06\x44"  # 6 (partial IV) is 4 bytes; ...
_HEAD_SIZES = (1, 2, 3, 5)
_UNPROTECTED = b"\xa0"  # ... an empty map, and the ciphertext as a string
_ID_AT = len(_ARRAY + _ALG_KID)
_COUNTER_AT = _ID_AT + ID_SIZE + len(_PARTIAL_IV)
_PROTECTED_END = _COUNTER_AT + COUNTER_SIZE
_CIPHERTEXT_AT = _PROTECTED_END + len(_UNPROTECTED)


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
    protected = _ALG_KID + opening + _PARTIAL_IV + counter.to_bytes(COUNTER_SIZE, "big")
    sealed = AESGCM(key.key).encrypt(_nonce(key, counter), plaintext, _aad(protected, topic, counter))
    return _ARRAY + protected + _UNPROTECTED + _string_head(len(sealed)) + sealed


def parse(payload: bytes) -> Sealed:
    """Take a message apart; raises `channel-bad-message`."""
    if (
        payload[:_ID_AT] != _ARRAY + _ALG_KID
        or payload[_ID_AT + ID_SIZE : _COUNTER_AT] != _PARTIAL_IV
        or payload[_PROTECTED_END:_CIPHERTEXT_AT] != _UNPROTECTED
    ):
        _refuse("not alg, kid and partial IV of the one form that they have")
    for size in _HEAD_SIZES:
        length = len(payload) - _CIPHERTEXT_AT - size
        if length >= TAG_SIZE and payload[_CIPHERTEXT_AT : _CIPHERTEXT_AT + size] == _string_head(length):
            return Sealed(
                payload[_ID_AT : _ID_AT + ID_SIZE],
                int.from_bytes(payload[_COUNTER_AT:_PROTECTED_END], "big"),
                payload[len(_ARRAY) : _PROTECTED_END],
                payload[_CIPHERTEXT_AT + size :],
            )
    _refuse(f"no ciphertext of {TAG_SIZE} bytes or more up to the end")


def open_(key: EpochKey, sealed: Sealed, topic: str) -> bytes:
    """What was sealed under ``key`` for ``topic``; raises `channel-forged`."""
    aad = _aad(sealed.protected, topic, sealed.counter)
    try:
        return AESGCM(key.key).decrypt(_nonce(key, sealed.counter), sealed.ciphertext, aad)
    except InvalidTag as error:
        raise QcotError(
            FORGED, f"message {sealed.counter} of epoch {sealed.opening.hex()} was not sealed for {topic}"
        ) from error


def _string_head(length: int) -> bytes:
    """The shortest head of a byte string (RFC 8949 section 3)."""
    if length < 24:
        return bytes([0x40 + length])
    if length < 1 << 8:
        return bytes([0x58, length])
    if length < 1 << 16:
        return b"\x59" + length.to_bytes(2, "big")
    return b"\x5a" + length.to_bytes(4, "big")


def _nonce(key: EpochKey, counter: int) -> bytes:
    """Context IV and partial IV (RFC 9052 section 3.1): the latter padded on the left, both combined by XOR."""
    return (int.from_bytes(key.iv, "big") ^ counter).to_bytes(IV_SIZE, "big")


def _aad(protected: bytes, topic: str, counter: int) -> bytes:
    """Enc_structure of RFC 9052 section 5.3 with topic and counter as external AAD."""
    external = cbor.encode([LABEL.decode(), topic, counter])
    return cbor.encode(["Encrypt0", protected, external])


def _refuse(reason: str) -> NoReturn:
    raise QcotError(BAD_MESSAGE, reason)

"""Bytes sealed to one public key: HPKE (RFC 9180, base mode) with ML-KEM, HKDF-SHA384 and AES-256-GCM.

The KEMs are ML-KEM-768 and ML-KEM-1024 as draft-ietf-hpke-pq numbers them.

Sealed bytes are ``enc || ciphertext``. They say nothing of who sealed them: what has to be told apart is signed.
"""

from __future__ import annotations

from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric import mlkem

from qcot.crypto.kem import ML_KEM_768, ML_KEM_1024, Kem, KemKey, KemPublicKey
from qcot.crypto.problems import ALGORITHM_UNKNOWN, BAD_KEY, SEALED_FOR_ANOTHER
from qcot.errors import QcotError

_TAG = 16
_SUITES: dict[str, tuple[hpke.Suite, Any, Any]] = {
    kem.name: (hpke.Suite(number, hpke.KDF.HKDF_SHA384, hpke.AEAD.AES_256_GCM), private, public)
    for kem, number, private, public in (
        (ML_KEM_768, hpke.KEM.MLKEM768, mlkem.MLKEM768PrivateKey, mlkem.MLKEM768PublicKey),
        (ML_KEM_1024, hpke.KEM.MLKEM1024, mlkem.MLKEM1024PrivateKey, mlkem.MLKEM1024PublicKey),
    )
}


def overhead(kem: Kem) -> int:
    """Return how many bytes sealing adds."""
    return kem.ciphertext_size + _TAG


def seal(public: KemPublicKey, plaintext: bytes, info: bytes) -> bytes:
    """Seal ``plaintext`` for the holder of ``public``; ``info`` names the use and must be given again to open."""
    suite, _, key = _suite(public.kem)
    try:
        sealed: bytes = suite.encrypt(plaintext, key.from_public_bytes(public.raw), info)
    except ValueError as error:
        raise QcotError(BAD_KEY, f"these bytes are no {public.kem.name} public key") from error
    return sealed


def open_(key: KemKey, sealed: bytes, info: bytes) -> bytes:
    """Open what :func:`seal` made; raises `sealed-for-another` for another key, another ``info`` or altered bytes."""
    suite, private, _ = _suite(key.kem)
    try:
        plaintext: bytes = suite.decrypt(sealed, private.from_seed_bytes(key.secret), info)
    except InvalidTag as error:
        raise QcotError(
            SEALED_FOR_ANOTHER, f"does not open with key {key.public_key.kid.hex()} for this use"
        ) from error
    return plaintext


def _suite(kem: Kem) -> tuple[hpke.Suite, Any, Any]:
    try:
        return _SUITES[kem.name]
    except KeyError:
        raise QcotError(
            ALGORITHM_UNKNOWN, f"nothing is sealed with {kem.name}, only with {', '.join(_SUITES)}"
        ) from None

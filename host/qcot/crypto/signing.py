"""ML-DSA keys (FIPS 204), seeds as private keys, raw bytes as public keys."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import mldsa

from qcot.crypto.problems import BAD_KEY, BAD_SIGNATURE
from qcot.errors import QcotError

SEED_SIZE = 32
KID_SIZE = 16


@dataclass(frozen=True)
class Algorithm:
    """A signature algorithm; ``cose`` is its COSE identifier (RFC 9964), sizes are in bytes (FIPS 204 table 2)."""

    name: str
    cose: int
    public_key_size: int
    signature_size: int
    from_seed: Callable[[bytes], Any]
    from_public: Callable[[bytes], Any]


ML_DSA_44 = Algorithm(
    "ML-DSA-44", -48, 1312, 2420,
    mldsa.MLDSA44PrivateKey.from_seed_bytes, mldsa.MLDSA44PublicKey.from_public_bytes,
)  # fmt: skip
ML_DSA_65 = Algorithm(
    "ML-DSA-65", -49, 1952, 3309,
    mldsa.MLDSA65PrivateKey.from_seed_bytes, mldsa.MLDSA65PublicKey.from_public_bytes,
)  # fmt: skip
ML_DSA_87 = Algorithm(
    "ML-DSA-87", -50, 2592, 4627,
    mldsa.MLDSA87PrivateKey.from_seed_bytes, mldsa.MLDSA87PublicKey.from_public_bytes,
)  # fmt: skip
ALGORITHMS = {a.name: a for a in (ML_DSA_44, ML_DSA_65, ML_DSA_87)}


@dataclass(frozen=True)
class PublicKey:
    """``raw`` is the encoded public key of FIPS 204; a wrong length raises `bad-key`."""

    algorithm: Algorithm
    raw: bytes

    def __post_init__(self) -> None:
        """Refuse a key of the wrong length before anything is verified with it."""
        if len(self.raw) != self.algorithm.public_key_size:
            wanted = f"{self.algorithm.name} takes {self.algorithm.public_key_size}"
            raise QcotError(BAD_KEY, f"public key of {len(self.raw)} bytes, {wanted}")

    @cached_property
    def kid(self) -> bytes:
        """First 16 bytes of SHA-256 of the raw key: the COSE key id."""
        return hashlib.sha256(self.raw).digest()[:KID_SIZE]

    @cached_property
    def _key(self) -> Any:
        return self.algorithm.from_public(self.raw)

    def verify(self, signature: bytes, message: bytes, context: bytes = b"") -> None:
        """Return if ``signature`` holds over ``message``, else raise QcotError `bad-signature`."""
        try:
            self._key.verify(signature, message, context)
        except (InvalidSignature, ValueError) as error:
            raise QcotError(
                BAD_SIGNATURE, f"{self.algorithm.name} does not verify under key {self.kid.hex()}"
            ) from error


class SigningKey:
    """A private key, kept as its 32-byte seed. Signing is hedged: no two signatures are equal."""

    def __init__(self, algorithm: Algorithm, seed: bytes) -> None:
        if len(seed) != SEED_SIZE:
            raise QcotError(BAD_KEY, f"seed of {len(seed)} bytes, {SEED_SIZE} are needed")
        self.algorithm = algorithm
        self._key = algorithm.from_seed(seed)
        self.public_key = PublicKey(algorithm, self._key.public_key().public_bytes_raw())

    def sign(self, message: bytes, context: bytes = b"") -> bytes:
        """Sign ``message``; ``context`` is the FIPS 204 context string of at most 255 bytes."""
        signature: bytes = self._key.sign(message, context)
        return signature

    def __repr__(self) -> str:
        """Never the seed."""
        return f"SigningKey({self.algorithm.name}, kid={self.public_key.kid.hex()})"

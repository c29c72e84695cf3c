"""Key encapsulation as a table of records, and keys of any of them as raw bytes (docs/algorithms.md).

A ciphertext that was altered is not refused: ML-KEM, HQC and Classic McEliece then return a secret that nobody else
has (implicit rejection), and what was sealed with the right one does not open.
"""

from __future__ import annotations

import hashlib
import importlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

from cryptography.hazmat.primitives.asymmetric import mlkem

from qcot.crypto.problems import BAD_CIPHERTEXT, BAD_KEY
from qcot.crypto.refused import refuse
from qcot.crypto.signing import KID_SIZE
from qcot.errors import QcotError

_ML_KEM_SEED = 64  # d and z of FIPS 203 algorithm 16


class KemBackend(Protocol):
    """What one library does for one KEM; a ValueError says that the bytes of a key are none."""

    def generate(self) -> bytes:
        """Draw a new secret."""
        ...

    def opener(self, secret: bytes) -> tuple[bytes, Callable[[bytes], bytes]]:
        """Return the public key of ``secret`` and what turns ciphertexts into shared secrets with it."""
        ...

    def encapsulate(self, public: bytes) -> tuple[bytes, bytes]:
        """Return a new shared secret and its ciphertext."""
        ...


@dataclass(frozen=True)
class _Pyca:
    """cryptography (OpenSSL): the secret is the 64-byte seed of FIPS 203."""

    private_key: Any
    public_key: Any

    def generate(self) -> bytes:
        return secrets.token_bytes(_ML_KEM_SEED)

    def opener(self, secret: bytes) -> tuple[bytes, Callable[[bytes], bytes]]:
        key = self.private_key.from_seed_bytes(secret)
        return key.public_key().public_bytes_raw(), key.decapsulate

    def encapsulate(self, public: bytes) -> tuple[bytes, bytes]:
        shared, ciphertext = self.public_key.from_public_bytes(public).encapsulate()
        return shared, ciphertext


@dataclass(frozen=True)
class _Pqcrypto:
    """pqcrypto: the secret is the secret key of the specification, with the public key behind it if not in it."""

    module: str
    size: int  # of the library's secret key
    at: int  # where the public key begins
    length: int

    def generate(self) -> bytes:
        public, secret = self._library.keygen()
        return bytes(secret) + (bytes(public) if self.at == self.size else b"")

    def opener(self, secret: bytes) -> tuple[bytes, Callable[[bytes], bytes]]:
        library, key = self._library, secret[: self.size]
        return secret[self.at : self.at + self.length], lambda ciphertext: bytes(library.decaps(key, ciphertext))

    def encapsulate(self, public: bytes) -> tuple[bytes, bytes]:
        ciphertext, shared = self._library.encaps(public)
        return bytes(shared), bytes(ciphertext)

    @property
    def _library(self) -> Any:
        importlib.import_module("pqcrypto.kem")
        return importlib.import_module(f"pqcrypto.kem.{self.module}")


@dataclass(frozen=True)
class Kem:
    """A key encapsulation mechanism; two are the same where their names are. Sizes are in bytes, as in a key file."""

    name: str
    family: str = field(compare=False)
    standard: str = field(compare=False)
    category: int = field(compare=False)
    public_key_size: int = field(compare=False)
    secret_size: int = field(compare=False)
    ciphertext_size: int = field(compare=False)
    provider: str = field(compare=False)
    backend: KemBackend = field(compare=False, repr=False)
    status: str = field(default="standard", compare=False)


# FIPS 203 table 3. cryptography has no ML-KEM-512; dk of pqcrypto's holds ek after the 768 bytes of dk_PKE.
ML_KEM_512 = Kem(
    "ML-KEM-512", "ML-KEM", "FIPS 203", 1, 800, 1632, 768, "pqcrypto", _Pqcrypto("ml_kem_512", 1632, 768, 800)
)
ML_KEM_768 = Kem(
    "ML-KEM-768", "ML-KEM", "FIPS 203", 3, 1184, _ML_KEM_SEED, 1088, "cryptography",
    _Pyca(mlkem.MLKEM768PrivateKey, mlkem.MLKEM768PublicKey),
)  # fmt: skip
ML_KEM_1024 = Kem(
    "ML-KEM-1024", "ML-KEM", "FIPS 203", 5, 1568, _ML_KEM_SEED, 1568, "cryptography",
    _Pyca(mlkem.MLKEM1024PrivateKey, mlkem.MLKEM1024PublicKey),
)  # fmt: skip


def _hqc(number: int, category: int, public: int, secret: int, ciphertext: int) -> Kem:
    """HQC as of 2025: a secret key begins with the public one."""
    return Kem(
        f"HQC-{number}", "HQC", "selected by NIST in 2025 (FIPS 207 to come)", category, public, secret, ciphertext,
        "pqcrypto", _Pqcrypto(f"hqc_{number}", secret, 0, public), "pre-standard",
    )  # fmt: skip


HQC_128 = _hqc(128, 1, 2241, 2321, 4433)
HQC_192 = _hqc(192, 3, 4514, 4602, 8978)
HQC_256 = _hqc(256, 5, 7237, 7333, 14421)


def _mceliece(number: str, category: int, public: int, secret: int, ciphertext: int) -> Kem:
    """Classic McEliece, round 4: the public key cannot be cut out of the secret one and is kept behind it."""
    return Kem(
        f"Classic-McEliece-{number}", "Classic McEliece", "round 4, not a NIST standard", category, public,
        secret + public, ciphertext, "pqcrypto", _Pqcrypto(f"mceliece_{number}", secret, secret, public),
        "pre-standard",
    )  # fmt: skip


CLASSIC_MCELIECE_348864 = _mceliece("348864", 1, 261120, 6492, 96)
CLASSIC_MCELIECE_348864F = _mceliece("348864f", 1, 261120, 6492, 96)
CLASSIC_MCELIECE_460896 = _mceliece("460896", 3, 524160, 13608, 156)
CLASSIC_MCELIECE_460896F = _mceliece("460896f", 3, 524160, 13608, 156)
CLASSIC_MCELIECE_6688128 = _mceliece("6688128", 5, 1044992, 13932, 208)
CLASSIC_MCELIECE_6688128F = _mceliece("6688128f", 5, 1044992, 13932, 208)
CLASSIC_MCELIECE_6960119 = _mceliece("6960119", 5, 1047319, 13948, 194)
CLASSIC_MCELIECE_6960119F = _mceliece("6960119f", 5, 1047319, 13948, 194)
CLASSIC_MCELIECE_8192128 = _mceliece("8192128", 5, 1357824, 14120, 208)
CLASSIC_MCELIECE_8192128F = _mceliece("8192128f", 5, 1357824, 14120, 208)

KEMS = {
    kem.name: kem
    for kem in (
        ML_KEM_512, ML_KEM_768, ML_KEM_1024, HQC_128, HQC_192, HQC_256,
        CLASSIC_MCELIECE_348864, CLASSIC_MCELIECE_348864F, CLASSIC_MCELIECE_460896, CLASSIC_MCELIECE_460896F,
        CLASSIC_MCELIECE_6688128, CLASSIC_MCELIECE_6688128F, CLASSIC_MCELIECE_6960119, CLASSIC_MCELIECE_6960119F,
        CLASSIC_MCELIECE_8192128, CLASSIC_MCELIECE_8192128F,
    )
}  # fmt: skip


def named(name: str) -> Kem:
    """Return the KEM called ``name``; raises `algorithm-refused` with the reason, or `algorithm-unknown`."""
    try:
        return KEMS[name]
    except KeyError:
        raise refuse(name, "key encapsulation") from None


@dataclass(frozen=True)
class KemPublicKey:
    """``raw`` is the public key as the KEM's specification encodes it; a wrong length raises `bad-key`."""

    kem: Kem
    raw: bytes

    def __post_init__(self) -> None:
        """Refuse a key of the wrong length."""
        if len(self.raw) != self.kem.public_key_size:
            raise QcotError(
                BAD_KEY, f"public key of {len(self.raw)} bytes, {self.kem.name} takes {self.kem.public_key_size}"
            )

    @cached_property
    def kid(self) -> bytes:
        """First 16 bytes of SHA-256 of the raw key."""
        return hashlib.sha256(self.raw).digest()[:KID_SIZE]

    def encapsulate(self) -> tuple[bytes, bytes]:
        """Return a new shared secret of 32 bytes and its ciphertext; raises `bad-key` where the bytes are no key."""
        try:
            return self.kem.backend.encapsulate(self.raw)
        except ValueError as error:
            raise QcotError(BAD_KEY, f"these bytes are no {self.kem.name} public key") from error


class KemKey:
    """A decapsulation key, kept as the ``secret`` that its key file holds."""

    def __init__(self, kem: Kem, secret: bytes) -> None:
        if len(secret) != kem.secret_size:
            raise QcotError(BAD_KEY, f"secret of {len(secret)} bytes, {kem.name} takes {kem.secret_size}")
        self.kem = kem
        self.secret = secret
        public, self._decapsulate = kem.backend.opener(secret)
        self.public_key = KemPublicKey(kem, public)

    @classmethod
    def generate(cls, kem: Kem) -> KemKey:
        """Draw a new key."""
        return cls(kem, kem.backend.generate())

    def decapsulate(self, ciphertext: bytes) -> bytes:
        """Return the shared secret of ``ciphertext``; raises `bad-ciphertext` for one of the wrong length."""
        if len(ciphertext) != self.kem.ciphertext_size:
            raise QcotError(
                BAD_CIPHERTEXT,
                f"ciphertext of {len(ciphertext)} bytes, {self.kem.name} has {self.kem.ciphertext_size}",
            )
        try:
            return self._decapsulate(ciphertext)
        except ValueError as error:
            raise QcotError(BAD_KEY, f"this secret is no {self.kem.name} key") from error

    def __repr__(self) -> str:
        """Never the secret."""
        return f"KemKey({self.kem.name}, kid={self.public_key.kid.hex()})"

"""Signature algorithms as a table of records, and keys of any of them as raw bytes (docs/algorithms.md)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property

from cryptography.hazmat.primitives.asymmetric import mldsa

from qcot.crypto.backends import Backend, Pqcrypto, Pyca, Verify
from qcot.crypto.problems import ALGORITHM_UNKNOWN, BAD_KEY, BAD_SIGNATURE
from qcot.errors import QcotError

SEED_SIZE = 32
KID_SIZE = 16
MAX_CONTEXT = 255


@dataclass(frozen=True)
class Algorithm:
    """A signature algorithm; two are the same where their names are.

    ``cose`` is the identifier of the IANA registry, or a private one (-65600 and below). Sizes are in bytes:
    ``secret_size`` of what a key file holds, ``signature_size`` of the longest signature.
    """

    name: str
    family: str = field(compare=False)
    standard: str = field(compare=False)
    category: int = field(compare=False)
    cose: int = field(compare=False)
    public_key_size: int = field(compare=False)
    secret_size: int = field(compare=False)
    signature_size: int = field(compare=False)
    provider: str = field(compare=False)
    backend: Backend = field(compare=False, repr=False)
    status: str = field(default="standard", compare=False)


# FIPS 204 table 2; identifiers of RFC 9964.
ML_DSA_44 = Algorithm(
    "ML-DSA-44", "ML-DSA", "FIPS 204", 2, -48, 1312, SEED_SIZE, 2420, "cryptography",
    Pyca(mldsa.MLDSA44PrivateKey, mldsa.MLDSA44PublicKey),
)  # fmt: skip
ML_DSA_65 = Algorithm(
    "ML-DSA-65", "ML-DSA", "FIPS 204", 3, -49, 1952, SEED_SIZE, 3309, "cryptography",
    Pyca(mldsa.MLDSA65PrivateKey, mldsa.MLDSA65PublicKey),
)  # fmt: skip
ML_DSA_87 = Algorithm(
    "ML-DSA-87", "ML-DSA", "FIPS 204", 5, -50, 2592, SEED_SIZE, 4627, "cryptography",
    Pyca(mldsa.MLDSA87PrivateKey, mldsa.MLDSA87PublicKey),
)  # fmt: skip


def _slh_dsa(position: int, hash_name: str, size: str, n: int, signature: int) -> Algorithm:
    """FIPS 205 table 2. Not in the COSE registry yet (draft-ietf-cose-sphincs-plus), so the identifiers are private."""
    name = f"SLH-DSA-{hash_name}-{size}"
    return Algorithm(
        name, "SLH-DSA", "FIPS 205", {16: 1, 24: 3, 32: 5}[n], -65600 - position, 2 * n, 4 * n, signature, "pqcrypto",
        Pqcrypto(name.lower().replace("-", "_"), 2 * n),
    )  # fmt: skip


SLH_DSA_SHA2_128S = _slh_dsa(0, "SHA2", "128s", 16, 7856)
SLH_DSA_SHA2_128F = _slh_dsa(1, "SHA2", "128f", 16, 17088)
SLH_DSA_SHA2_192S = _slh_dsa(2, "SHA2", "192s", 24, 16224)
SLH_DSA_SHA2_192F = _slh_dsa(3, "SHA2", "192f", 24, 35664)
SLH_DSA_SHA2_256S = _slh_dsa(4, "SHA2", "256s", 32, 29792)
SLH_DSA_SHA2_256F = _slh_dsa(5, "SHA2", "256f", 32, 49856)
SLH_DSA_SHAKE_128S = _slh_dsa(6, "SHAKE", "128s", 16, 7856)
SLH_DSA_SHAKE_128F = _slh_dsa(7, "SHAKE", "128f", 16, 17088)
SLH_DSA_SHAKE_192S = _slh_dsa(8, "SHAKE", "192s", 24, 16224)
SLH_DSA_SHAKE_192F = _slh_dsa(9, "SHAKE", "192f", 24, 35664)
SLH_DSA_SHAKE_256S = _slh_dsa(10, "SHAKE", "256s", 32, 29792)
SLH_DSA_SHAKE_256F = _slh_dsa(11, "SHAKE", "256f", 32, 49856)

ALGORITHMS = {
    algorithm.name: algorithm
    for algorithm in (
        ML_DSA_44, ML_DSA_65, ML_DSA_87,
        SLH_DSA_SHA2_128S, SLH_DSA_SHA2_128F, SLH_DSA_SHA2_192S, SLH_DSA_SHA2_192F, SLH_DSA_SHA2_256S,
        SLH_DSA_SHA2_256F, SLH_DSA_SHAKE_128S, SLH_DSA_SHAKE_128F, SLH_DSA_SHAKE_192S, SLH_DSA_SHAKE_192F,
        SLH_DSA_SHAKE_256S, SLH_DSA_SHAKE_256F,
    )
}  # fmt: skip


def named(name: str) -> Algorithm:
    """Return the algorithm called ``name``; raises `algorithm-unknown`."""
    try:
        return ALGORITHMS[name]
    except KeyError:
        raise QcotError(ALGORITHM_UNKNOWN, f"no signature algorithm is called {name[:64]!r}") from None


@dataclass(frozen=True)
class PublicKey:
    """``raw`` is the public key as the algorithm's standard encodes it; a wrong length raises `bad-key`."""

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
    def _verify(self) -> Verify:
        return self.algorithm.backend.verifier(self.raw)

    def verify(self, signature: bytes, message: bytes, context: bytes = b"") -> None:
        """Return if ``signature`` holds over ``message``, else raise QcotError `bad-signature`."""
        if not self._verify(signature, message, context):
            raise QcotError(BAD_SIGNATURE, f"{self.algorithm.name} does not verify under key {self.kid.hex()}")


class SigningKey:
    """A private key, kept as the ``secret`` that its key file holds. Signing is hedged: no two signatures are equal."""

    def __init__(self, algorithm: Algorithm, secret: bytes) -> None:
        if len(secret) != algorithm.secret_size:
            wanted = f"{algorithm.name} takes {algorithm.secret_size}"
            raise QcotError(BAD_KEY, f"secret of {len(secret)} bytes, {wanted}")
        self.algorithm = algorithm
        self.secret = secret
        public, self._sign = algorithm.backend.signer(secret)
        self.public_key = PublicKey(algorithm, public)

    @classmethod
    def generate(cls, algorithm: Algorithm) -> SigningKey:
        """Draw a new key; its ``secret`` is what keyfile.create() takes."""
        return cls(algorithm, algorithm.backend.generate())

    def sign(self, message: bytes, context: bytes = b"") -> bytes:
        """Sign ``message``; ``context`` is a context string of at most 255 bytes (FIPS 204), else ValueError."""
        if len(context) > MAX_CONTEXT:
            raise ValueError(f"context of {len(context)} bytes, at most {MAX_CONTEXT}")
        return self._sign(message, context)

    def __repr__(self) -> str:
        """Never the secret."""
        return f"SigningKey({self.algorithm.name}, kid={self.public_key.kid.hex()})"

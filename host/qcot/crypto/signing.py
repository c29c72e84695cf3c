"""Signature algorithms as a table of records, and keys of any of them as raw bytes (docs/algorithms.md)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property

from cryptography.hazmat.primitives.asymmetric import mldsa

from qcot.crypto.backends import Backend, Pqc, Pqcrypto, Pyca, Verify
from qcot.crypto.lms import PARAMETERS, Lms
from qcot.crypto.problems import ALGORITHM_VERIFY_ONLY, BAD_KEY, BAD_SIGNATURE
from qcot.crypto.refused import refuse
from qcot.errors import QcotError

SEED_SIZE = 32
KID_SIZE = 16
MAX_CONTEXT = 255


@dataclass(frozen=True)
class Algorithm:
    """A signature algorithm; two are the same where their names are.

    ``cose`` is the identifier of the IANA registry, or a private one (-65600 and below). Sizes are in bytes:
    ``secret_size`` of what a key file holds, 0 where there is no signing. ``varied`` says that signatures may be
    shorter, ``varied_keys`` that public keys may and say of which parameters they are, ``contexts`` that there are
    context strings.
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
    varied: bool = field(default=False, compare=False)
    varied_keys: bool = field(default=False, compare=False)
    contexts: bool = field(default=True, compare=False)

    def fits(self, signature: bytes) -> bool:
        """Whether a signature may have this length."""
        return len(signature) == self.signature_size or (self.varied and len(signature) < self.signature_size)


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

# RFC 8778 registers HSS-LMS (-46), several trees under one another; this is one tree, as a board can have.
# Category 3 with hashes of 24 bytes, 5 with 32.
LMS = Algorithm(
    "LMS", "LMS", "SP 800-208", 3, -65612, max(each.public_key_size for each in PARAMETERS.values()), 0,
    max(each.signature_size for each in PARAMETERS.values()), "pyhsslms", Lms(),
    varied=True, varied_keys=True, contexts=False,
)  # fmt: skip


def _falcon(number: int, category: int, public: int, secret: int, signature: int) -> Algorithm:
    """Round 3, sizes of its specification's table 3.3; FN-DSA (FIPS 206) is not out and will sign other bytes."""
    return Algorithm(
        f"Falcon-{number}", "Falcon", "round 3, FIPS 206 to come", category, -65613 - number // 1024, public,
        secret + public, signature, "pqc", Pqc(f"falcon_{number}", secret), "pre-standard", varied=True, contexts=False,
    )  # fmt: skip


FALCON_512 = _falcon(512, 1, 897, 1281, 666)
FALCON_1024 = _falcon(1024, 5, 1793, 2305, 1280)

ALGORITHMS = {
    algorithm.name: algorithm
    for algorithm in (
        ML_DSA_44, ML_DSA_65, ML_DSA_87,
        SLH_DSA_SHA2_128S, SLH_DSA_SHA2_128F, SLH_DSA_SHA2_192S, SLH_DSA_SHA2_192F, SLH_DSA_SHA2_256S,
        SLH_DSA_SHA2_256F, SLH_DSA_SHAKE_128S, SLH_DSA_SHAKE_128F, SLH_DSA_SHAKE_192S, SLH_DSA_SHAKE_192F,
        SLH_DSA_SHAKE_256S, SLH_DSA_SHAKE_256F, LMS, FALCON_512, FALCON_1024,
    )
}  # fmt: skip


def named(name: str) -> Algorithm:
    """Return the algorithm called ``name``; raises `algorithm-refused` with the reason, or `algorithm-unknown`."""
    try:
        return ALGORITHMS[name]
    except KeyError:
        raise refuse(name, "signature algorithm") from None


@dataclass(frozen=True)
class PublicKey:
    """``raw`` is the public key as the algorithm's standard encodes it; a wrong length raises `bad-key`."""

    algorithm: Algorithm
    raw: bytes

    def __post_init__(self) -> None:
        """Refuse what cannot be a key before anything is verified with it."""
        size, varied = self.algorithm.public_key_size, self.algorithm.varied_keys
        if len(self.raw) != size and not (varied and len(self.raw) < size):
            raise QcotError(BAD_KEY, f"public key of {len(self.raw)} bytes, {self.algorithm.name} takes {size}")
        if varied:
            try:
                self.algorithm.backend.verifier(self.raw)
            except ValueError as error:
                raise QcotError(BAD_KEY, f"no {self.algorithm.name} public key: {error}") from error

    @cached_property
    def kid(self) -> bytes:
        """First 16 bytes of SHA-256 of the raw key: the COSE key id."""
        return hashlib.sha256(self.raw).digest()[:KID_SIZE]

    @cached_property
    def _verify(self) -> Verify:
        return self.algorithm.backend.verifier(self.raw)

    def verify(self, signature: bytes, message: bytes, context: bytes = b"") -> None:
        """Return if ``signature`` holds over ``message``, else raise QcotError `bad-signature`.

        A ``context`` where the algorithm knows none is a bug of the caller: ValueError.
        """
        algorithm = self.algorithm
        if context and not algorithm.contexts:
            raise ValueError(f"{algorithm.name} has no context strings")
        if not algorithm.fits(signature) or not self._verify(signature, message, context):
            raise QcotError(BAD_SIGNATURE, f"{algorithm.name} does not verify under key {self.kid.hex()}")


class SigningKey:
    """A private key, kept as the ``secret`` that its key file holds. Signing is hedged: no two signatures are equal."""

    def __init__(self, algorithm: Algorithm, secret: bytes) -> None:
        if not algorithm.secret_size:
            raise QcotError(ALGORITHM_VERIFY_ONLY, f"{algorithm.name} is verified here and not signed")
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
        return cls(algorithm, algorithm.backend.generate() if algorithm.secret_size else b"")

    def sign(self, message: bytes, context: bytes = b"") -> bytes:
        """Sign ``message``; ``context`` is a context string of at most 255 bytes, else ValueError."""
        most = MAX_CONTEXT if self.algorithm.contexts else 0
        if len(context) > most:
            raise ValueError(f"context of {len(context)} bytes, {self.algorithm.name} takes at most {most}")
        return self._sign(message, context)

    def __repr__(self) -> str:
        """Never the secret."""
        return f"SigningKey({self.algorithm.name}, kid={self.public_key.kid.hex()})"

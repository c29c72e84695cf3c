"""The COSE_Sign1 that every statement here is: a protected header of alg, content type and kid, and no other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cbor2 import CBORTag

from qcot.crypto import cbor, cose
from qcot.crypto.problems import BAD_CBOR, BAD_COSE
from qcot.crypto.signing import Algorithm, SigningKey
from qcot.errors import QcotError

MAX_STATEMENT = 16 * 1024
"""Bytes of a statement, whatever its kind: an SLH-DSA-SHA2-128s signature and an ML-DSA-87 key fit twice."""


@dataclass(frozen=True, slots=True)
class Form:
    """A kind of statement: its content type, external AAD, and the algorithms that may sign it."""

    content_type: str
    external_aad: bytes
    algorithms: tuple[Algorithm, ...]

    def sign(self, key: SigningKey, payload: Any) -> bytes:
        """The tagged COSE_Sign1 of ``payload`` encoded; ValueError where ``key`` is of another algorithm."""
        if key.algorithm not in self.algorithms:
            raise ValueError(f"{key.algorithm.name} signs no {self.content_type}")
        return cose.sign(key, self._kind(key.algorithm), cbor.encode(payload))

    def parse(self, raw: bytes) -> tuple[cose.Sign1, Any]:
        """``raw`` taken apart, its signature not verified, and its decoded payload; raises `bad-cbor`, `bad-cose`."""
        if len(raw) > MAX_STATEMENT:
            raise QcotError(BAD_CBOR, f"{len(raw)} bytes, at most {MAX_STATEMENT} are taken")
        number = _algorithm(raw)
        for algorithm in self.algorithms:
            if algorithm.cose == number:
                signed = cose.parse(raw, self._kind(algorithm))
                return signed, cbor.decode(signed.payload)
        raise QcotError(BAD_COSE, f"algorithm {number!r} signs no {self.content_type}")

    def _kind(self, algorithm: Algorithm) -> cose.Kind:
        return cose.Kind(algorithm, self.content_type, self.external_aad, with_policy=False)


def _algorithm(raw: bytes) -> object:
    """The alg of the protected header: looked at first, since the signature's length hangs on it."""
    tagged = cbor.decode(raw, tags=(cose.SIGN1_TAG,))
    match tagged.value if isinstance(tagged, CBORTag) else None:
        case [bytes(protected), *_]:
            header = cbor.decode(protected)
            return header.get(cose.ALG) if isinstance(header, dict) else None
    raise QcotError(BAD_COSE, "not a tagged COSE_Sign1")

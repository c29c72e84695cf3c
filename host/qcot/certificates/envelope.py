"""The COSE_Sign1 that every statement here is: a protected header of alg, content type and kid, and no other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from qcot.crypto import cbor, cose
from qcot.crypto.problems import BAD_CBOR
from qcot.crypto.signing import Algorithm, SigningKey
from qcot.errors import QcotError

MAX_STATEMENT = 16 * 1024
"""Bytes of a statement, whatever its kind: an SLH-DSA-SHA2-128s signature and an ML-DSA-87 key leave room to spare."""


@dataclass(frozen=True, slots=True)
class Form:
    """A kind of statement, whose payload is CBOR."""

    kind: cose.Kind

    @classmethod
    def of(cls, content_type: str, external_aad: bytes, first: Algorithm, *others: Algorithm) -> Form:
        """That of a content type and external AAD, signed by one of these algorithms."""
        return cls(cose.Kind(first, content_type, external_aad, with_policy=False, others=others))

    def sign(self, key: SigningKey, payload: Any) -> bytes:
        """The tagged COSE_Sign1 of ``payload`` encoded; ValueError where ``key`` is of another algorithm."""
        return cose.sign(key, self.kind, cbor.encode(payload))

    def parse(self, raw: bytes) -> tuple[cose.Sign1, Any]:
        """``raw`` taken apart, its signature not verified, and its decoded payload; raises `bad-cbor`, `bad-cose`."""
        if len(raw) > MAX_STATEMENT:
            raise QcotError(BAD_CBOR, f"{len(raw)} bytes, at most {MAX_STATEMENT} are taken")
        signed = cose.parse(raw, self.kind)
        return signed, cbor.decode(signed.payload)

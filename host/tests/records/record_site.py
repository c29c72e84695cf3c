"""What the tests of records share: pseudonyms from fixed seeds, and every statement in a line."""

from __future__ import annotations

import hashlib
from typing import Any

from qcot.crypto.signing import ML_DSA_44, SigningKey
from qcot.records.rules import RecordBook
from qcot.records.statements import Access, Consent, Erase, Publish, Rotate, Withdraw, build, prove

NOW = 1_800_000_000_000
RECORD = bytes(range(16))


def key(number: int) -> SigningKey:
    return SigningKey(ML_DSA_44, bytes([number]) * 32)


OWNER, DOCTOR, OTHER, NEXT = map(key, range(1, 5))


def kem(who: SigningKey) -> bytes:
    """Stands for the SHA-256 of an ML-KEM key: the rules only compare it."""
    return hashlib.sha256(who.public_key.raw).digest()


def publish(by: SigningKey = OWNER, record: bytes = RECORD, time: int = NOW, **changed: Any) -> bytes:
    members = {"root": bytes(32), "count": 1, "digest": bytes(32), "media_type": "text/plain", "kem": kem(by)}
    return build(by, Publish(record, by.public_key, **{**members, **changed}), time)


def consent(
    to: SigningKey = DOCTOR,
    number: int = 1,
    by: SigningKey = OWNER,
    until: int | None = NOW + 1000,
    purpose: str = "treatment",
    record: bytes = RECORD,
    time: int = NOW,
) -> bytes:
    return build(by, Consent(record, number, to.public_key, kem(to), purpose, until), time)


def withdraw(to: SigningKey = DOCTOR, number: int = 2, by: SigningKey = OWNER, record: bytes = RECORD) -> bytes:
    return build(by, Withdraw(record, number, to.public_key.kid), NOW)


def access(
    by: SigningKey = DOCTOR, purpose: str = "treatment", time: int = NOW, nonce: int = 0, record: bytes = RECORD
) -> bytes:
    return build(by, Access(record, purpose, bytes([nonce]) * 16), time)


def erase(number: int = 1, by: SigningKey = OWNER, record: bytes = RECORD) -> bytes:
    return build(by, Erase(record, number), NOW)


def rotate(to: SigningKey = NEXT, by: SigningKey = OWNER, proof_by: SigningKey | None = None) -> bytes:
    proof = prove(proof_by or to, by.public_key.kid, kem(to))
    return build(by, Rotate(to.public_key, kem(to), proof), NOW)


def book(*raws: bytes, time: int = NOW) -> RecordBook:
    made = RecordBook()
    for raw in raws:
        made = made.apply(raw, time)
    return made

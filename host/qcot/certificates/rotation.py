"""Rotations: a new key takes the place of an old one. The new one signs this, the old one the transaction around it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from qcot.certificates.claims import HASH_SIZE, is_name, is_time
from qcot.certificates.envelope import Form
from qcot.certificates.problems import BAD_ROTATION, ROTATION_FORGED
from qcot.crypto import cose
from qcot.crypto.signing import KID_SIZE, ML_DSA_44, ML_DSA_65, ML_DSA_87, PublicKey, SigningKey
from qcot.errors import QcotError

CONTENT_TYPE = "application/vnd.qcot.rotation+cbor"
FORM = Form.of(CONTENT_TYPE, b"qcot/rotation/v1", ML_DSA_44, ML_DSA_65, ML_DSA_87)
VERSION = 1


@dataclass(frozen=True, slots=True)
class Rotation:
    """A parsed rotation from kid ``old`` to kid ``new``, whose ``certificate`` is named by its hash."""

    site: str
    old: bytes
    certificate: bytes
    time: int
    new: bytes
    signed: cose.Sign1
    raw: bytes
    hash: bytes

    def verify(self, key: PublicKey) -> None:
        """Raise QcotError `rotation-forged` unless the new ``key`` signed these bytes."""
        try:
            self.signed.verify(key)
        except QcotError as error:
            raise QcotError(ROTATION_FORGED, f"rotation of {self.old.hex()}: {error.reason}") from error


def build(key: SigningKey, *, site: str, old: bytes, certificate: bytes, time: int) -> bytes:
    """Sign with the new ``key``: ``old`` kid, SHA-256 of the new certificate's bytes, POSIX seconds.

    Raises QcotError `bad-rotation` for anything that :func:`parse` would refuse.
    """
    raw = FORM.sign(key, {1: VERSION, 2: site, 3: old, 4: certificate, 5: time})
    parse(raw)
    return raw


def parse(raw: bytes) -> Rotation:
    """Take a rotation apart; raises QcotError `bad-cbor`, `bad-cose` or `bad-rotation`."""
    signed, payload = FORM.parse(raw)
    match list(payload.values()) if isinstance(payload, dict) and list(payload) == [1, 2, 3, 4, 5] else None:
        case [int(version), str(site), bytes(old), bytes(certificate), int(time)] if (
            version == VERSION
            and is_name(site)
            and len(old) == KID_SIZE
            and len(certificate) == HASH_SIZE
            and is_time(time)
        ):
            return Rotation(site, old, certificate, time, signed.kid, signed, raw, hashlib.sha256(raw).digest())
    raise QcotError(BAD_ROTATION, "not version 1, site, old key id, hash of a certificate and time")

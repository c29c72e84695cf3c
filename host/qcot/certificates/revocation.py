"""Revocations: an issuer, or the root, takes a certificate back, with a reason from a table."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from qcot.certificates.certificate import FORM as CERTIFICATE_FORM
from qcot.certificates.claims import SERIAL_SIZE, is_name, is_time
from qcot.certificates.envelope import Form
from qcot.certificates.problems import BAD_REVOCATION, REVOCATION_FORGED
from qcot.crypto import cose
from qcot.crypto.signing import PublicKey, SigningKey
from qcot.errors import QcotError

CONTENT_TYPE = "application/vnd.qcot.revocation+cbor"
FORM = Form.of(CONTENT_TYPE, b"qcot/revocation/v1", *CERTIFICATE_FORM.kind.algorithms)
VERSION = 1


@dataclass(frozen=True, slots=True)
class Reason:
    """Why. ``spoils`` the key: then all its certificates fall with this one, and all that it issued."""

    name: str
    spoils: bool
    meaning: str


REASONS = {
    each.name: each
    for each in (
        Reason("key-compromise", True, "somebody else has the key, or may have it"),
        Reason("superseded", False, "another certificate has taken its place"),
        Reason("ceased", False, "the holder is no longer in use"),
        Reason("privilege-withdrawn", False, "the holder may no longer do what it was certified for"),
        Reason("issued-in-error", False, "it should never have been issued"),
    )
}
"""After the CRLReason of RFC 5280 section 5.3.1."""


@dataclass(frozen=True, slots=True)
class Revocation:
    """A parsed revocation, its signature not yet verified; ``by`` is the kid that signed, ``time`` POSIX seconds."""

    site: str
    serial: bytes
    time: int
    reason: Reason
    by: bytes
    signed: cose.Sign1
    raw: bytes
    hash: bytes

    def verify(self, key: PublicKey) -> None:
        """Raise QcotError `revocation-forged` unless ``key`` signed these bytes."""
        try:
            self.signed.verify(key)
        except QcotError as error:
            raise QcotError(REVOCATION_FORGED, f"revocation of {self.serial.hex()}: {error.reason}") from error


def build(key: SigningKey, *, site: str, serial: bytes, time: int, reason: str) -> bytes:
    """Sign a revocation; raises QcotError `bad-revocation` for anything that :func:`parse` would refuse."""
    raw = FORM.sign(key, {1: VERSION, 2: site, 3: serial, 4: time, 5: reason})
    parse(raw)
    return raw


def parse(raw: bytes) -> Revocation:
    """Take a revocation apart; raises QcotError `bad-cbor`, `bad-cose` or `bad-revocation`."""
    signed, payload = FORM.parse(raw)
    match list(payload.values()) if isinstance(payload, dict) and list(payload) == [1, 2, 3, 4, 5] else None:
        case [int(version), str(site), bytes(serial), int(time), str(reason)] if (
            version == VERSION and is_name(site) and len(serial) == SERIAL_SIZE and is_time(time) and reason in REASONS
        ):
            digest = hashlib.sha256(raw).digest()
            return Revocation(site, serial, time, REASONS[reason], signed.kid, signed, raw, digest)
    raise QcotError(BAD_REVOCATION, "not version 1, site, serial, time and a reason of the table")

"""Certificates: who may sign what for which site, as a COSE_Sign1 over CWT claims (docs/certificates.md).

A :class:`Certificate` is parsed from its bytes and remembers them; they are hashed, stored and verified as they are.
Whether it may be used is the register's to say (register.py).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from qcot.certificates import claims as claims_
from qcot.certificates.claims import BoardClaims, Channel, Claims, LogClaims, Role
from qcot.certificates.envelope import Form
from qcot.certificates.problems import BOARD_OF_ANOTHER_BRIDGE, CERTIFICATE_FORGED
from qcot.crypto import cose
from qcot.crypto.signing import ML_DSA_44, ML_DSA_65, ML_DSA_87, SLH_DSA_SHA2_128S, PublicKey, SigningKey
from qcot.errors import QcotError

__all__ = ["CONTENT_TYPE", "BoardClaims", "Certificate", "Channel", "Claims", "LogClaims", "Role", "issue", "parse"]

CONTENT_TYPE = "application/vnd.qcot.certificate+cbor"
FORM = Form.of(CONTENT_TYPE, b"qcot/certificate/v1", SLH_DSA_SHA2_128S, ML_DSA_44, ML_DSA_65, ML_DSA_87)


@dataclass(frozen=True, slots=True)
class Certificate:
    """A parsed certificate, its signature not yet verified; members as in :class:`Claims`, ``issuer`` a kid."""

    serial: bytes
    issuer: bytes
    role: Role
    site: str
    name: str
    key: PublicKey | None
    not_before: int
    not_after: int
    issued_at: int
    policy: str | None
    board: BoardClaims | None
    log: LogClaims | None
    bridge: str | None
    signed: cose.Sign1
    raw: bytes
    hash: bytes

    @property
    def kid(self) -> bytes:
        """What the holder is known by: the 16-byte key id, or of a board, which has no key, its 8-byte device id."""
        return bytes.fromhex(self.name) if self.key is None else self.key.kid

    def verify(self, issuer: PublicKey) -> None:
        """Raise QcotError `certificate-forged` unless ``issuer`` signed these bytes."""
        try:
            self.signed.verify(issuer)
        except QcotError as error:
            raise QcotError(CERTIFICATE_FORGED, f"certificate of {self.role} {self.name}: {error.reason}") from error

    def require_bridge(self, name: str) -> None:
        """Raise QcotError `board-of-another-bridge` unless transactions of the bridge ``name`` may carry this board."""
        if self.bridge not in (None, name):
            raise QcotError(
                BOARD_OF_ANOTHER_BRIDGE, f"board {self.name} is certified for bridge {self.bridge}, not for {name}"
            )


def issue(key: SigningKey, claims: Claims) -> bytes:
    """Sign a certificate with an issuer's ``key``. Raises what :func:`parse` would refuse."""
    raw = FORM.sign(key, claims_.to_cbor(claims, key.public_key.kid))
    parse(raw)
    return raw


def parse(raw: bytes) -> Certificate:
    """Take a certificate apart; raises QcotError `bad-cbor`, `bad-cose` or `bad-certificate`."""
    signed, payload = FORM.parse(raw)
    found = claims_.from_cbor(payload, signed.kid)
    return Certificate(
        found.serial, signed.kid, found.role, found.site, found.name, found.key, found.not_before, found.not_after,
        found.not_before if found.issued_at is None else found.issued_at, found.policy, found.board, found.log,
        found.bridge, signed, raw, hashlib.sha256(raw).digest(),
    )  # fmt: skip

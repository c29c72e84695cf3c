"""The key of one epoch: HKDF-SHA-384 (RFC 5869) over length-prefixed secrets and all that they are for.

There is a place for the secret of an ML-KEM exchange, with its ciphertext and public key. This version has none: the
three are empty, and the level, which goes into the key, says so.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

QKD_ONLY = "qkd-only"
LABEL = b"qcot/channel/v1"
KEY_SIZE, IV_SIZE = 32, 12


@dataclass(frozen=True, slots=True)
class Names:
    """Between whom: a bridge and a gateway of a site."""

    site: str
    bridge: str
    gateway: str


@dataclass(frozen=True, slots=True)
class EpochKey:
    """An AES-256-GCM key, and the base that a counter is combined with to give a nonce."""

    key: bytes = field(repr=False)
    iv: bytes = field(repr=False)


def derive(qkd_key: bytes, key_id: uuid.UUID, names: Names, epoch: int, level: str = QKD_ONLY) -> EpochKey:
    """The key of ``epoch`` (an integer below 2^64) between ``names``, from the QKD key ``key_id``."""
    kem_secret = kem_ciphertext = kem_public_key = b""
    secrets = _prefixed(kem_secret, qkd_key)
    context = _prefixed(
        LABEL,
        level.encode(),
        kem_ciphertext,
        kem_public_key,
        key_id.bytes,
        names.site.encode(),
        names.bridge.encode(),
        names.gateway.encode(),
        epoch.to_bytes(8, "big"),
    )
    made = HKDF(SHA384(), KEY_SIZE + IV_SIZE, salt=None, info=context).derive(secrets)
    return EpochKey(made[:KEY_SIZE], made[KEY_SIZE:])


def _prefixed(*parts: bytes) -> bytes:
    """Each part behind its length, 4 bytes big endian: no two lists give the same bytes."""
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)

"""The key of one epoch: HKDF-SHA-384 (RFC 5869) over length-prefixed secrets and all that they are for."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from qcot.channel.level import Level

LABEL = b"qcot/channel/v1"
KEY_SIZE, IV_SIZE = 32, 12


@dataclass(frozen=True, slots=True)
class Names:
    """Between whom: a bridge and a gateway of a site."""

    site: str
    bridge: str
    gateway: str


@dataclass(frozen=True, slots=True)
class Exchange:
    """What both ends have said of an epoch, all of it under a signature.

    ``offer`` is the SHA-256 of the gateway's offer, ``bridge_kid`` names the key that signed the bridge's answer to it,
    ``epoch`` is below 2^63, and ``key_id`` is that of the QKD key, None where the level has none.
    """

    level: Level
    names: Names
    bridge_kid: bytes
    offer: bytes
    public_key: bytes
    ciphertext: bytes
    epoch: int
    key_id: uuid.UUID | None


@dataclass(frozen=True, slots=True)
class EpochKey:
    """An AES-256-GCM key, and the base that a counter is combined with to give a nonce."""

    key: bytes = field(repr=False)
    iv: bytes = field(repr=False)


def derive(exchange: Exchange, kem_secret: bytes, qkd_key: bytes = b"") -> EpochKey:
    """The key that ``exchange`` is about; raises ValueError where a secret that its level names is missing."""
    if not kem_secret or bool(qkd_key) != exchange.level.qkd or (exchange.key_id is not None) != exchange.level.qkd:
        raise ValueError(f"the secrets are not those of {exchange.level.name}")
    names = exchange.names
    context = _prefixed(
        LABEL,
        exchange.level.name.encode(),
        names.site.encode(),
        names.bridge.encode(),
        names.gateway.encode(),
        exchange.bridge_kid,
        exchange.offer,
        exchange.public_key,
        exchange.ciphertext,
        exchange.epoch.to_bytes(8, "big"),
        exchange.key_id.bytes if exchange.key_id else b"",
    )
    secrets = _prefixed(kem_secret, qkd_key)
    made = HKDF(SHA384(), KEY_SIZE + IV_SIZE, salt=None, info=context).derive(secrets)
    return EpochKey(made[:KEY_SIZE], made[KEY_SIZE:])


def _prefixed(*parts: bytes) -> bytes:
    """Each part behind its length, 4 bytes big endian: no two lists give the same bytes."""
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)

"""A record's payload under a data key of its own: AES-256-GCM with the record's id as associated data.

The salts are inside: whoever destroys the data key destroys them with the content.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from qcot.crypto import cbor
from qcot.errors import QcotError
from qcot.records.batch import Batch, Item
from qcot.records.problems import BAD_RECORD, PAYLOAD_DIFFERS

KEY_SIZE = 32
NONCE_SIZE = 12
MAX_PAYLOAD = 256 << 20


@dataclass(frozen=True, slots=True)
class Sealed:
    """A sealed payload, the key that opens it, and what the ledger is to hold of it."""

    payload: bytes = field(repr=False)
    key: bytes = field(repr=False)
    root: bytes
    count: int
    digest: bytes


def seal(record_id: bytes, contents: Sequence[tuple[str, bytes]]) -> Sealed:
    """Seal ``contents`` (names and bytes) under a fresh key, each with a fresh salt.

    The salts are drawn here, so that the same content published twice gives two roots that nobody can connect. Raises
    `bad-record` for no content, too many, or more than 256 MiB.
    """
    items = [Item(name, content) for name, content in contents]
    batch = Batch(item.leaf() for item in items)
    plain = cbor.encode([[item.salt, item.name, item.content] for item in items])
    if len(plain) > MAX_PAYLOAD:
        raise QcotError(BAD_RECORD, f"{len(plain):,} bytes, a record has {MAX_PAYLOAD:,} at most")
    key, nonce = AESGCM.generate_key(8 * KEY_SIZE), secrets.token_bytes(NONCE_SIZE)
    payload = nonce + AESGCM(key).encrypt(nonce, plain, record_id)
    return Sealed(payload, key, batch.root, batch.size, hashlib.sha256(payload).digest())


def open_(record_id: bytes, key: bytes, payload: bytes, *, root: bytes, count: int) -> tuple[list[Item], Batch]:
    """The items, if they are those that the ledger's ``root`` commits to; raises `payload-differs`."""
    try:
        plain = AESGCM(key).decrypt(payload[:NONCE_SIZE], payload[NONCE_SIZE:], record_id)
        value = cbor.decode(plain, max_bytes=MAX_PAYLOAD)
        items = [Item(name, content, salt) for salt, name, content in value]
        batch = Batch(item.leaf() for item in items)
    except (InvalidTag, ValueError, TypeError, QcotError) as error:
        raise QcotError(PAYLOAD_DIFFERS, f"payload of record {record_id.hex()} does not open") from error
    if (batch.root, batch.size) != (root, count):
        raise QcotError(PAYLOAD_DIFFERS, f"payload of record {record_id.hex()} is not what its statement commits to")
    return items, batch

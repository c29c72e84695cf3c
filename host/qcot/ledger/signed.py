"""What a board signs itself, under LMS: that its chain stands where the log has it (docs/evidence.md, Checkpoint).

Nothing here is the bridge's word: the certificate names the key, the signature is over device, epoch, seq and link, and
the log has a frame that ends with that link. A leaf that has signed is never taken again, whatever it signed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256

from qcot.certificates.certificate import Certificate
from qcot.crypto import lms
from qcot.crypto.signing import LMS, PublicKey
from qcot.errors import QcotError
from qcot.ledger.problems import BOARD_UNSIGNED, CHECKPOINT_OFF_CHAIN, LEAF_REUSED, NO_LMS_KEY
from qcot.ledger.transactions import CheckpointEntry

LinkAt = Callable[[bytes, int, int], bytes | None]
"""The link with which a frame of ``device``, ``epoch`` ends before reading ``seq``; None where none ends there."""


@dataclass(frozen=True, slots=True)
class Signed:
    """A checkpoint that stands: entry ``entry``, and ``leaf`` of the ``key`` (:func:`key_id`) that signed it."""

    entry: int
    device: bytes
    epoch: int
    seq: int
    key: bytes
    leaf: int


def key_id(public: bytes) -> bytes:
    """What the log calls an LMS public key: its SHA-256."""
    return sha256(public).digest()


def signer_of(entry: CheckpointEntry, held: Iterable[Certificate]) -> tuple[Certificate, bytes]:
    """Which of the board's certificates names the key that signed, and that key.

    While a certificate is renewed two may hold, and what one key signed may come after the other's certificate.
    Raises `no-lms-key` or `board-unsigned`.
    """
    name = f"checkpoint of {entry.device.hex()} at reading {entry.seq} of epoch {entry.epoch}"
    keys = [(each, each.board.lms) for each in held if each.board is not None and each.board.lms is not None]
    if not keys:
        raise QcotError(NO_LMS_KEY, f"{name}: no certificate of the board names a key that signs")
    for certificate, public in keys:
        if is_signed(entry, public):
            return certificate, public
    raise QcotError(BOARD_UNSIGNED, f"{name} is not signed by the key that the board's certificate names")


def is_signed(entry: CheckpointEntry, public: bytes) -> bool:
    """Whether the LMS key ``public``, of a kind that a board may have, signed what ``entry`` says."""
    if public[:8] not in lms.BOARD_TYPES:
        return False
    message = lms.checkpoint_message(entry.device, entry.epoch, entry.seq, entry.link)
    try:
        PublicKey(LMS, public).verify(entry.signature, message)
    except QcotError:
        return False
    return True


def judge(
    entry: CheckpointEntry, at: int, held: Iterable[Certificate], leaves: Mapping[bytes, int], link_at: LinkAt
) -> tuple[Signed, Certificate]:
    """What stands if the checkpoint does, and by which certificate. ``leaves`` are the next unused ones, by key.

    Raises `no-lms-key`, `board-unsigned`, `leaf-reused` or `checkpoint-off-chain`.
    """
    certificate, public = signer_of(entry, held)
    found = Signed(at, entry.device, entry.epoch, entry.seq, key_id(public), lms.leaf_of(entry.signature))
    if found.leaf < (wanted := leaves.get(found.key, 0)):
        raise QcotError(LEAF_REUSED, f"leaf {found.leaf} of {entry.device.hex()}, {wanted} is the next that may sign")
    if link_at(entry.device, entry.epoch, entry.seq) != entry.link:
        raise QcotError(
            CHECKPOINT_OFF_CHAIN, f"no frame of {entry.device.hex()} in this log ends before reading {entry.seq} of "
            f"epoch {entry.epoch} with the link that it signed"
        )  # fmt: skip
    return found, certificate

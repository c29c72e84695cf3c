"""That a board has the LMS key which a request names: a checkpoint of its chain that the key signed (link-protocol.md).

It proves that who asks can have that key sign for that board. A bridge that lies when it asks may have made the key.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from qcot.certificates.claims import MAX_LMS_KEY
from qcot.crypto import lms
from qcot.crypto.signing import LMS, PublicKey
from qcot.errors import QcotError

MAX_SIGNATURE = 4096
MAX_UINT32 = (1 << 32) - 1
LINK_SIZE = 32


@dataclass(frozen=True, slots=True)
class SigningBoard:
    """The LMS key ``public`` and its signature over (device, ``epoch``, ``seq``, ``link``), RFC 8554 section 5."""

    public: bytes
    epoch: int
    seq: int
    link: bytes
    signature: bytes

    @property
    def leaf(self) -> int:
        """The one-time key that signed; says something only of what :meth:`is_proven`."""
        return lms.leaf_of(self.signature)

    def is_proven(self, device: bytes) -> bool:
        """Whether it is an LMS key of a kind that a board may have, and signed this of that board."""
        if self.public[:8] not in lms.BOARD_TYPES:
            return False
        message = lms.checkpoint_message(device, self.epoch, self.seq, self.link)
        try:
            PublicKey(LMS, self.public).verify(self.signature, message)
        except QcotError:
            return False
        return True

    def to_cbor(self) -> list[Any]:
        """As a request holds it."""
        return [self.public, self.epoch, self.seq, self.link, self.signature]


def from_cbor(value: Any) -> SigningBoard | None:
    """The inverse; raises ValueError for what is none."""
    match value:
        case None:
            return None
        case [bytes(public), epoch, seq, bytes(link), bytes(signature)] if (
            type(epoch) is type(seq) is int
            and 0 <= min(epoch, seq) <= max(epoch, seq) <= MAX_UINT32
            and 1 <= len(public) <= MAX_LMS_KEY
            and len(link) == LINK_SIZE
            and 1 <= len(signature) <= MAX_SIGNATURE
        ):
            return SigningBoard(public, epoch, seq, link, signature)
    raise ValueError("an LMS key is null, or key, epoch, seq, link and signature")

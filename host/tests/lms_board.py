"""A board's own key as pyhsslms has it: it signs checkpoints in the board's stead, a leaf at a time."""

from functools import cache

import pyhsslms.pyhsslms as library
from qcot.crypto import lms

W2, W4 = library.lmots_sha256_n24_w2, library.lmots_sha256_n24_w4


@cache
def _key(number: int, one_time: bytes) -> library.LmsPrivateKey:
    """The smallest tree that a board may have, n 24, W 4, H 5: made once in a process, of fixed secrets."""
    seed, identifier = bytes([number]) * 24, bytes([number]) * 16
    return library.LmsPrivateKey(library.lms_sha256_m24_h5, one_time, SEED=seed, I=identifier)


class LmsBoard:
    """Key ``number``; ``leaf`` is the next that signs, and a test may put it back. W2 is no set for a board."""

    def __init__(self, number: int = 1, one_time: bytes = W4) -> None:
        self._private = _key(number, one_time)
        self.public = self._private.publicKey().serialize()
        self.leaf = 0

    def sign(self, device: bytes, epoch: int, seq: int, link: bytes) -> bytes:
        self._private.q = self.leaf
        self._private.ots_priv[self.leaf]._signatures_remaining = 1  # a test may sign twice with one leaf
        self.leaf += 1
        return self._private.sign(lms.checkpoint_message(device, epoch, seq, link))

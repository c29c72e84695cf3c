"""The signer of a board in Python, from docs/link-protocol.md; pyhsslms does its arithmetic."""

from __future__ import annotations

import hashlib
import struct
from functools import cache

import pyhsslms.pyhsslms as library
from qcot.link.messages import AnyMessage, Code
from qcot.link.signer import (
    AskSigner,
    Checkpoint,
    Generate,
    Leaf,
    Path,
    Phase,
    Sign,
    Signature,
    Signer,
    WantLeaf,
)

LMS, OTS = library.lms_sha256_m24_h5, library.lmots_sha256_n24_w4
LEAVES, HEIGHT, N, CHAINS = 32, 5, 24, 51


@cache
def _key(generation: int) -> library.LmsPrivateKey:
    """Made once in a process: it takes a tenth of a second."""
    seed = hashlib.sha256(struct.pack("<H", generation)).digest()
    return library.LmsPrivateKey(LMS, OTS, SEED=seed[:N], I=seed[N:] + bytes(8))


class SignerPeer:
    """``answer`` gives what a board says to a command: messages, or a code for RESULT."""

    def __init__(self, phase: Phase = Phase.NONE) -> None:
        self.generation = 0
        self.phase = Phase.NONE
        self.next = 0
        self.signed: list[int] = []
        self.asked: list[int] = []
        self.climbed: list[bytes] = []
        self.of: int | None = None
        if phase is not Phase.NONE:
            self._begin()
            self.phase, self.next = phase, 0

    def _begin(self) -> None:
        self.generation += 1
        self.phase, self.next, self.signed = Phase.GENERATING, 0, []
        self.key = _key(self.generation)

    def leaf(self, index: int) -> bytes:
        """RFC 8554 section 5.3."""
        head = self.key.I + struct.pack(">I", LEAVES + index) + b"\x82\x82"
        return hashlib.sha256(head + self.key.ots_pub[index].K).digest()[:N]

    @property
    def public(self) -> bytes:
        return self.key.publicKey().serialize()

    def answer(self, command: AnyMessage, device: bytes, epoch: int, seq: int, link: bytes) -> list[AnyMessage] | Code:
        match command:
            case AskSigner():
                has = self.phase is not Phase.NONE
                identifier = self.key.I if has else bytes(16)
                root = self.key.pub if self.phase in (Phase.READY, Phase.EXHAUSTED) else bytes(N)
                return [Signer(LMS[3], OTS[3], self.phase, self.generation, self.next, identifier, root)]
            case Generate():
                if self.phase in (Phase.GENERATING, Phase.READY):
                    return Code.KEY_EXISTS
                self._begin()
                return Code.OK
            case WantLeaf(index=index):
                self.asked.append(index)
                if self.phase is Phase.NONE:
                    return Code.NO_KEY
                if index >= LEAVES:
                    return Code.BAD_LEAF
                if self.phase is Phase.GENERATING and index == self.next:
                    self.next += 1
                    if self.next == LEAVES:
                        self.phase, self.next = Phase.READY, 0
                self.of, self.climbed = index, []
                return [Leaf(index, self.leaf(index))]
            case Path(leaf=leaf, level=level, node=node):
                return self._path(leaf, level, node)
            case Sign(leaf=leaf):
                return self._sign(leaf, device, epoch, seq, link)
            case _:
                return Code.UNKNOWN_COMMAND

    def _path(self, leaf: int, level: int, node: bytes) -> Code:
        if leaf != self.next or self.of != leaf:
            return Code.BAD_LEAF
        self.climbed = [*self.climbed[:level], node]
        if level == HEIGHT - 1 and self.climbed != self.key.path(LEAVES + leaf):
            self.climbed = []
            return Code.WRONG_PATH
        return Code.OK

    def _sign(self, leaf: int, device: bytes, epoch: int, seq: int, link: bytes) -> list[AnyMessage] | Code:
        if self.phase is not Phase.READY:
            return Code.EXHAUSTED if self.phase is Phase.EXHAUSTED else Code.NO_KEY
        if leaf != self.next:
            return Code.BAD_LEAF
        if self.climbed != self.key.path(LEAVES + leaf):
            return Code.WRONG_PATH
        assert leaf not in self.signed
        self.signed.append(leaf)
        self.next, self.climbed = self.next + 1, []
        if self.next == LEAVES:
            self.phase = Phase.EXHAUSTED
        message = b"qcot/checkpoint/v1" + device + struct.pack("<II", epoch, seq) + link
        self.key.ots_priv[leaf]._signatures_remaining = 1  # the key is that of other boards, too
        one_time = self.key.ots_priv[leaf].sign(message)
        said: list[AnyMessage] = [Checkpoint(leaf, epoch, seq, link, one_time[4 : 4 + N])]
        values = one_time[4 + N :]
        for first in range(0, CHAINS, 6):
            said.append(Signature(leaf, first, values[first * N : (first + 6) * N]))
        return said

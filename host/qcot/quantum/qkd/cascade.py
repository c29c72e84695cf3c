"""Cascade: the receiver asks for parities of the sender's bits until his own are the same (Brassard, Salvail 1994).

Pass 1 cuts the bits into blocks of k1 = 0.73/Q, each later pass shuffles them and doubles the blocks. A block whose
parities differ is halved until one bit is left, which is wrong; putting it right makes the blocks of the other passes
that hold it differ, and those of the shortest pass are halved next. Blocks of one pass share no bit, so all that differ
are halved at once, in steps that a network would send as one message each.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qcot.errors import QcotError
from qcot.quantum.qkd.problems import BAD_RECONCILIATION

PASSES = 4
FIRST_BLOCK = 0.73
FRAME = 1 << 17
"""Bits that are corrected by themselves: what that takes stays near the cache. Frames go side by side."""
Bits = NDArray[np.uint8]
Index = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """``bits``: the receiver's, put right. ``leaked``: parities that the sender told, each counted once.

    ``found``: how many bits were wrong. ``messages``: how often the receiver asked, for any number of parities at once.
    """

    bits: Bits
    leaked: int
    found: int
    messages: int


class _Pass:
    """One shuffled order of the bits, cut into blocks, and what the sender told about it.

    Bits beyond the last are zeros that both ends know.
    """

    def __init__(self, order: Index, size: int, sender: Bits, receiver: Bits) -> None:
        self.size = size
        blocks = -(-len(order) // size)
        self.order = np.full(blocks * size, len(order), np.intp)
        self.order[: len(order)] = order
        self.place = np.empty(len(order), np.intp)
        self.place[order] = np.arange(len(order))
        self._sender = sender
        self.told = np.zeros(blocks * size, np.bool_)
        """Whether the parity of what lies left of this cut is known; every cut belongs to one step of one block."""
        self.told[len(order) :] = True
        self.differs = self._parity(sender) ^ self._parity(receiver)
        self.leaked = blocks

    def _parity(self, bits: Bits) -> Bits:
        parity: Bits = np.bitwise_xor.reduce(bits[self.order].reshape(-1, self.size), axis=1)
        return parity

    def search(self, receiver: Bits) -> tuple[Index, int]:
        """One wrong bit of each block that differs, and how many times the receiver asked for halves."""
        blocks = self.differs.nonzero()[0]
        bits = self.order.reshape(-1, self.size)[blocks]
        ours, theirs = (_prefixes(each[bits]) for each in (receiver, self._sender))
        low = np.zeros(len(blocks), np.intp)
        high = np.full(len(blocks), self.size)
        rows = np.arange(len(blocks))
        steps = 0
        while (open_ := high - low > 1).any():
            middle = (low + high) // 2
            cuts = (blocks * self.size + middle)[open_]
            fresh = ~self.told[cuts]
            self.told[cuts] = True
            self.leaked += int(fresh.sum())
            left = (ours[rows, middle] ^ ours[rows, low] ^ theirs[rows, middle] ^ theirs[rows, low]).astype(np.bool_)
            high = np.where(open_ & left, middle, high)
            low = np.where(open_ & ~left, middle, low)
            steps += bool(fresh.any())
        return bits[rows, low], steps


def reconcile(sender: Bits, receiver: Bits, error_rate: float, random: np.random.Generator) -> Reconciliation:
    """Put ``receiver`` right; ``error_rate`` is what both ends expect of it. Bits are one a byte, as many at each end.

    A residue is possible, though rare: compare hashes afterwards. Raises `qkd-reconciliation`.
    """
    count = len(sender)
    if not count or len(receiver) != count or not 0 <= error_rate <= 0.5:
        raise QcotError(BAD_RECONCILIATION, f"{count} and {len(receiver)} bits, error rate {error_rate}")
    frames = zip(*(np.array_split(bits, -(-count // FRAME)) for bits in (sender, receiver)), strict=True)
    done = [_reconcile(theirs, ours, error_rate, random) for theirs, ours in frames]
    return Reconciliation(
        np.concatenate([each.bits for each in done]),
        sum(each.leaked for each in done),
        sum(each.found for each in done),
        max(each.messages for each in done),
    )


def _reconcile(sender: Bits, receiver: Bits, error_rate: float, random: np.random.Generator) -> Reconciliation:
    count = len(sender)
    theirs, ours = np.append(sender, np.uint8(0)), np.append(receiver, np.uint8(0))
    passes: list[_Pass] = []
    messages = 0
    for size in _sizes(count, error_rate):
        order = random.permutation(count) if passes else np.arange(count)
        passes.append(_Pass(order, size, theirs, ours))
        messages += 1
        while differing := [each for each in passes if each.differs.any()]:
            wrong, steps = differing[0].search(ours)
            messages += steps
            ours[wrong] ^= 1
            for each in passes:
                np.bitwise_xor.at(each.differs, each.place[wrong] // each.size, 1)
    found = int(np.count_nonzero(ours[:-1] ^ receiver))
    return Reconciliation(ours[:-1], sum(each.leaked for each in passes), found, messages)


def _sizes(count: int, error_rate: float) -> list[int]:
    """Block sizes of the passes, none longer than half the bits (or all, where there is one bit)."""
    first = math.ceil(FIRST_BLOCK / max(error_rate, 1 / count))
    return [max(1, min(first << number, -(-count // 2))) for number in range(PASSES)]


def _prefixes(rows: Bits) -> Bits:
    """Parity of the first 0, 1, 2, ... bits of each row."""
    found = np.zeros((rows.shape[0], rows.shape[1] + 1), np.uint8)
    np.bitwise_xor.accumulate(rows, axis=1, out=found[:, 1:])
    return found

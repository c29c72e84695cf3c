"""The walk of many messages at once, some four times as fast as by matrices.

Three ideas:

- **Sorted by coin.** At each step the messages are brought into an order in which those that toss the same coin lie
  together, so that a toss is a few sums of long arrays. A row of a plane is one message: sorting copies whole rows.
- **One shift a coin.** floor(v/2 + n) = floor(v/2) + n for whole n. With q = x1 + x2 + x3, each row of W0 is
  r = (x0-q)/2 and a whole number more, each of W1 and W2 is r = (x0+q)/2 and one less. W3, with its i, takes two.
- **A move is an offset.** Cell (a, b) is kept at 7u + v, u = 4(a+b), v = 4(a-b) modulo 7. There coin 0 moves by +7,
  coin 1 by +1, coin 2 by -1, coin 3 by -7. So results are written that much further on, and only what left its ring
  is put back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from qcot.quantum.walk.definition import CELLS, PARTS, SIDE, Bits, Int64, start_amplitudes

BEST_COUNT = 128
"""Messages that are best walked together: enough to outweigh the calls, few enough for a second-level cache."""

_ROW = 2 * CELLS  # a message in a coin's plane: its real parts, then its imaginary ones
_SHIFTS = (SIDE, 1, -1, -SIDE)  # of coin states 0 to 3
_STEPS = 512  # steps that are planned at once
_ONE = np.array(1)  # a shift by a Python number would convert it each time
_RING_ROW = np.dtype((np.void, 8 * SIDE))  # seven cells, copied as one
_Q = 4  # where q lies: after x0 to x3


class _Toss(NamedTuple):
    """A real coin: coin state j becomes r combined with the ``operands[j]``-th of x0, x1, x2, x3, q."""

    combine: Callable[..., Any]
    operands: tuple[int, int, int, int]


_PLACE = np.array([1, 3, 2, 0], np.uint8)
"""Coins W0 to W3 in the order in which messages are sorted: W3, W0, W2, W1."""
_TOSSES = (
    _Toss(np.add, (_Q, 2, 1, 3)),  # W0
    _Toss(np.subtract, (3, 1, 2, _Q)),  # W2
    _Toss(np.subtract, (0, 1, 2, 3)),  # W1
)


class _Plan(NamedTuple):
    """Of some steps: where each message comes from, whether all stay, and where W3, W0 and W2 end in a plane."""

    sources: npt.NDArray[np.intp]
    still: list[bool]
    ends: list[list[int]]
    places: npt.NDArray[np.intp]
    """Where each message is after these steps."""


def walk(choices: Bits) -> Int64:
    """Negated state (see `dense.walk`) of messages that ``choices`` (steps, messages) drive: (messages, 8, 49)."""
    count = choices.shape[1]
    walkers = _Walkers(count)
    places = np.arange(count)
    for first in range(0, len(choices), _STEPS):
        plan = _plan(choices[first : first + _STEPS], places)
        for source, still, ends in zip(plan.sources, plan.still, plan.ends, strict=True):
            walkers.step(None if still else source, *ends)
        places = plan.places
    return walkers.state()[places]


def _plan(choices: Bits, places: npt.NDArray[np.intp]) -> _Plan:
    """Sort the messages by coin at each step, given where each is before."""
    count = choices.shape[1]
    ranks = _PLACE[choices]
    order = np.argsort(ranks, axis=1, kind="stable")
    after = np.empty_like(order)
    np.put_along_axis(after, order, np.arange(count)[None], axis=1)
    sources = np.take_along_axis(np.concatenate([places[None], after[:-1]]), order, axis=1)
    still = (sources == np.arange(count)).all(axis=1).tolist()
    ends = _ROW * np.stack([(ranks < rank).sum(axis=1) for rank in (1, 2, 3)], axis=1)
    return _Plan(sources, still, ends.tolist(), after[-1])


class _Planes:
    """Four planes, one a coin state, each a row a message; and the same planes seen from where a move ends."""

    def __init__(self, count: int) -> None:
        length = count * _ROW
        buffer = np.zeros((4, length + 2 * SIDE), np.int64)
        self.planes = list(buffer[:, SIDE : SIDE + length])
        self.rows = [plane.reshape(count, _ROW) for plane in self.planes]
        self.moved = [plane[SIDE + by : SIDE + by + length] for plane, by in zip(buffer, _SHIFTS, strict=True)]
        self._wraps = [_wrap(*each) for each in zip(self.planes, self.moved, _SHIFTS, strict=True)]

    def wrap(self) -> None:
        """Put back what left its ring."""
        for back, strayed in self._wraps:
            np.copyto(back, strayed)


class _Walkers:
    """The state of ``count`` messages, and the room to step it."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._now, self._next = _Planes(count), _Planes(count)
        self._sorted = list(np.empty((4, count * _ROW), np.int64))
        self._sorted_rows = [plane.reshape(count, _ROW) for plane in self._sorted]
        self._q, self._r = np.empty((2, count * _ROW), np.int64)
        for rows, (real, imaginary) in zip(self._now.rows, start_amplitudes().reshape(2, 4).T, strict=True):
            rows[:, 0], rows[:, CELLS] = -real, -imaginary

    def step(self, source: npt.NDArray[np.intp] | None, end_w3: int, end_w0: int, end_w2: int) -> None:
        """Bring row ``source[i]`` to row i (None: all stay), toss, move."""
        x, target = self._now.planes, self._next
        if source is not None:
            for rows, sorted_rows in zip(self._now.rows, self._sorted_rows, strict=True):
                rows.take(source, 0, sorted_rows, "clip")  # "raise" would go by way of a copy
            x, target = self._sorted, self._now
        if end_w3:
            self._toss_w3([plane[:end_w3] for plane in x], [plane[:end_w3] for plane in target.moved])
        if end_w3 < len(self._r):
            self._toss_real(x, target, end_w3, end_w0, end_w2)
        target.wrap()
        if target is self._next:
            self._now, self._next = self._next, self._now

    def _toss_real(self, x: list[Int64], target: _Planes, end_w3: int, end_w0: int, end_w2: int) -> None:
        """Toss W0, W2 and W1, which lie in this order after ``end_w3``."""
        w0, w2_w1, every = slice(end_w3, end_w0), slice(end_w0, None), slice(end_w3, None)
        q, r = self._q[every], self._r[every]
        np.add(x[1][every], x[2][every], q)
        np.add(q, x[3][every], q)
        np.subtract(x[0][w0], self._q[w0], self._r[w0])
        np.add(x[0][w2_w1], self._q[w2_w1], self._r[w2_w1])
        np.right_shift(r, _ONE, r)
        whole = [*x, self._q]
        for toss, begin, end in zip(_TOSSES, (end_w3, end_w0, end_w2), (end_w0, end_w2, len(self._r)), strict=True):
            if begin < end:
                for operand, moved in zip(toss.operands, target.moved, strict=True):
                    toss.combine(self._r[begin:end], whole[operand][begin:end], moved[begin:end])

    def _toss_w3(self, x: list[Int64], moved: list[Int64]) -> None:
        """Toss W3: half of x0 + x2 +- (x1 + x3), and half of x0 - x2 +- i (x1 - x3)."""
        odd, total = self._q[: len(x[0])], self._r[: len(x[0])]
        np.add(x[1], x[3], odd)
        np.add(x[0], x[2], total)
        np.add(total, odd, total)
        np.right_shift(total, _ONE, moved[0])
        np.subtract(moved[0], odd, moved[2])
        one, three, turned = (array.reshape(-1, 2, CELLS) for array in (x[1], x[3], odd))
        np.subtract(three[:, 1], one[:, 1], turned[:, 0])
        np.subtract(one[:, 0], three[:, 0], turned[:, 1])
        np.subtract(x[0], x[2], total)
        np.add(total, odd, total)
        np.right_shift(total, _ONE, moved[1])
        np.subtract(moved[1], odd, moved[3])

    def state(self) -> Int64:
        """The state in the rows' order, cells as 7a + b: shape (count, 8, 49)."""
        a, b = np.divmod(np.arange(CELLS), SIDE)
        kept_at = SIDE * (4 * (a + b) % SIDE) + 4 * (a - b) % SIDE
        planes = np.stack([rows.reshape(self.count, 2, CELLS) for rows in self._now.rows], axis=2)
        return planes.reshape(self.count, PARTS, CELLS)[:, :, kept_at]


def _wrap(plane: Int64, moved: Int64, shift: int) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Where a move by ``shift`` ends that leaves a ring, and where the offset put it: views of one buffer.

    A plane is rings (of v, or of u in steps of seven) whose last place is followed by the next ring's first.
    """
    to, origin = (0, SIDE - 1) if shift > 0 else (SIDE - 1, 0)

    def places(array: Int64, index: int) -> npt.NDArray[Any]:
        if abs(shift) == SIDE:
            cells = array.reshape(-1, CELLS)[:, SIDE * index : SIDE * (index + 1)]
            return cells.view(_RING_ROW)[:, 0]
        return array[index::SIDE]

    return places(plane, to), places(moved, origin)

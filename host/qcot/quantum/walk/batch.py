"""The walk of many messages at once, some three times as fast as by matrices.

Three ideas:

- **Sorted by coin.** At each step the messages are brought into an order in which those that toss the same coin lie
  together, so that a toss is a few sums of long arrays. A row of a plane is one message: sorting copies whole rows.
- **Half the shifts.** With e, f = x0 +- x2 and g, h = x1 +- x3, each coin (x3 negated for W1 and W2, h times i for W3)
  gives (e+g)/2, (e-g)/2, (f+h)/2, (f-h)/2 in an order of its own, W1 with one sign turned. And
  floor((e-g)/2) = floor((e+g)/2) - g, exactly.
- **A move is an offset.** Cell (a, b) is kept at 7u + v, u = 4(a+b), v = 4(a-b) modulo 7. There coin 0 moves by +7,
  coin 1 by +1, coin 2 by -1, coin 3 by -7. So results are written that much further on, and only what left its ring
  is put back.
"""

from __future__ import annotations

from typing import NamedTuple

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


class _Toss(NamedTuple):
    """Where a coin's results go: coin states of (e+g)/2, (e-g)/2, (f+h)/2, and of the last one, (f+h)/2 less h or f."""

    sum_eg: int
    difference_eg: int
    sum_fh: int
    last: int
    less_f: bool


_PLACE = np.array([1, 3, 2, 0], np.uint8)
"""Coins W0 to W3 in the order in which messages are sorted: W3, W0, W2, W1."""
_TOSSES = (_Toss(0, 2, 1, 3, False), _Toss(0, 1, 2, 3, False), _Toss(3, 1, 2, 0, True))
"""Of W3; of W0 and W2, which differ by the sign of x3 only; of W1, whose row 0 is -(f-h)/2 = (f+h)/2 - f."""


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


class _Walkers:
    """The state of ``count`` messages in four planes, one a coin state, and the room to step it."""

    def __init__(self, count: int) -> None:
        self.count = count
        length = count * _ROW
        buffer = np.zeros((4, length + 2 * SIDE), np.int64)
        self._live = buffer[:, SIDE : SIDE + length]
        self._work = np.empty((4, length), np.int64)
        self._eg = np.empty((2, length), np.int64)
        self._rows = [
            (a.reshape(count, _ROW), b.reshape(count, _ROW)) for a, b in zip(self._live, self._work, strict=True)
        ]
        self._slots = [
            plane[SIDE + shift : SIDE + shift + length] for plane, shift in zip(buffer, _SHIFTS, strict=True)
        ]
        self._wraps = [
            _wrap(plane, slots, shift) for plane, slots, shift in zip(self._live, self._slots, _SHIFTS, strict=True)
        ]
        for plane, (real, imaginary) in zip(self._rows, start_amplitudes().reshape(2, 4).T, strict=True):
            plane[0][:, 0], plane[0][:, CELLS] = -real, -imaginary

    def step(self, source: npt.NDArray[np.intp] | None, end_w3: int, end_w0: int, end_w2: int) -> None:
        """Bring row ``source[i]`` to row i (None: all stay), toss, move."""
        x = self._live
        if source is not None:
            x = self._work
            for row, sorted_row in self._rows:
                row.take(source, 0, sorted_row, "clip")  # "raise" would go by way of a copy
        if end_w0 < x.shape[1]:
            turned = x[3, end_w0:]
            np.negative(turned, turned)
        ih = _times_i(x[1, :end_w3], x[3, :end_w3]) if end_w3 else None
        (e, g), (total_fh, _, f, h) = self._eg, self._work
        np.add(x[:2], x[2:], self._eg)
        np.subtract(x[:2], x[2:], self._work[2:])
        if ih is not None:
            h[:end_w3] = ih
        np.add(f, h, total_fh)
        np.add(e, g, e)
        for toss, begin, end in zip(_TOSSES, (0, end_w3, end_w2), (end_w3, end_w2, x.shape[1]), strict=True):
            if begin == end:
                continue
            part = slice(begin, end)
            sum_eg, sum_fh = self._slots[toss.sum_eg][part], self._slots[toss.sum_fh][part]
            np.right_shift(e[part], _ONE, sum_eg)
            np.right_shift(total_fh[part], _ONE, sum_fh)
            np.subtract(sum_eg, g[part], self._slots[toss.difference_eg][part])
            np.subtract(sum_fh, (f if toss.less_f else h)[part], self._slots[toss.last][part])
        for back, strayed in self._wraps:
            np.copyto(back, strayed)

    def state(self) -> Int64:
        """The state in the rows' order, cells as 7a + b: shape (count, 8, 49)."""
        a, b = np.divmod(np.arange(CELLS), SIDE)
        kept_at = SIDE * (4 * (a + b) % SIDE) + 4 * (a - b) % SIDE
        planes = np.stack([row.reshape(self.count, 2, CELLS) for row, _ in self._rows], axis=2)
        return planes.reshape(self.count, PARTS, CELLS)[:, :, kept_at]


def _times_i(x1: Int64, x3: Int64) -> Int64:
    """I (x1 - x3) of rows of real and imaginary parts."""
    one, three = x1.reshape(-1, 2, CELLS), x3.reshape(-1, 2, CELLS)
    product = np.empty_like(one)
    np.subtract(three[:, 1], one[:, 1], product[:, 0])
    np.subtract(one[:, 0], three[:, 0], product[:, 1])
    return product.reshape(-1)


def _wrap(plane: Int64, slots: Int64, shift: int) -> tuple[npt.NDArray[np.void], npt.NDArray[np.void]]:
    """Where a move by ``shift`` ends that leaves a ring, and where the offset put it: views of one buffer.

    A plane is rings (of v, or of u in steps of seven) whose last place is followed by the next ring's first.
    """
    by_row = abs(shift) == SIDE
    to, origin = (0, SIDE - 1) if shift > 0 else (SIDE - 1, 0)

    def places(array: Int64, index: int) -> npt.NDArray[np.void]:
        if by_row:
            cells = array.reshape(-1, CELLS)[:, SIDE * index : SIDE * (index + 1)]
            return cells.view(_RING_ROW)[:, 0]
        return array[index::SIDE]  # type: ignore[return-value]

    return places(plane, to), places(slots, origin)

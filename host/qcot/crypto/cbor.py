"""Deterministic CBOR (RFC 8949 section 4.2.1), strict on input.

The subset is what docs/evidence.md uses: integers of 64 bits, byte and text strings, arrays, maps, null, and the
tags that the caller names. cbor2 writes it; reading is our own, because cbor2 takes non-minimal integers and any order
of keys and gives tags a meaning (regular expressions, shared references) that no input of ours may reach, and a walk
that checks all this first has already done the work of decoding.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NoReturn

import cbor2
from cbor2 import CBORTag

from qcot.crypto.problems import BAD_CBOR
from qcot.errors import QcotError

MAX_BYTES = 1 << 20
MAX_DEPTH = 8

_NEGATIVE, _BYTES, _TEXT, _ARRAY, _MAP, _TAG, _SIMPLE = range(0x20, 0x100, 0x20)  # first byte of each major type
_NULL = 0xF6
_SHORT = 24  # additional information below this is the argument; 24..27 announce 1, 2, 4, 8 bytes of it
_SMALLEST = {24: _SHORT, 25: 1 << 8, 26: 1 << 16, 27: 1 << 32}  # below these a shorter head exists
_LONG = {
    major | info: (1 + (1 << info - _SHORT), smallest)
    for major in range(0, _SIMPLE, 0x20)
    for info, smallest in _SMALLEST.items()
}
"""Length and smallest argument of each long head by its first byte."""


def encode(value: Any) -> bytes:
    """Encode ``value`` with shortest heads, definite lengths and maps in bytewise order of their encoded keys.

    ``value`` is made of int, bytes, str, None, list or tuple, dict and CBORTag. Raises TypeError for anything else
    and OverflowError for an integer over 64 bits: both are bugs of the caller, not bad input.
    """
    return cbor2.dumps(_ordered(value))


def decode(data: bytes, *, max_bytes: int = MAX_BYTES, max_depth: int = MAX_DEPTH, tags: Collection[int] = ()) -> Any:
    """Decode exactly one deterministic item; arrays come as lists, allowed ``tags`` as CBORTag.

    Raises QcotError `bad-cbor` for anything that :func:`encode` would not have written, naming where. Nothing is
    allocated on the strength of a length that the input claims.
    """
    if len(data) > max_bytes:
        _refuse(f"{len(data)} bytes, at most {max_bytes} are taken")
    (value,), end = _Reader(data, tags).items(0, 1, max_depth)
    if end != len(data):
        _refuse(f"{len(data) - end} bytes follow the item that ends at byte {end}")
    return value


class _Reader:
    """Reads items from ``data``; every method returns what it read and the place after it."""

    __slots__ = ("_data", "_size", "_tags")

    def __init__(self, data: bytes, tags: Collection[int]) -> None:
        self._data, self._size, self._tags = data, len(data), tags

    def items(self, at: int, count: int, depth: int, starts: list[int] | None = None) -> tuple[list[Any], int]:
        """``count`` items from ``at`` on; where each begins is added to ``starts``.

        Heads (RFC 8949 section 3), integers and byte strings are read in this one loop: a gateway reads every
        transaction by it, and a call for each of these takes half as long again.
        """
        if depth < 0 and count:
            _refuse(f"nested too deeply at byte {at}")
        data, size = self._data, self._size
        items: list[Any] = []
        add = items.append
        for _ in range(count):
            if at >= size:
                _refuse("ends too early")
            if starts is not None:
                starts.append(at)
            start, first = at, data[at]
            argument = first & 31
            at += 1
            if argument >= _SHORT:
                if first not in _LONG:
                    _refuse(f"indefinite length, float or reserved value 0x{first:02x} at byte {start}")
                length, smallest = _LONG[first]
                at = start + length
                if at > size:
                    _refuse("ends too early")
                argument = int.from_bytes(data[start + 1 : at], "big")
                if argument < smallest:
                    _refuse(f"non-minimal head at byte {start}")
            if first < _NEGATIVE:
                add(argument)
            elif _BYTES <= first < _TEXT:
                end = at + argument
                if end > size:
                    self._refuse_length(start, argument, at)
                add(data[at:end])
                at = end
            else:
                item, at = self._other(start, argument, at, depth - 1)
                add(item)
        return items, at

    def _other(self, start: int, argument: int, at: int, depth: int) -> tuple[Any, int]:
        """What :meth:`items` does not read itself; its head, at ``start``, ends at ``at``."""
        first = self._data[start]
        if first < _BYTES:
            return -1 - argument, at
        if first < _TAG and argument > self._size - at:
            self._refuse_length(start, argument, at)
        if first < _ARRAY:
            return _text(self._data[at : at + argument], start), at + argument
        if first < _MAP:
            return self.items(at, argument, depth)
        if first < _TAG:
            return self._map(at, argument, depth)
        if first == _NULL:
            return None, at
        if first >= _SIMPLE or argument not in self._tags:
            _refuse(f"tag or simple value {argument} at byte {start} has no place here")
        (value,), at = self.items(at, 1, depth)
        return CBORTag(argument, value), at

    def _map(self, at: int, pairs: int, depth: int) -> tuple[dict[Any, Any], int]:
        if 2 * pairs > self._size - at:
            _refuse(f"map of {pairs} claimed before byte {at}, {self._size - at} bytes are there")
        starts: list[int] = []
        items, at = self.items(at, 2 * pairs, depth, starts)
        keys, previous = items[::2], b""
        for key, start, end in zip(keys, starts[::2], starts[1::2], strict=True):
            if type(key) is not int and type(key) is not str:
                _refuse(f"key at byte {start} is neither an integer nor text")
            raw = self._data[start:end]
            if raw <= previous:
                _refuse(f"key at byte {start} is a duplicate or out of order")
            previous = raw
        return dict(zip(keys, items[1::2], strict=True)), at

    def _refuse_length(self, start: int, argument: int, at: int) -> NoReturn:
        _refuse(f"{argument} bytes or items claimed at byte {start}, {self._size - at} bytes are there")


def _text(raw: bytes, start: int) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise QcotError(BAD_CBOR, f"text at byte {start} is not UTF-8") from error


def _ordered(value: Any) -> Any:
    kind = type(value)
    if kind is int:
        if not -(1 << 64) <= value < 1 << 64:
            raise OverflowError(value)
        return value
    if kind is bytes or kind is str or value is None:
        return value
    if kind is list or kind is tuple:
        return [_ordered(item) for item in value]
    if kind is dict:
        pairs = sorted((cbor2.dumps(_ordered(key)), key) for key in value)
        return {key: _ordered(value[key]) for _, key in pairs}
    if kind is CBORTag:
        return CBORTag(value.tag, _ordered(value.value))
    raise TypeError(f"{kind.__name__} has no place in deterministic CBOR")


def _refuse(reason: str) -> NoReturn:
    raise QcotError(BAD_CBOR, reason)

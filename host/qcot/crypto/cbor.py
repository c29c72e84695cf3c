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

_ONE_BYTE, _EIGHT_BYTES = 24, 27  # additional information: 24..27 announce 1, 2, 4, 8 bytes of argument
_SMALLEST = {24: 24, 25: 1 << 8, 26: 1 << 16, 27: 1 << 32}  # below these a shorter head exists
_UNSIGNED, _NEGATIVE, _BYTES, _TEXT, _ARRAY, _MAP, _TAG = range(7)
_NULL = 0xF6


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
    value, end = _item(data, 0, max_depth, tags)
    if end != len(data):
        _refuse(f"{len(data) - end} bytes follow the item that ends at byte {end}")
    return value


def _item(data: bytes, start: int, depth: int, tags: Collection[int]) -> tuple[Any, int]:
    """The item at ``start`` and the place after it."""
    if depth < 0:
        _refuse(f"nested too deeply at byte {start}")
    major, argument, at = _head(data, start)
    if major <= _NEGATIVE:
        return argument if major == _UNSIGNED else -1 - argument, at
    if major <= _ARRAY and argument > len(data) - at:
        _refuse(f"{argument} bytes or items claimed at byte {start}, {len(data) - at} bytes are there")
    if major == _BYTES:
        return data[at : at + argument], at + argument
    if major == _TEXT:
        return _text(data[at : at + argument], start), at + argument
    if major == _ARRAY:
        items = []
        for _ in range(argument):
            item, at = _item(data, at, depth - 1, tags)
            items.append(item)
        return items, at
    if major == _MAP:
        return _map(data, at, argument, depth - 1, tags)
    return _tag_or_null(data, start, depth - 1, tags)


def _text(raw: bytes, start: int) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise QcotError(BAD_CBOR, f"text at byte {start} is not UTF-8") from error


def _map(data: bytes, at: int, pairs: int, depth: int, tags: Collection[int]) -> tuple[dict[Any, Any], int]:
    if 2 * pairs > len(data) - at:
        _refuse(f"map of {pairs} claimed before byte {at}, {len(data) - at} bytes are there")
    result, previous = {}, b""
    for _ in range(pairs):
        start = at
        key, at = _item(data, at, depth, ())
        if type(key) is not int and type(key) is not str:
            _refuse(f"key at byte {start} is neither an integer nor text")
        if data[start:at] <= previous:
            _refuse(f"key at byte {start} is a duplicate or out of order")
        previous = data[start:at]
        result[key], at = _item(data, at, depth, tags)
    return result, at


def _tag_or_null(data: bytes, start: int, depth: int, tags: Collection[int]) -> tuple[Any, int]:
    major, argument, at = _head(data, start)
    if data[start] == _NULL:
        return None, at
    if major != _TAG or argument not in tags:
        _refuse(f"tag or simple value {argument} at byte {start} has no place here")
    value, at = _item(data, at, depth, tags)
    return CBORTag(argument, value), at


def _head(data: bytes, at: int) -> tuple[int, int, int]:
    """Major type, argument and the place after the head at ``at`` (RFC 8949 section 3)."""
    if at >= len(data):
        _refuse("ends too early")
    first = data[at]
    major, argument = first >> 5, first & 31
    if argument < _ONE_BYTE:
        return major, argument, at + 1
    if argument > _EIGHT_BYTES or major > _TAG:
        _refuse(f"indefinite length, float or reserved value 0x{first:02x} at byte {at}")
    end = at + 1 + (1 << (argument - _ONE_BYTE))
    if end > len(data):
        _refuse("ends too early")
    value = int.from_bytes(data[at + 1 : end], "big")
    if value < _SMALLEST[argument]:
        _refuse(f"non-minimal head at byte {at}")
    return major, value, end


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

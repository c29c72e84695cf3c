"""A mapping that is never changed: setting a key gives another one, which shares nearly all of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

V = TypeVar("V")
_BUCKETS = 256
_EMPTY: dict[bytes, Any] = {}


class Shelf(Mapping[bytes, V]):
    """Values by byte strings, in no order.

    Copying a dict at every statement would make the replay of a ledger quadratic; here one of 256 is copied. Python's
    hash of bytes is keyed anew in each process, so nobody can choose ids that all fall into one.
    """

    __slots__ = ("_buckets", "_size")

    def __init__(self, buckets: tuple[dict[bytes, V], ...] = (_EMPTY,) * _BUCKETS, size: int = 0) -> None:
        self._buckets = buckets
        self._size = size

    def put(self, key: bytes, value: V) -> Shelf[V]:
        """This mapping with ``key`` set to ``value``; this one stays as it is."""
        at = hash(key) % _BUCKETS
        bucket = {**self._buckets[at], key: value}
        size = self._size + len(bucket) - len(self._buckets[at])
        return Shelf((*self._buckets[:at], bucket, *self._buckets[at + 1 :]), size)

    def __getitem__(self, key: bytes) -> V:
        return self._buckets[hash(key) % _BUCKETS][key]

    def __iter__(self) -> Iterator[bytes]:
        for bucket in self._buckets:
            yield from bucket

    def __len__(self) -> int:
        return self._size

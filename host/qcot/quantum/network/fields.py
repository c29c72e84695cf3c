"""Reads the members of a JSON object one by one, each with its type and limits; what is left over is refused."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Sequence
from typing import Any

from qcot.errors import QcotError
from qcot.quantum.network.problems import BAD_VALUE, MISSING_KEY, NOT_JSON, TOO_LARGE, UNKNOWN_KEY

MAX_BYTES = 1 << 20
MAX_LABEL = 200
NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9 ._-]{0,30}[A-Za-z0-9])?")
"""1 to 32 letters, digits, spaces, dots, dashes and underscores, the first and the last a letter or a digit."""
_ABSENT: Any = object()


def parse_object(text: bytes) -> dict[str, Any]:
    """One JSON object. Raises network-too-large and network-not-json (also for NaN, infinities and a key twice)."""
    if len(text) > MAX_BYTES:
        raise QcotError(TOO_LARGE, f"it has {len(text)} bytes")
    try:
        value = json.loads(text.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise QcotError(NOT_JSON, str(error)) from error
    if not isinstance(value, dict):
        raise QcotError(NOT_JSON, f"it is a {type(value).__name__}")
    return value


class Fields:
    """A JSON object being read. ``where`` says what it is, for the reason of a refusal."""

    def __init__(self, value: object, where: str) -> None:
        if not isinstance(value, dict):
            raise QcotError(BAD_VALUE, f"{where} is {_shown(value)}, not an object")
        self.where = where
        self._left: dict[str, Any] = dict(value)

    def __contains__(self, key: str) -> bool:
        return key in self._left

    def take(self, key: str, default: Any = _ABSENT) -> Any:
        """The value of ``key``, which is then read; without a default it must be there."""
        if key not in self._left and default is _ABSENT:
            raise QcotError(MISSING_KEY, f"{self.where} has no {key!r}")
        return self._left.pop(key, default)

    def text(self, key: str, default: Any = _ABSENT) -> str:
        """Text of at most MAX_LABEL printable characters."""
        value = self.take(key, default)
        if not isinstance(value, str) or len(value) > MAX_LABEL or not value.isprintable():
            raise self.bad(key, value, f"text of at most {MAX_LABEL} printable characters")
        return value

    def name(self, key: str) -> str:
        """A node's name."""
        return self.checked_name(self.take(key), key)

    def checked_name(self, value: object, key: str) -> str:
        """``value`` if it is a node's name."""
        if not isinstance(value, str) or not NAME.fullmatch(value):
            raise self.bad(key, value, "a name of 1 to 32 letters, digits, spaces and ._-")
        return value

    def number(self, key: str, most: float, default: Any = _ABSENT, least: float = 0.0) -> float:
        """A finite number from ``least`` to ``most``; a boolean is none."""
        value = self.take(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            raise self.bad(key, value, f"a number from {least:g} to {most:g}")
        return float(value)

    def items(self, key: str, most: int, default: Any = _ABSENT) -> Sequence[Fields]:
        """Objects of a list of at most ``most``."""
        value = self.take(key, default)
        if not isinstance(value, list):
            raise self.bad(key, value, "a list")
        if len(value) > most:
            raise QcotError(TOO_LARGE, f"{self.where} lists {len(value)} {key}")
        return [Fields(item, f"{key}[{index}]") for index, item in enumerate(value)]

    def nested(self, key: str) -> Fields:
        """An object."""
        return Fields(self.take(key), f"{self.where}.{key}")

    def ignore(self, keys: Iterable[str]) -> list[str]:
        """Drop those of ``keys`` that are there; gives their names with where they stood."""
        return [f"{self.where}.{key}" for key in keys if self._left.pop(key, _ABSENT) is not _ABSENT]

    def end(self) -> None:
        """Refuse what was not read."""
        if self._left:
            raise QcotError(UNKNOWN_KEY, f"{self.where} has {sorted(self._left)[0]!r}")

    def bad(self, key: str, value: object, wanted: str) -> QcotError:
        """The refusal of a value that is not what is ``wanted``."""
        return QcotError(BAD_VALUE, f"{self.where}.{key} is {_shown(value)}, not {wanted}")


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    known = dict(pairs)
    if len(known) != len(pairs):
        twice = next(key for key, _ in pairs if sum(key == other for other, _ in pairs) > 1)
        raise ValueError(f"the key {twice!r} stands twice in one object")
    return known


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON number")


def rounded_ns(value: float) -> int:
    """A delay in whole ns."""
    return math.floor(value + 0.5)

"""Recorded signals for a simulated board's ADC: CSV files of counts, read strictly."""

from __future__ import annotations

import importlib.util
import math
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

from qcot.boards.errors import BAD_SIGNAL, NO_RECORDINGS, BoardError

ADC_MAX = 1023
DEFAULT_RATE_HZ = 100.0

# Seconds in a unit of a time column, by the column's name in lower case; None: a date or a time of day.
TIME_COLUMNS: dict[str, float | None] = {
    "seconds": 1.0, "second": 1.0, "time": 1.0, "time_s": 1.0, "t": 1.0, "s": 1.0,
    "timer": 1e-3, "ms": 1e-3, "millis": 1e-3, "milliseconds": 1e-3, "time_ms": 1e-3,
    "datetime": None, "timestamp": None, "date": None,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Signal:
    """A recording: ``seconds[i]`` from the start, rising, and the ADC's ``counts[i]`` (0 to 1023) held from then on."""

    name: str
    seconds: tuple[float, ...]
    counts: tuple[int, ...]

    def to_csv(self) -> str:
        """What the emulators read: `seconds,counts` lines."""
        return "".join(f"{second:.6f},{count}\n" for second, count in zip(self.seconds, self.counts, strict=True))


def heartpy_recordings() -> list[Path]:
    """Photoplethysmograms that an Arduino took: the CSV files of the package heartpy, which is not imported."""
    spec = importlib.util.find_spec("heartpy")
    folders = list(spec.submodule_search_locations or []) if spec else []
    found = [Path(folder, "data", name) for folder in folders for name in ("data.csv", "data2.csv", "data3.csv")]
    if not found or not all(path.is_file() for path in found):
        raise BoardError(NO_RECORDINGS, "the package heartpy with its data files is not installed")
    return found


def read_signal(path: Path, rate_hz: float = DEFAULT_RATE_HZ) -> Signal:
    """Read a CSV of one column (counts at ``rate_hz``) or two (a time, then a count), with or without a header."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BoardError(BAD_SIGNAL, f"{path}: cannot be read as text: {error}") from error
    filled = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    rows = [(number, [cell.strip() for cell in line.split(",")]) for number, line in filled]
    if not rows:
        raise BoardError(BAD_SIGNAL, f"{path}: expected counts, found an empty file")
    columns = len(rows[0][1])
    if columns > 2:
        raise _bad(path, rows[0], "one or two columns")
    header = None if _is_count(rows[0][1][-1]) else rows[0]
    if header:
        rows = rows[1:]
    if not rows:
        raise BoardError(BAD_SIGNAL, f"{path}: expected counts below the header, found none")
    counts = tuple(_count(path, row, columns) for row in rows)
    times = _times(path, header, rows) if columns == 2 else [index / rate_hz for index in range(len(rows))]
    return Signal(path.stem, tuple(_spread(times)), counts)


def _bad(path: Path, row: tuple[int, list[str]], expected: str) -> BoardError:
    number, cells = row
    return BoardError(BAD_SIGNAL, f"{path}:{number}: expected {expected}, got {','.join(cells)[:60]!r}")


def _is_count(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _count(path: Path, row: tuple[int, list[str]], columns: int) -> int:
    if len(row[1]) != columns:
        raise _bad(path, row, "one count" if columns == 1 else "a time and a count")
    text = row[1][-1]
    if not _is_count(text) or not 0 <= float(text) <= ADC_MAX or float(text) != int(float(text)):
        raise _bad(path, row, f"a whole count from 0 to {ADC_MAX}")
    return int(float(text))


def _times(path: Path, header: tuple[int, list[str]] | None, rows: list[tuple[int, list[str]]]) -> list[float]:
    """Seconds since the first row."""
    unit: float | None = 1.0 if _is_count(rows[0][1][0]) else None
    if header:
        name = header[1][0].lower()
        if name not in TIME_COLUMNS:
            raise _bad(path, header, f"a time column named one of {', '.join(TIME_COLUMNS)}")
        unit = TIME_COLUMNS[name]
    raw = [_time(path, row, unit) for row in rows]
    for row, before, now in zip(rows[1:], raw, raw[1:], strict=False):
        if now < before:
            raise _bad(path, row, "a time not before the one above")
    return [value - raw[0] for value in raw]


def _time(path: Path, row: tuple[int, list[str]], unit: float | None) -> float:
    text = row[1][0]
    if unit is not None:
        if not _is_count(text):
            raise _bad(path, row, "a time as a number")
        return float(text) * unit
    day = "" if len(text.split(":")[0]) > 2 else "1970-01-01 "  # a time of day alone
    try:
        moment = datetime.fromisoformat(day + text)
    except ValueError:
        raise _bad(path, row, "a date and time, or HH:MM:SS.ffffff") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _spread(times: list[float]) -> list[float]:
    """Samples that a coarse clock gave one time share the span to the next, so that each is held for a while."""
    groups = [list(group) for _, group in groupby(times)]
    ends = [group[0] for group in groups[1:]]
    step = times[-1] / (len(times) - 1) if len(times) > 1 else 1 / DEFAULT_RATE_HZ
    ends.append(times[-1] + step * len(groups[-1]))
    return [
        group[0] + (end - group[0]) * index / len(group)
        for group, end in zip(groups, ends, strict=True)
        for index in range(len(group))
    ]

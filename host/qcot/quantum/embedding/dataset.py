"""Records as bit strings, and the data set that they make (QUMA eq. 9)."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qcot.errors import QcotError
from qcot.quantum.embedding.problems import DUPLICATE, NO_RECORDS, NOT_BITS, TOO_WIDE, UNEQUAL

MAX_BITS = 64
MAX_RECORDS = 64
MAX_VECTOR_BITS = 20


def bits_of(record: str | bytes) -> str:
    """A record as text of 0 and 1, first bit first: text as it stands, bytes most significant bit first."""
    if isinstance(record, (bytes, bytearray)):
        text = "".join(f"{byte:08b}" for byte in record)
    elif isinstance(record, str):
        text = record
    else:
        raise QcotError(NOT_BITS, f"{record!r:.40} is of type {type(record).__name__}")
    if strange := set(text) - {"0", "1"}:
        raise QcotError(NOT_BITS, f"{text!r:.40} has {min(strange)!r} in it")
    if not text:
        raise QcotError(NO_RECORDS, "a record has no bits")
    if len(text) > MAX_BITS:
        raise QcotError(TOO_WIDE, f"a record has {len(text)} bits, of at most {MAX_BITS}")
    return text


@dataclass(frozen=True)
class DataSet:
    """Different records of the same width and how often each stands in the data, in the order of their first time."""

    times: Mapping[str, int]

    @property
    def records(self) -> tuple[str, ...]:
        """The different records."""
        return tuple(self.times)

    @property
    def width(self) -> int:
        """Bits of each record, which is qubits of the state: one qubit a bit."""
        return len(next(iter(self.times)))

    @property
    def amplitudes(self) -> dict[str, float]:
        """Amplitude of each record: sqrt(times / all), which is 1/sqrt(K) when none stands twice (QUMA eq. 9)."""
        total = sum(self.times.values())
        return {record: math.sqrt(times / total) for record, times in self.times.items()}

    def vector(self) -> NDArray[np.complex128]:
        """The state, index ``int(record, 2)``, for up to 20 bits; raises `embedding-too-wide`."""
        if self.width > MAX_VECTOR_BITS:
            raise QcotError(TOO_WIDE, f"a vector of 2^{self.width} amplitudes, of at most 2^{MAX_VECTOR_BITS}")
        state = np.zeros(1 << self.width, complex)
        for record, amplitude in self.amplitudes.items():
            state[int(record, 2)] = amplitude
        return state


def dataset(records: Iterable[str | bytes], *, count_duplicates: bool = False) -> DataSet:
    """The data set of ``records``, bit text or bytes, all of one width.

    A superposition holds a basis state once, so a record that stands twice is refused by name, or on request counted:
    c copies of one among K get amplitude sqrt(c / K). The plain sum over K in QUMA eq. 9 would not have norm 1 then.
    """
    times: Counter[str] = Counter()
    for record in records:
        bits = bits_of(record)
        if times and len(bits) != len(next(iter(times))):
            reason = f"record {times.total()} has {len(bits)} bits, the first has {len(next(iter(times)))}"
            raise QcotError(UNEQUAL, reason)
        if bits in times and not count_duplicates:
            raise QcotError(DUPLICATE, f"|{bits}> stands there a second time, as record {times.total()}")
        times[bits] += 1
        if len(times) > MAX_RECORDS:
            raise QcotError(TOO_WIDE, f"more than {MAX_RECORDS} different records")
    if not times:
        raise QcotError(NO_RECORDS, "there is no record")
    return DataSet(dict(times))

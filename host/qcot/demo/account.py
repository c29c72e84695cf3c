"""Is every value that a board's ADC read in the ledger, in its place, or told there to be lost?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from qcot.ledger import qblock, transactions
from qcot.ledger.reader import Reader
from qcot.ledger.transactions import FrameEntry
from qcot.link import frames, messages
from qcot.link.chain import Reading


@dataclass(frozen=True, slots=True)
class Account:
    """One board: how many values its ADC read on the channel, the ledger holds, and the chain says found no room.

    ``accounted``: the ledger has each value in its place, or says there that it was lost.
    """

    device: str
    sampled: int
    recorded: int
    told_lost: int
    accounted: bool


def readings_of(ledger: Reader, device: bytes) -> list[Reading]:
    """All readings of ``device`` in the ledger, in the order of its chain (epochs one after the other)."""
    found = []
    for _, raw in ledger.leaves():
        if raw[0] == qblock.FIRST_BYTE:
            continue
        for entry in transactions.parse(raw).entries:
            if isinstance(entry, FrameEntry) and entry.device == device:
                frame = frames.parse(entry.frame)
                if frame is not None and frame.type == messages.Readings.TYPE:
                    found += messages.Readings.decode(frame.body).readings()
    return found


def told(readings: Iterable[Reading], channel: int) -> list[int | None]:
    """What the chain of a board that samples ``channel`` alone says was sampled: None for what found no room."""
    values: list[int | None] = []
    for reading in readings:
        if reading.is_loss:
            values += [None] * reading.value
        elif reading.channel == channel:
            values.append(reading.value)
    return values


def agrees(chain: Sequence[int | None], sampled: Sequence[int]) -> bool:
    """Whether ``sampled`` is what the ``chain`` tells."""
    pairs = zip(chain, sampled, strict=False)
    return len(chain) == len(sampled) and all(each in (None, value) for each, value in pairs)


def settle(device: bytes, sampled: Sequence[int], readings: Iterable[Reading], channel: int) -> Account:
    """Compare what the ADC's log says of ``channel`` with the readings of it in the ledger."""
    chain = told(readings, channel)
    lost = chain.count(None)
    return Account(device.hex(), len(sampled), len(chain) - lost, lost, agrees(chain, sampled))

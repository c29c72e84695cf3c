"""Was every value that a board's ADC read found in the ledger, byte for byte and in order?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from qcot.ledger import qblock, transactions
from qcot.ledger.reader import Reader
from qcot.ledger.transactions import FrameEntry
from qcot.link import frames, messages
from qcot.link.chain import Reading


@dataclass(frozen=True, slots=True)
class Account:
    """One board: values its ADC read on the channel, those found in the ledger, and those that are not there."""

    device: str
    sampled: int
    recorded: int
    lost: int
    told_lost: int
    identical: bool


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


def settle(device: bytes, sampled: Sequence[int], readings: Sequence[Reading], channel: int) -> Account:
    """Compare what the ADC's log says of ``channel`` with the readings of it in the ledger."""
    recorded = [reading.value for reading in readings if reading.channel == channel]
    told = sum(reading.value for reading in readings if reading.is_loss)
    return Account(
        device=device.hex(),
        sampled=len(sampled),
        recorded=len(recorded),
        lost=len(sampled) - len(recorded),
        told_lost=told,
        identical=list(sampled) == recorded,
    )

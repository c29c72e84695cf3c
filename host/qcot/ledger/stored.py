"""What a ledger's tables say of its leaves: rows, as the reader gives them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StoredRun:
    """Readings ``first`` to ``first + count - 1``: in entry ``entry`` of the transaction at ``leaf``."""

    device: bytes
    epoch: int
    first: int
    count: int
    leaf: int
    entry: int
    link_before: bytes


@dataclass(frozen=True, slots=True)
class StoredSigned:
    """A board's own checkpoint: in entry ``entry`` of the transaction at ``leaf``, by ``lms_leaf`` of ``key``."""

    key: bytes
    lms_leaf: int
    device: bytes
    epoch: int
    seq: int
    leaf: int
    entry: int

    @property
    def place(self) -> tuple[bytes, int, int]:
        """What it is over: device, epoch, seq."""
        return self.device, self.epoch, self.seq


@dataclass(frozen=True, slots=True)
class Totals:
    """Numbers of things in a ledger; ``refused`` counts what was refused for good, by the name of the refusal."""

    transactions: int
    readings: int
    qblocks: int
    refused: Mapping[str, int]

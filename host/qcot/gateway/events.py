"""What a gateway tells whoever watches it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from qcot.ledger.qblock import Header
from qcot.ledger.rules import Device

Kind: TypeAlias = Literal["connected", "disconnected", "stored", "refused", "qblock", "trouble"]


@dataclass(frozen=True, slots=True)
class Event:
    """Something that a person at the gateway would want to see; ``text`` says it in one line."""

    kind: Kind
    text: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The gateway at one moment.

    ``transactions``, ``readings`` and ``qblocks`` are in the ledger; ``refused`` counts by name of the refusal;
    ``devices`` says where the chain of every enrolled one stands, by id; ``trouble`` is why nothing is stored now.
    """

    connected: bool
    transactions: int
    readings: int
    qblocks: int
    last_qblock: Header | None
    checkpoint: str | None
    refused: Mapping[str, int]
    devices: Mapping[bytes, Device]
    trouble: str | None

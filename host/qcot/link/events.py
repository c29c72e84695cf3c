"""What a :class:`~qcot.link.session.Session` tells whoever drives it."""

from __future__ import annotations

from dataclasses import dataclass

from qcot.errors import Problem
from qcot.link.messages import Channel, Code, Hello, Opened, Readings, Status


@dataclass(frozen=True, slots=True)
class Resume:
    """Where a device's chain stands: all before ``seq`` of ``epoch`` is there, ``link`` is after the last of it."""

    epoch: int = 0
    seq: int = 0
    link: bytes = b""


@dataclass(frozen=True, slots=True)
class SawHello:
    """A board, or somebody who plays one, says hello. Answer with ``Session.open`` or leave it."""

    hello: Hello


@dataclass(frozen=True, slots=True)
class SessionOpened:
    """The board proved that it has the device key; ``raw`` is the OPENED frame, its stream goes on at ``position``."""

    opened: Opened
    raw: bytes
    position: Resume


@dataclass(frozen=True, slots=True)
class TookReadings:
    """Readings in their place on the chain. Store ``raw`` and ``position``, then ``Session.acknowledge`` it."""

    readings: Readings
    raw: bytes
    position: Resume


@dataclass(frozen=True, slots=True)
class SawStatus:
    """The board's counters."""

    status: Status


@dataclass(frozen=True, slots=True)
class SawChannel:
    """The answer to ``Session.describe``."""

    channel: Channel


@dataclass(frozen=True, slots=True)
class SawResult:
    """The answer to a command: ``channel`` is the one that it was about, None when it was an ACK or OPEN.

    Without ``authenticated`` it is a hint and no more.
    """

    code: Code
    detail: int
    channel: int | None
    authenticated: bool


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that a person may want to know; ``fatal`` when this board cannot be served on without a reset."""

    problem: Problem
    reason: str
    fatal: bool = False


Event = SawHello | SessionOpened | TookReadings | SawStatus | SawChannel | SawResult | Trouble

"""What a :class:`~qcot.link.session.Session` tells whoever drives it."""

from __future__ import annotations

from dataclasses import dataclass

from qcot.errors import Problem
from qcot.link.messages import (
    Calibrate,
    Channel,
    Code,
    Command,
    Configure,
    Describe,
    Hello,
    Opened,
    Readings,
    Status,
)
from qcot.link.signer import Checkpoint, Leaf, Signature, Signer


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
class SawSigner:
    """How the board's own key stands: the answer to ``Session.ask_signer``."""

    signer: Signer


@dataclass(frozen=True, slots=True)
class SawLeaf:
    """The answer to ``Session.want_leaf``."""

    leaf: Leaf


@dataclass(frozen=True, slots=True)
class SawCheckpoint:
    """The answer to ``Session.sign``: the signature's values follow."""

    checkpoint: Checkpoint


@dataclass(frozen=True, slots=True)
class SawSignature:
    """Some values of a signature."""

    signature: Signature


@dataclass(frozen=True, slots=True)
class SawResult:
    """The answer to ``command``; None when it was an ACK or OPEN, or nobody waits for it any more.

    Without ``authenticated`` it is a hint and no more.
    """

    code: Code
    detail: int
    command: Command | None
    authenticated: bool

    @property
    def channel(self) -> int | None:
        """The channel that the command was about, if it was about one."""
        return self.command.channel if isinstance(self.command, Configure | Describe | Calibrate) else None


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that a person may want to know; ``fatal`` when this board cannot be served on without a reset.

    ``command`` is what was given up, if that is what it tells.
    """

    problem: Problem
    reason: str
    fatal: bool = False
    command: Command | None = None


SignerEvent = SawSigner | SawLeaf | SawCheckpoint | SawSignature
Event = SawHello | SessionOpened | TookReadings | SawStatus | SawChannel | SignerEvent | SawResult | Trouble

"""What the world outside knows of a board: what its host has on disk, and what ever left the board."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field

from qcot.link.events import Resume
from qcot.link.messages import Channel
from qcot.link.signer import Checkpoint, Signature

COUNTER_END = 6  # type, flags, counter: what follows is the body, and a leaf comes first in both kinds
LEAF_END = COUNTER_END + 4


class ViolationError(Exception):
    """A board broke its word; ``name`` says which."""

    def __init__(self, name: str, detail: str) -> None:
        super().__init__(f"{name}: {detail}")
        self.name = name
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Setting:
    """What a board keeps of a channel."""

    rate: int
    num: int
    den: int
    offset: int

    @classmethod
    def of(cls, channel: Channel) -> Setting:
        """As the board describes it."""
        return cls(channel.rate, channel.num, channel.den, channel.offset)


Settings = tuple[Setting, ...]


class Leaks:
    """Which leaf the last byte of a signature that left the board belongs to, also when the frame was cut short."""

    def __init__(self) -> None:
        self.highest = -1
        self._part = bytearray()

    def heard(self, said: bytes) -> None:
        """Take what the board said."""
        for byte in said:
            if byte:
                self._part.append(byte)
            else:
                self._part.clear()
            if len(self._part) == LEAF_END + 1:
                self._judge()

    def silence(self) -> None:
        """The board lost its power: what it says next begins a new frame."""
        self._part.clear()

    def _judge(self) -> None:
        raw, at = bytearray(self._part), 0
        while at < len(raw):
            code, raw[at] = raw[at], 0
            at += code
        if raw[1] in (Checkpoint.TYPE, Signature.TYPE):
            self.highest = max(self.highest, int.from_bytes(raw[1 + COUNTER_END : 1 + LEAF_END], "little"))


@dataclass(frozen=True, slots=True)
class Key:
    """The board's own key, as it told it."""

    generation: int
    identifier: bytes
    root: bytes = b""


@dataclass
class Known:
    """All of it. A copy goes into each fork; what was asked and not yet answered may have happened or not."""

    epoch: int = 0
    nonces: set[bytes] = field(default_factory=set)
    offered: dict[bytes, bytes] = field(default_factory=dict)
    device: bytes | None = None  # which of them it has proven
    settings: Settings | None = None
    wanted: Settings | None = None  # asked for, not answered
    earlier: Settings | None = None  # before the last change
    resume: Resume = field(default_factory=Resume)
    generating: bool = False  # GENERATE was sent
    key: Key | None = None
    leaves: dict[int, bytes] = field(default_factory=dict)
    asked_leaf: int = -1  # the highest that SIGN was sent for
    leaks: Leaks = field(default_factory=Leaks)

    def copy(self) -> Known:
        """One that goes its own way."""
        return deepcopy(self)

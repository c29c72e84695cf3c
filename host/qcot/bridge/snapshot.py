"""What a bridge shows of itself, as records that never change under the reader."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field

from qcot.link.session import Counters

VERSION = 1


@dataclass(frozen=True, slots=True)
class SignerView:
    """A board's own key: its ``phase`` in the words of the link, ``done`` of ``total`` leaves computed, or used.

    ``certified`` is whether it was in the board's certificate when that was last looked at.
    """

    phase: str
    done: int
    total: int
    certified: bool = False

    @property
    def words(self) -> str:
        """For people, in a few words."""
        match self.phase:
            case "generating":
                return f"making its key, {100 * self.done // self.total} %"
            case "ready":
                return f"{self.total - self.done:,} signatures left" + ("" if self.certified else ", not certified")
            case "exhausted":
                return "key used up"
            case "damaged":
                return "key damaged"
        return ""


@dataclass(frozen=True, slots=True)
class BoardView:
    """One port. ``device`` is None until a board proved itself; times are ms since 1970, seqs are of ``epoch``."""

    port: str
    device: str | None = None
    model: str | None = None
    online: bool = False
    reason: str = ""
    last_seen: int | None = None
    epoch: int | None = None
    readings: int = 0
    stored: int = 0
    base: int | None = None
    head: int | None = None
    lost: int = 0
    counters: Counters = field(default_factory=Counters)
    board_noise: int = 0
    board_forged: int = 0
    board_replayed: int = 0
    free_ram: int | None = None
    signer: SignerView | None = None


@dataclass(frozen=True, slots=True)
class TroubleView:
    """The last time that this trouble was met at this place, and how often since the start."""

    where: str
    name: str
    reason: str
    remedy: str
    time: int
    times: int


@dataclass(frozen=True, slots=True)
class BridgeView:
    """The whole bridge. ``readings`` counts since the start; pending, outbox and refused are what is on disk."""

    site: str
    bridge: str
    running: bool = False
    connected: bool = False
    boards: tuple[BoardView, ...] = ()
    readings: int = 0
    sealed: int = 0
    accepted: int = 0
    accepted_readings: int = 0
    pending: int = 0
    outbox: int = 0
    refused: int = 0
    channel: str = "off"
    """Whether transactions are sealed, and under what."""
    troubles: tuple[TroubleView, ...] = ()

    def to_json(self, time: int) -> bytes:
        """The payload of the status topic; ``time`` in ms since 1970."""
        return json.dumps({"version": VERSION, "time": time} | asdict(self), separators=(",", ":")).encode()


def last_will(site: str, bridge: str) -> bytes:
    """What the broker says when this bridge goes without a word; it can't know the time."""
    return json.dumps({"version": VERSION, "time": None} | asdict(BridgeView(site, bridge))).encode()

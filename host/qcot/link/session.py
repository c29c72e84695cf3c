"""The host's side of the link as a state machine: bytes and times in, events and bytes out, no I/O and no clock.

Invariants:

- without a good MAC nothing is heard but HELLO and the RESULT of a board without a session: neither changes one;
- a session stands until OPENED of the next one is proven, so a forged HELLO cannot end it;
- each counter accepted is greater than the one before, in its session;
- ``wanted`` and ``link`` move only over readings whose link was recomputed, and ``stored`` only by ``acknowledge``;
- an ACK never says more than ``stored``;
- from ``open`` until its answer, or its end, no readings are taken: a session resumes from where the last one stood;
- at most one frame goes out in :data:`PACE` seconds unless the one before was answered.

Times are seconds on any clock that never goes back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from qcot.errors import Problem
from qcot.link import chain, keys
from qcot.link.commands import Commanding, Commands
from qcot.link.events import (
    Event,
    Resume,
    SawChannel,
    SawCheckpoint,
    SawHello,
    SawLeaf,
    SawResult,
    SawSignature,
    SawSigner,
    SawStatus,
    SessionOpened,
    TookReadings,
    Trouble,
)
from qcot.link.frames import AUTH, Frame, FrameDecoder, MacKey, seal, wire
from qcot.link.layout import title
from qcot.link.messages import (
    KINDS,
    UNAUTHENTICATED_RESULTS,
    Ack,
    AnyMessage,
    Channel,
    Command,
    Hello,
    Identify,
    Open,
    Opened,
    Readings,
    Result,
    Status,
    decode,
)
from qcot.link.problems import (
    AHEAD,
    CHAIN_BROKEN,
    CHAIN_GAP,
    FORGED,
    MALFORMED,
    NO_ANSWER,
    REPLAYED,
    LinkError,
)
from qcot.link.signer import Checkpoint, Leaf, Signature, Signer

PACE = 0.005
ONLINE = 6.0
LISTEN = 3.0
"""A host that has opened a port says nothing for so long or until it hears a frame: a Mega's bootloader that hears
anything in its first seconds waits for more, and the board never starts."""
OPEN_TIMEOUT = 0.5
IDENTIFY_EVERY = (0.2, 1.0)

_TOLD: dict[type[AnyMessage], Callable[[Any], Event]] = {
    Status: SawStatus,
    Channel: SawChannel,
    Signer: SawSigner,
    Leaf: SawLeaf,
    Checkpoint: SawCheckpoint,
    Signature: SawSignature,
}
"""What is told of each message as it is."""


@dataclass(frozen=True, slots=True)
class Counters:
    """How often each thing happened since the port was opened."""

    noise: int = 0
    forged: int = 0
    replayed: int = 0
    malformed: int = 0
    ahead: int = 0
    repeated: int = 0


@dataclass(slots=True)
class _Offer:
    """An OPEN that went out, or will, for one nonce of the board."""

    hello: Hello
    key: MacKey
    resume: Resume
    frame: bytes
    sent: float | None = None


@dataclass(slots=True)
class _Live:
    """A session that stands."""

    key: MacKey
    device: bytes
    epoch: int
    received: int
    sent: int = 1
    frozen: bool = False


class Session(Commanding):
    """Feed ``receive``, write what ``poll`` gives, ``open`` on SawHello, ``acknowledge`` what is stored."""

    def __init__(self, *, takes_readings: bool = True, listen: float = LISTEN) -> None:
        """Without ``takes_readings`` only commands pass: the board keeps its readings for whoever follows its chain."""
        self._takes_readings = takes_readings
        self._decoder = FrameDecoder()
        self._offer: _Offer | None = None
        self._live: _Live | None = None
        self._commands = Commands()
        self._ack: int | None = None
        self._count = dict.fromkeys(("forged", "replayed", "malformed", "ahead", "repeated"), 0)
        self._quiet_until = 0.0
        self._listen = listen
        self._identify_at: float | None = None  # until the first poll
        self._heard = False
        self._identify_gap = IDENTIFY_EVERY[0]
        self._began = False
        self.wanted = 0
        self.stored = 0
        self.link = b""
        self.last_seen: float | None = None

    # What is known

    @property
    def counters(self) -> Counters:
        """Counts since the port was opened."""
        return Counters(noise=self._decoder.noise, **self._count)

    @property
    def device(self) -> bytes | None:
        """Whose session stands."""
        return self._live.device if self._live else None

    @property
    def epoch(self) -> int | None:
        """The boot whose session stands."""
        return self._live.epoch if self._live else None

    def online(self, now: float) -> bool:
        """Whether an authenticated frame is younger than 6 s."""
        return self.last_seen is not None and now - self.last_seen < ONLINE

    @property
    def idle(self) -> bool:
        """Whether no command waits to be sent or answered."""
        return self._commands.idle

    # Frames in

    def receive(self, data: bytes, now: float) -> Iterator[Event]:
        """What ``data``, read at ``now``, tells. See ``take``."""
        return self.take(self._decoder.feed(data), now)

    def take(self, frames: Iterable[Frame], now: float) -> Iterator[Event]:
        """What ``frames`` tell. Each is judged after the events before it were dealt with, so take them all."""
        for frame in frames:
            events: list[Event] = []
            if not self._heard:
                self._heard, self._identify_at = True, now
            self._take(frame, now, events)
            yield from events

    def _take(self, frame: Frame, now: float, events: list[Event]) -> None:
        live, offer = self._live, self._offer
        try:
            if not frame.flags & AUTH:
                self._plain(frame, events)
            elif live and live.key.good(frame):
                if frame.counter <= live.received:
                    self._trouble(events, REPLAYED, f"counter {frame.counter} after {live.received}")
                    return
                live.received = frame.counter
                self.last_seen = now
                self._proven(frame, events)
            elif offer and offer.sent is not None and offer.key.good(frame):
                if frame.type == Opened.TYPE:
                    self._opened(offer, frame, now, events)
                else:
                    # The session stands on the board's side but its OPENED was lost: ask for a new nonce.
                    self._identify_at = now
            elif live or (offer and frame.type == Opened.TYPE):
                self._trouble(events, FORGED, f"no key of this session makes the MAC of a {_name(frame.type)} frame")
            # Else it may belong to the session of whoever had this port before, and nobody here can judge it.
        except LinkError as error:
            self._trouble(events, error.problem, error.reason)

    def _plain(self, frame: Frame, events: list[Event]) -> None:
        if frame.type not in (Hello.TYPE, Result.TYPE):
            self._trouble(events, FORGED, f"a {_name(frame.type)} frame without a MAC")
            return
        if frame.type == Result.TYPE and Result.decode(frame.body).code not in UNAUTHENTICATED_RESULTS:
            self._trouble(events, FORGED, "a RESULT frame without a MAC")
            return
        message = decode(frame)
        if isinstance(message, Hello):
            events.append(SawHello(message))
        elif isinstance(message, Result):
            events.append(SawResult(message.code, message.detail, None, authenticated=False))

    def _proven(self, frame: Frame, events: list[Event]) -> None:
        message = decode(frame)
        match message:
            case Readings():
                self._readings(message, frame.raw, events)
            case Result():
                command = self._commands.refused_or_done(message.command)
                if command is not None:
                    self._quiet_until = 0.0
                events.append(SawResult(message.code, message.detail, command, authenticated=True))
            case _ if type(message) in _TOLD:
                if self._commands.answered_by(message) is not None:
                    self._quiet_until = 0.0
                events.append(_TOLD[type(message)](message))
            case _:
                raise LinkError(MALFORMED, f"{_name(frame.type)} within a session")

    def _readings(self, message: Readings, raw: bytes, events: list[Event]) -> None:
        live = self._live
        if live is None or live.frozen or self._offer or not self._takes_readings:
            # While a new session is on offer, what it resumes from must not move; the board repeats these.
            return
        if message.end <= self.wanted:
            self._count["repeated"] += 1
            if message.end <= self.stored:
                self._ack = self.stored
            return
        if message.first > self.wanted:
            self._trouble(events, AHEAD, f"readings from {message.first}, wanted {self.wanted}")
            return
        link = chain.extend(self.link, message.first, message.records)
        if message.first < self.wanted or link != message.link:
            live.frozen = True
            reason = f"readings {message.first} to {message.end - 1} do not continue the chain at {self.wanted}"
            events.append(Trouble(CHAIN_BROKEN, reason, fatal=True))
            return
        self.wanted, self.link = message.end, link
        events.append(TookReadings(message, raw, Resume(live.epoch, message.end, link)))

    def _opened(self, offer: _Offer, frame: Frame, now: float, events: list[Event]) -> None:
        message = decode(frame)
        assert isinstance(message, Opened)
        hello, resume = offer.hello, offer.resume
        if message.device != hello.device:
            raise LinkError(MALFORMED, f"OPENED of {message.device.hex()} after HELLO of {hello.device.hex()}")
        same = bool(resume.link) and message.epoch == resume.epoch
        expected = (resume.seq, resume.link) if same else (0, chain.genesis(message.device, message.epoch))
        self._offer = None
        self._identify_gap = IDENTIFY_EVERY[0]
        self._live = _Live(offer.key, message.device, message.epoch, received=frame.counter)
        self.last_seen = now
        self.wanted, self.link = expected
        self.stored = self.wanted
        self._ack = None
        self._commands.clear()
        goes_on = (message.base, message.base_link) == expected and message.epoch >= resume.epoch
        if self._takes_readings and not goes_on:
            self._live.frozen = True
            reason = (
                f"the board goes on at reading {message.base} of boot {message.epoch}, "
                f"on disk is all before {resume.seq} of boot {resume.epoch}"
            )
            events.append(Trouble(CHAIN_GAP, reason, fatal=True))
            return
        events.append(SessionOpened(message, frame.raw, Resume(message.epoch, *expected)))

    # What the driver asks for

    def open(self, hello: Hello, device_key: bytes, resume: Resume, host_nonce: bytes) -> None:
        """Answer ``hello``; ``host_nonce`` is 16 fresh random bytes. The same nonce again changes nothing."""
        if self._offer and self._offer.hello.nonce == hello.nonce:
            return
        key = keys.session_key(device_key, hello.nonce, host_nonce)
        body = Open(host_nonce, resume.epoch, resume.seq).encode()
        self._offer = _Offer(hello, key, resume, seal(Open.TYPE, body, 1, key))

    def acknowledge(self, epoch: int, seq: int) -> None:
        """All readings before ``seq`` of ``epoch`` are on disk."""
        if self._live and not self._live.frozen and self._live.epoch == epoch and self.stored < seq <= self.wanted:
            self.stored = self._ack = seq

    # Frames out

    def poll(self, now: float, events: list[Event] | None = None) -> bytes:
        """What to write now, perhaps nothing. A command given up is told in ``events``."""
        self._expire(now, events if events is not None else [])
        if self._identify_at is None:
            self._identify_at = now + self._listen
        if now < self._quiet_until:
            return b""
        raw = self._next(now)
        if raw is None:
            return b""
        self._quiet_until = now + PACE
        if self._began:
            return wire(raw)
        self._began = True
        return b"\0" + wire(raw)

    def wake(self, now: float) -> float:
        """When ``poll`` may have more to say, if nothing comes in before; never more than a second away."""
        if self._ack is not None or self._command_ready(now) or (self._offer and self._offer.sent is None):
            return max(self._quiet_until, now)
        later = now + (1.0 if self.online(now) and not self._offer else IDENTIFY_EVERY[0])
        deadline = self._commands.deadline
        return later if deadline is None else max(min(deadline, later), now)

    def _command_ready(self, now: float) -> bool:
        live = self._live
        return bool(self._commands.ready and live and not live.frozen and self.online(now))

    def _next(self, now: float) -> bytes | None:
        offer, live = self._offer, self._live
        if offer and offer.sent is None:
            offer.sent = now
            self._identify_at = now + OPEN_TIMEOUT
            return offer.frame
        if live and self._ack is not None:
            ack, self._ack = self._ack, None
            return self._seal(live, Ack(ack))
        if live and self._command_ready(now):
            pending = self._commands.take(now)
            raw = self._seal(live, pending.body)
            pending.counters.add(live.sent)
            return raw
        if (offer or not self.online(now)) and self._identify_at is not None and now >= self._identify_at:
            # A nonce that was offered without an answer is stale or spent: ask for another.
            self._offer = None
            self._identify_at = now + self._identify_gap
            self._identify_gap = min(self._identify_gap * 2, IDENTIFY_EVERY[1])
            return seal(Identify.TYPE, b"")
        return None

    @staticmethod
    def _seal(live: _Live, message: Ack | Command) -> bytes:
        live.sent += 1
        return seal(message.TYPE, message.encode(), live.sent, live.key)

    def _expire(self, now: float, events: list[Event]) -> None:
        for lost in self._commands.expire(now):
            reason = f"{lost.body}, sent {lost.tries} times"
            events.append(Trouble(NO_ANSWER, reason, command=lost.body))

    def _trouble(self, events: list[Event], problem: Problem, reason: str) -> None:
        self._count[problem.name] += 1
        events.append(Trouble(problem, reason))


def _name(kind: int) -> str:
    return title(KINDS[kind].record) if kind in KINDS else f"{kind:#04x}"

"""A board in Python, from docs/link-protocol.md: the other end of the line where a test needs to bend it."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import pty
import select
import struct
import threading
import time
import tty
from dataclasses import dataclass, field
from pathlib import Path

from qcot.link.frames import AUTH, Frame, FrameDecoder, MacKey, seal, wire
from qcot.link.messages import (
    Ack,
    Channel,
    Code,
    Configure,
    Describe,
    Enrol,
    Enrolled,
    Hello,
    Identify,
    Open,
    Opened,
    Readings,
    Result,
    Status,
)
from qcot.link.messages import decode as decode_message
from qcot.link.problems import LinkError
from signer_peer import SignerPeer

IMAGE = bytes(range(32))
CHANNELS = (
    Channel(0, 10_000, 5, 1023, 0, "A0", "V"),
    Channel(1, 0, 5, 1023, 0, "A1", "V"),
    Channel(2, 1_000, 1, 1000, -273_150, "temp", "Cel"),
)


def _hmac(key: bytes, data: bytes) -> bytes:
    return hmac.new(key, data, hashlib.sha256).digest()


@dataclass
class Board:
    """State of one board; ``hear`` takes bytes and gives bytes, ``say`` gives what is due. Times in seconds."""

    model: str = "peer"
    device: bytes = bytes(8)
    key: bytes = b""
    epoch: int = 0
    damaged: bool = False
    image: bytes = IMAGE
    refuse_enrol: Code | None = None
    shared_pins: tuple[int, ...] = ()  # of these channels one at a time
    flushed: float = 0.1
    repeat: float = 1.0
    rates: dict[int, int] = field(default_factory=dict)
    sampled: list[tuple[int, int, int]] = field(default_factory=list)  # of this epoch: time, channel, value
    history: dict[int, list[tuple[int, int, int]]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("forged", "replayed"), 0))
    acks: list[int] = field(default_factory=list)
    signer: SignerPeer | None = None

    def __post_init__(self) -> None:
        self.boot()

    def boot(self) -> None:
        """Reset: a new epoch, an empty ring."""
        self.epoch += 1
        self.sampled = self.history.setdefault(self.epoch, [])
        self.links = [hashlib.sha256(b"qcot/chain/v1" + self.device + struct.pack("<I", self.epoch)).digest()]
        self.base = 0
        self.flying: list[tuple[int, int, float]] = []
        self.session = 0
        self.nonce = self._nonce()
        self.mac: MacKey | None = None
        self.sent = self.got = 0
        self.hello_at = self.status_at = 0.0
        self.decoder = FrameDecoder()
        self.out = b"\0"

    def _nonce(self) -> bytes:
        if not self.key:
            return bytes(16)
        data = b"qcot/nonce/v1" + struct.pack("<II", self.epoch, self.session) + os.urandom(8)
        return _hmac(self.key, data)[:16]

    @property
    def firmware(self) -> tuple[int, int, int]:
        return (1, 1 if self.signer else 0, 0)

    @property
    def head(self) -> int:
        return len(self.sampled)

    def sample(self, channel: int, value: int, at_ms: int) -> None:
        seq = self.head
        self.sampled.append((at_ms, channel, value))
        self.links.append(hashlib.sha256(self.links[-1] + struct.pack("<IIBi", seq, at_ms, channel, value)).digest())

    def hello(self) -> bytes:
        state = (1 if self.key else 0) | (4 if self.damaged else 0)
        body = Hello(
            state, self.device, self.epoch, self.nonce, self.firmware, self.image, len(CHANNELS), self.model
        ).encode()
        return wire(seal(Hello.TYPE, body))

    def auth(self, message: object) -> bytes:
        self.sent += 1
        return wire(seal(message.TYPE, message.encode(), self.sent, self.mac))

    def say(self, now: float) -> bytes:
        out, self.out = self.out, b""
        if self.mac is None:
            if now >= self.hello_at:
                self.hello_at = now + 1.0
                out += self.hello()
            return out
        if now >= self.status_at:
            self.status_at = now + 2.0
            out += self.auth(Status(0, self.head, self.base, 0, 0, self.counts["forged"], self.counts["replayed"], 999))
        if self.flying and now - self.flying[0][2] >= self.repeat:
            again, self.flying = self.flying, []
            for first, end, _ in again:
                out += self._readings(first, end, now)
        after = self.flying[-1][1] if self.flying else self.base
        while len(self.flying) < 4 and after < self.head:
            end = min(after + 14, self.head)
            out += self._readings(after, end, now)
            after = end
        return out

    def _readings(self, first: int, end: int, now: float) -> bytes:
        self.flying.append((first, end, now))
        records = b"".join(struct.pack("<IBi", *each) for each in self.sampled[first:end])
        return self.auth(Readings(first, records, self.links[end]))

    def hear(self, data: bytes) -> None:
        for frame in self.decoder.feed(data):
            with contextlib.suppress(LinkError):
                self._take(frame)

    def _take(self, frame: Frame) -> None:
        if frame.type == Identify.TYPE:
            self.out += self.hello()
        elif frame.type == Enrol.TYPE:
            self._enrol(Enrol.decode(frame.body))
        elif frame.type == Open.TYPE:
            self._open(frame)
        elif not frame.flags & AUTH or self.mac is None or not self.mac.good(frame):
            self.counts["forged"] += 1
        elif frame.counter <= self.got:
            self.counts["replayed"] += 1
        else:
            self.got = frame.counter
            self._command(frame)

    def _enrol(self, enrol: Enrol) -> None:
        code = self.refuse_enrol or (Code.ALREADY_ENROLLED if self.key else None)
        if code is not None:
            self.out += wire(seal(Result.TYPE, Result(0, code, 0).encode()))
            return
        self.device, self.key = enrol.device, enrol.key
        self.links = [hashlib.sha256(b"qcot/chain/v1" + self.device + struct.pack("<I", self.epoch)).digest()]
        for at in range(self.head):
            record = struct.pack("<IIBi", at, *self.sampled[at])
            self.links.append(hashlib.sha256(self.links[-1] + record).digest())
        self.nonce = self._nonce()
        proof = MacKey(_hmac(self.key, b"qcot/enrol/v1" + enrol.challenge))
        self.out += wire(seal(Enrolled.TYPE, Enrolled(self.device, enrol.challenge, self.image).encode(), 1, proof))

    def _open(self, frame: Frame) -> None:
        opening = Open.decode(frame.body)
        if not self.key:
            self.out += wire(seal(Result.TYPE, Result(frame.counter, Code.NOT_ENROLLED, 0).encode()))
            return
        mac = MacKey(_hmac(self.key, b"qcot/session/v1" + self.nonce + opening.nonce))
        if not mac.good(frame):
            self.counts["forged"] += 1
            return
        self.mac, self.got, self.sent = mac, frame.counter, 0
        self.session += 1
        self.nonce = self._nonce()
        self.flying = []
        if opening.epoch == self.epoch and self.base <= opening.seq <= self.head:
            self.base = opening.seq
        base_link = self.links[self.base]
        opened = Opened(self.device, self.epoch, self.image, self.firmware, self.base, self.head, base_link, 0)
        self.out += self.auth(opened)

    def _command(self, frame: Frame) -> None:
        if frame.type == Ack.TYPE:
            seq = Ack.decode(frame.body).seq
            self.acks.append(seq)
            if seq in [end for _, end, _ in self.flying]:
                self.base = seq
                self.flying = [each for each in self.flying if each[1] > seq]
            else:
                self.out += self.auth(Result(frame.counter, Code.BAD_ACK, 0))
        elif frame.type == Configure.TYPE:
            wish = Configure.decode(frame.body)
            good = wish.rate == 0 or 100 <= wish.rate <= 200_000
            code = Code.BAD_CHANNEL if wish.channel >= len(CHANNELS) else Code.OK if good else Code.BAD_RATE
            shared = set(self.shared_pins) - {wish.channel} if wish.channel in self.shared_pins else set()
            taken = [other for other in shared if wish.rate and self.rates.get(other)]
            code = Code.PIN_TAKEN if code is Code.OK and taken else code
            if code is Code.OK:
                self.rates[wish.channel] = wish.rate
            self.out += self.auth(Result(frame.counter, code, taken[0] if taken else wish.channel))
        elif frame.type == Describe.TYPE:
            index = Describe.decode(frame.body).channel
            known = index < len(CHANNELS)
            self.out += self.auth(CHANNELS[index] if known else Result(frame.counter, Code.BAD_CHANNEL, index))
        elif self.signer is not None:
            link = self.links[self.base]
            answer = self.signer.answer(decode_message(frame), self.device, self.epoch, self.base, link)
            for each in [Result(frame.counter, answer, 0)] if isinstance(answer, Code) else answer:
                self.out += self.auth(each)


class PtyBoard:
    """A :class:`Board` on a pty, served by a thread; ``path`` is what a host opens."""

    def __init__(self, board: Board, link: Path | None = None) -> None:
        self.board = board
        self.lock = threading.RLock()
        self._link = link
        self._stop = threading.Event()
        self.mute = False
        self.plug()

    def plug(self) -> None:
        """A new pty; with a ``link`` its name stays the same."""
        self._master, slave = pty.openpty()
        tty.setraw(slave)
        self.path = os.ttyname(slave)
        # Holding our own end of it open keeps the line up between two hosts; to unplug, both are closed.
        self._slave = slave
        if self._link is not None:
            self._link.unlink(missing_ok=True)
            self._link.symlink_to(self.path)
            self.path = str(self._link)
        self._stop.clear()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def unplug(self) -> None:
        """The port vanishes."""
        self._stop.set()
        self._thread.join()
        os.close(self._master)
        os.close(self._slave)
        if self._link is not None:
            self._link.unlink()

    def send(self, data: bytes) -> None:
        """Put bytes on the line as they are."""
        with self.lock:
            os.write(self._master, data)

    def reset(self, half: bytes = b"") -> None:
        """Reboot, perhaps after half a frame."""
        with self.lock:
            os.write(self._master, half)
            self.board.boot()

    def __enter__(self) -> PtyBoard:
        return self

    def __exit__(self, *_: object) -> None:
        if not self._stop.is_set():
            self.unplug()

    def _serve(self) -> None:
        while not self._stop.is_set():
            ready, _, _ = select.select([self._master], [], [], 0.005)
            with self.lock:
                if ready:
                    with contextlib.suppress(OSError):
                        self.board.hear(os.read(self._master, 4096))
                out = self.board.say(time.monotonic())
                if out and not self.mute:
                    with contextlib.suppress(OSError):
                        os.write(self._master, out)

"""The host's end: the real session over a board whose time the sweep holds. Nothing here waits by the wall's clock."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Protocol, TypeVar

from qcot.boards.stepped import CLOCK_HZ, Step, SteppedBoard
from qcot.link import keys
from qcot.link.events import Event, Resume, SawChannel, SawHello, SessionOpened, TookReadings, Trouble
from qcot.link.frames import AUTH, FrameDecoder, seal, wire
from qcot.link.messages import Enrol, Enrolled, Hello, Result, decode
from qcot.link.session import Session

from sweep.known import Known, Setting, Settings, ViolationError

E = TypeVar("E", bound=Event)
BOOT_S = 5.0
ANSWER_S = 4.0


class Cuts(Protocol):
    """Where the power goes; the board is never run past such a cycle."""

    def limit(self, cycle: int) -> int:
        """For how many cycles it may run."""

    def passed(self, step: Step) -> None:
        """The board is there."""


class Host:
    """One board and all that is known of it. ``now`` is the board's own clock, in seconds."""

    def __init__(self, board: SteppedBoard, known: Known, rng: Random, cuts: Cuts | None = None) -> None:
        self.board = board
        self.known = known
        self.rng = rng
        self.events: list[Event] = []
        self._cuts = cuts
        self._cycle = board.run(0).cycle
        self.session = Session(listen=0.0)

    @property
    def now(self) -> float:
        """Seconds of the board."""
        return self._cycle / CLOCK_HZ

    # Steps

    def run(self, cycles: int, data: bytes = b"") -> Step:
        """One step, which a cut may shorten."""
        if self._cuts:
            cycles = min(cycles, self._cuts.limit(self._cycle))
        step = self.board.run(max(cycles, 1), data)
        self._cycle = step.cycle
        self.known.leaks.heard(step.said)
        if self._cuts:
            self._cuts.passed(step)
        if step.state == "stopped":
            raise ViolationError("crashed", f"the processor stands still at cycle {step.cycle}")
        return step

    def power_cut(self) -> None:
        """Cut the power and give it again; the host opens the port anew."""
        self.board.power_off()
        self.board.power_on()
        self.restart()

    def restart(self) -> None:
        """The board began anew: so does its host, with what it has on disk."""
        self.known.leaks.silence()
        self.session = Session(listen=0.0)

    def step(self) -> list[Event]:
        """What comes until the session has something to say, and what it says to that."""
        events: list[Event] = []
        data = self.session.poll(self.now, events)
        step = self.run(max(int((self.session.wake(self.now) - self.now) * CLOCK_HZ), 2_000), data)
        for event in self.session.receive(step.said, self.now):
            events.append(event)
            match event:
                case SawHello(hello=hello):
                    self._hello(hello)
                case SessionOpened(opened=opened):
                    self.known.epoch = max(self.known.epoch, opened.epoch)
                case TookReadings(position=position):
                    self.known.resume = position
                    self.session.acknowledge(position.epoch, position.seq)
                case Trouble(problem=problem, reason=reason):
                    raise ViolationError(f"link-{problem.name}", reason)
        self.events = (self.events + events)[-20:]
        return events

    def next(self, kind: type[E], fits: Callable[[E], bool] = lambda _: True, within: float = ANSWER_S) -> E:
        """The next event of ``kind`` that fits; none within so many seconds of the board is a violation."""
        end = self.now + within
        while self.now < end:
            for event in self.step():
                if isinstance(event, kind) and fits(event):
                    return event
        raise ViolationError("silent", f"no {kind.__name__} in {within:.0f} s of the board; last: {self.events[-3:]}")

    # What a host does with a board

    def _hello(self, hello: Hello) -> None:
        if hello.enrolled and hello.device in self.known.offered and self.session.device is None:
            nonce = self.rng.randbytes(keys.NONCE_SIZE)
            self.session.open(hello, self.known.offered[hello.device], self.known.resume, nonce)

    def hello(self) -> Hello:
        """The board's first words after a boot, judged by what is known: its epoch and its nonce are new."""
        hello = self.next(SawHello, within=BOOT_S).hello
        known = self.known
        if not hello.damaged and hello.epoch <= known.epoch:
            raise ViolationError("epoch-repeated", f"epoch {hello.epoch} after {known.epoch}")
        if hello.enrolled and hello.nonce in known.nonces:
            raise ViolationError("nonce-repeated", hello.nonce.hex())
        known.epoch = max(known.epoch, hello.epoch)
        known.nonces.add(hello.nonce)
        return hello

    def opened(self) -> SessionOpened:
        """A session under a key that the board was given; the session itself checks the chain's beginning."""
        found = self.next(SessionOpened)
        if found.opened.device not in self.known.offered:
            raise ViolationError("wrong-identity", found.opened.device.hex())
        self.known.device = found.opened.device
        self.known.resume = found.position
        return found

    def enrol(self) -> bool:
        """Give the board an identity; True when it proved that it has it, False when it said that it cannot."""
        known = self.known
        device, key = self.rng.randbytes(keys.DEVICE_SIZE), self.rng.randbytes(keys.KEY_SIZE)
        challenge = self.rng.randbytes(keys.CHALLENGE_SIZE)
        known.offered[device] = key
        known.resume = Resume()
        decoder = FrameDecoder()
        decoder.feed(b"\0")  # nothing is under way: what comes next is a frame from its beginning
        data = b"\0" + wire(seal(Enrol.TYPE, Enrol(device, key, challenge).encode()))
        end = self.now + ANSWER_S
        while self.now < end:
            step = self.run(CLOCK_HZ // 10, data)
            data = b""
            for frame in decoder.feed(step.said):
                if frame.type == Result.TYPE and not frame.flags & AUTH:
                    return False
                if frame.type == Enrolled.TYPE:
                    answer = decode(frame)
                    proven = keys.enrolment_key(key, challenge).good(frame)
                    if not proven or not isinstance(answer, Enrolled) or answer.device != device:
                        raise ViolationError("wrong-key", "ENROLLED is not proven by the key that was given")
                    known.device = device
                    return True
        raise ViolationError("silent", f"no answer to ENROL in {ANSWER_S:.0f} s of the board")

    def settings(self, channels: int) -> Settings:
        """What the board says that it keeps."""
        found: dict[int, Setting] = {}
        for index in range(channels):
            self.session.describe(index)
        while len(found) < channels:
            channel = self.next(SawChannel).channel
            found[channel.index] = Setting.of(channel)
        return tuple(found[index] for index in range(channels))

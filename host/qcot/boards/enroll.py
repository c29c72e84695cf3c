"""A board registers: it gets an identity over the cable, and proves that it kept it.

The key is on disk before the board hears it. Whenever this stops in between, running it again on the same board ends
the work: a board that stored its key says so in HELLO, and the key is found by the id that it says.

What the authority is shown is the ENROLLED frame. Where this stopped before that was on disk, a session is proof of the
same: the board has the key. The frame then is the one that it answers with under that key.
"""

from __future__ import annotations

import secrets
import select
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from qcot.boards.registry import BoardRegistry, ChannelInfo, EnrolledBoard, Proof
from qcot.errors import Problem, QcotError
from qcot.link import keys
from qcot.link.events import Event, Resume, SawChannel, SawHello, SawResult, SessionOpened
from qcot.link.frames import AUTH, Frame, FrameDecoder, seal, wire
from qcot.link.messages import Code, Enrol, Enrolled, Hello, Result, decode
from qcot.link.problems import LinkError
from qcot.link.session import Session
from qcot.link.transport import SerialPort

SILENT = Problem(
    "board-silent",
    "Check the cable and the port, and that the board has QCoT's firmware (`qcot flash`); then try again.",
)
ENROLLED_ELSEWHERE = Problem(
    "enrolled-elsewhere",
    "Restore keys/boards/<id>.key from the home that enrolled it, or erase the board: hold D12 to GND in a reset.",
)
DAMAGED = Problem("identity-damaged", "Erase the board (hold D12 to GND while it resets), then enrol it again.")
ENROL_REFUSED = Problem("enrol-refused", "Erase the board (hold D12 to GND while it resets), then enrol it again.")
UNPROVEN = Problem(
    "enrolment-unproven", "Run the same command again: the key is kept, and the board is asked whether it has it."
)
NO_CHANNEL = Problem("no-channel", "Name channels that the board has; the reason lists them.")
RATE_REFUSED = Problem(
    "rate-refused",
    "Give 0 or 0.1 to 200 readings a second, less where docs/board.md has a limit for a sensor. pin-taken: on a Uno, "
    "I2C sensors and A4, A5 share pins; turn one of them off with NAME=0 before the other.",
)

RATES_HZ = (0.1, 200.0)
"""Least and most that any channel of any board takes; 0 is off."""
ENROL_TIMEOUT = 3.0
_POLL = 0.02


@dataclass(frozen=True, slots=True)
class Enrolment:
    """How it ended: ``fresh`` when the board got its identity just now, not in an earlier run."""

    board: EnrolledBoard
    fresh: bool


def enroll(
    port: str | Path,
    registry: BoardRegistry,
    *,
    rates: Mapping[str, float] | None = None,
    window: float = 60.0,
    progress: Callable[[str], None] = lambda _: None,
) -> Enrolment:
    """Enrol the board on ``port`` within ``window`` seconds; ``progress`` hears each step.

    ``rates`` are set in any case, in readings a second by channel name; the board remembers them. What no board takes
    is refused before this one hears anything. Of channels and limits of its own a board tells and judges under its
    identity alone: where it refuses, that stands, and the reason has the command that goes on from there.

    Raises QcotError: `board-silent`, `enrolled-elsewhere`, `identity-damaged`, `enrol-refused`, `enrolment-unproven`,
    `no-channel`, `rate-refused`, `port-...` and `key-file-...`.
    """
    for name, hertz in (rates or {}).items():
        if not is_rate(hertz):
            raise QcotError(RATE_REFUSED, f"{name}={hertz:g} is none that a board takes")
    link = SerialPort(str(port))
    try:
        return Dialogue(link, registry, time.monotonic() + window, progress).run(rates or {})
    finally:
        link.close()


def is_rate(hertz: float) -> bool:
    """Whether some board takes so many readings a second of some channel."""
    least, most = RATES_HZ
    return hertz == 0 or least <= hertz <= most


class Dialogue:
    """One conversation; a single decoder serves all of it, so that no frame falls between two steps."""

    def __init__(self, port: SerialPort, registry: BoardRegistry, end: float, progress: Callable[[str], None]) -> None:
        self._port = port
        self._registry = registry
        self._end = end
        self._progress = progress
        self._decoder = FrameDecoder()
        self.session = Session(takes_readings=False)
        self._opened: SessionOpened | None = None

    def run(self, rates: Mapping[str, float]) -> Enrolment:
        """The whole enrolment."""
        self._progress("waiting for the board")
        hello = self.hello()
        fresh = not hello.enrolled
        if fresh:
            self._progress(f"{hello.model}: giving it an identity")
            self._give_identity()
            self.session = Session(takes_readings=False, listen=0.0)  # which asks for HELLO at once
            hello = self.hello()
        if not hello.enrolled:
            raise QcotError(UNPROVEN, "the board says that it has no identity")
        if not self._registry.has_key(hello.device):
            raise QcotError(ENROLLED_ELSEWHERE, f"board {hello.device.hex()} has an identity and its key is not here")
        before = self._registry.board(hello.device)
        self._progress(f"{hello.model} {hello.device.hex()}: asking what it measures")
        board = self.describe(hello)
        if board != before:
            self._registry.record(board)
        if rates:
            self._progress(f"{hello.model} {hello.device.hex()}: setting its rates")
            self._configure(hello, board, rates)
        if self._registry.proof(hello.device) is None:
            self._progress(f"{hello.model} {hello.device.hex()}: asking again for proof that it has its key")
            self._prove(hello)
        return Enrolment(board, fresh and before is None)

    def hello(self) -> Hello:
        """The next HELLO; raises `identity-damaged` where the board says so."""
        for event in self._events(SILENT, "no HELLO came"):
            if isinstance(event, SawHello):
                if event.hello.damaged:
                    raise QcotError(DAMAGED, "the board's identity store does not read back")
                return event.hello
        raise AssertionError

    def _give_identity(self) -> None:
        device, key = self._registry.draw()
        challenge = secrets.token_bytes(keys.CHALLENGE_SIZE)
        proof = keys.enrolment_key(key, challenge)
        self._port.write(b"\0" + wire(seal(Enrol.TYPE, Enrol(device, key, challenge).encode())))
        end = time.monotonic() + ENROL_TIMEOUT
        while time.monotonic() < end:
            for frame in self._frames():
                if frame.type == Result.TYPE and not frame.flags & AUTH:
                    raise QcotError(ENROL_REFUSED, f"the board answers {_code(frame)}")
                if frame.type == Enrolled.TYPE and proof.good(frame):
                    answer = decode(frame)
                    if isinstance(answer, Enrolled) and (answer.device, answer.challenge) == (device, challenge):
                        self._registry.keep_proof(device, Proof(challenge, frame.raw))
                        return
        raise QcotError(UNPROVEN, f"no proof of possession from board {device.hex()} in {ENROL_TIMEOUT:.0f} s")

    def _prove(self, hello: Hello) -> None:
        """Keep the answer to a new challenge of a board that opens a session: nobody does without K_device."""
        for event in self.in_session(hello):
            if isinstance(event, SessionOpened):
                device, challenge = hello.device, secrets.token_bytes(keys.CHALLENGE_SIZE)
                key = keys.enrolment_key(self._registry.key(device), challenge)
                answer = Enrolled(device, challenge, event.opened.image).encode()
                self._registry.keep_proof(device, Proof(challenge, seal(Enrolled.TYPE, answer, 1, key)))
                return

    def describe(self, hello: Hello) -> EnrolledBoard:
        """What the board says of all its channels."""
        found: dict[int, ChannelInfo] = {}
        for event in self.in_session(hello):
            match event:
                case SessionOpened():
                    for index in range(hello.channels):
                        self.session.describe(index)
                case SawChannel(channel=channel):
                    found[channel.index] = ChannelInfo.of(channel)
                case _:
                    pass
            if self._opened and len(found) >= hello.channels:
                opened = self._opened.opened
                channels = tuple(found[index] for index in range(hello.channels))
                return EnrolledBoard(opened.device, hello.model, opened.firmware, opened.image, channels)
        raise AssertionError

    def _configure(self, hello: Hello, board: EnrolledBoard, rates: Mapping[str, float]) -> None:
        index = {channel.name: at for at, channel in enumerate(board.channels)}
        if unknown := sorted(set(rates) - set(index)):
            reason = f"{board.model} has {', '.join(index)} and no {', '.join(unknown)}"
            raise QcotError(NO_CHANNEL, self._standing(reason, board, {}))
        waiting = {index[name]: name for name in rates}
        refused: dict[str, str] = {}
        for event in self.in_session(hello):
            match event:
                case SessionOpened():
                    for name, hertz in rates.items():
                        self.session.configure(index[name], round(hertz * 1000))
                case SawResult(code=code, channel=int(channel), detail=detail, authenticated=True):
                    name = waiting.pop(channel, "")
                    if name and code is not Code.OK:
                        by = [each.name for each in board.channels[detail : detail + 1] if code is Code.PIN_TAKEN]
                        refused[name] = " by ".join([f"{name}={rates[name]:g}: {code.label}", *by])
                case _:
                    pass
            if not waiting:
                break
        if refused:
            held = {name: hertz for name, hertz in rates.items() if name not in refused}
            raise QcotError(RATE_REFUSED, self._standing(", ".join(refused.values()), board, held))

    def _standing(self, reason: str, board: EnrolledBoard, held: Mapping[str, float]) -> str:
        """``reason``, what stands in spite of it, and the command that goes on from there."""
        rates = [f"{name}={hertz:g}" for name, hertz in held.items()]
        stands = f"board {board.device.hex()} keeps its identity" + (f" and {', '.join(rates)}" if rates else "")
        command = " --rate ".join([f"qcot enroll {self._port.path}", *rates])
        return f"{reason}; {stands}: `{command}` goes on from there"

    def in_session(self, hello: Hello) -> Iterator[Event]:
        """What a session with the board tells, from its SessionOpened on; it is opened where it is not yet."""
        if self._opened:
            yield self._opened
        else:
            self._open(hello)
        for event in self._events(UNPROVEN, f"board {hello.device.hex()} opens no session under its key"):
            match event:
                case SawHello(hello=again) if again.device == hello.device and not self._opened:
                    self._open(again)
                case SessionOpened():
                    self._opened = event
                    yield event
                case _:
                    yield event

    def _open(self, hello: Hello) -> None:
        device_key = self._registry.key(hello.device)
        self.session.open(hello, device_key, Resume(), secrets.token_bytes(keys.NONCE_SIZE))

    def _events(self, problem: Problem, reason: str) -> Iterator[Event]:
        """What the session tells until the window ends, which raises ``problem``."""
        while time.monotonic() < self._end:
            yield from self.session.take(self._frames(), time.monotonic())
            self._port.write(self.session.poll(time.monotonic()))
        raise QcotError(problem, reason)

    def _frames(self) -> list[Frame]:
        ready, _, _ = select.select([self._port.fd], [], [], _POLL)
        return self._decoder.feed(self._port.read()) if ready else []


def _code(frame: Frame) -> str:
    try:
        answer = decode(frame)
    except LinkError as error:
        return error.reason
    return answer.code.label if isinstance(answer, Result) else ""

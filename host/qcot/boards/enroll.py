"""A board registers: it gets an identity over the cable, and proves that it kept it.

The key is on disk before the board hears it. Whenever this stops in between, running it again on the same board ends
the work: a board that stored its key says so in HELLO, and the key is found by the id that it says.
"""

from __future__ import annotations

import secrets
import select
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from qcot.boards.registry import BoardRegistry, ChannelInfo, EnrolledBoard
from qcot.errors import Problem, QcotError
from qcot.link import keys
from qcot.link.events import Event, Resume, SawChannel, SawHello, SessionOpened, Trouble
from qcot.link.frames import AUTH, Frame, FrameDecoder, seal, wire
from qcot.link.messages import Enrol, Enrolled, Hello, Opened, Result, decode
from qcot.link.problems import PORT_BUSY, LinkError
from qcot.link.session import Session
from qcot.link.transport import SerialPort

SILENT = Problem(
    "board-silent",
    "check the cable and the port, and that the board has QCoT's firmware (`qcot flash`); then try again",
)
ENROLLED_ELSEWHERE = Problem(
    "enrolled-elsewhere",
    "restore keys/boards/<id>.key from the home that enrolled it, or erase the board (hold D12 to GND while it resets)",
)
DAMAGED = Problem("identity-damaged", "erase the board (hold D12 to GND while it resets), then enrol it again")
ENROL_REFUSED = Problem("enrol-refused", "erase the board (hold D12 to GND while it resets), then enrol it again")
UNPROVEN = Problem(
    "enrolment-unproven", "run the same command again: the key is kept, and the board is asked whether it has it"
)

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
    window: float = 60.0,
    progress: Callable[[str], None] = lambda _: None,
) -> Enrolment:
    """Enrol the board on ``port`` within ``window`` seconds; ``progress`` hears each step.

    Raises QcotError: `board-silent`, `enrolled-elsewhere`, `identity-damaged`, `enrol-refused`, `enrolment-unproven`,
    `chain-gap`, `port-...` and `key-file-...`.
    """
    end = time.monotonic() + window
    link = _open_port(str(port), end)
    try:
        return _Dialogue(link, registry, end, progress).run()
    finally:
        link.close()


def _open_port(path: str, end: float) -> SerialPort:
    while True:
        try:
            return SerialPort(path)
        except LinkError as error:
            # A running bridge lets go of a board that is not enrolled every few seconds.
            if error.problem is not PORT_BUSY or time.monotonic() >= end:
                raise
        time.sleep(0.1)


class _Dialogue:
    """One conversation; a single decoder serves all of it, so that no frame falls between two steps."""

    def __init__(self, port: SerialPort, registry: BoardRegistry, end: float, progress: Callable[[str], None]) -> None:
        self._port = port
        self._registry = registry
        self._end = end
        self._progress = progress
        self._decoder = FrameDecoder()
        self._session = Session()

    def run(self) -> Enrolment:
        self._progress("waiting for the board")
        hello = self._hello()
        fresh = not hello.enrolled
        if fresh:
            self._progress(f"{hello.model}: giving it an identity")
            self._give_identity()
            hello = self._hello()
        if not hello.enrolled:
            raise QcotError(UNPROVEN, "the board says that it has no identity")
        if not self._registry.has_key(hello.device):
            raise QcotError(ENROLLED_ELSEWHERE, f"board {hello.device.hex()} has an identity and its key is not here")
        known = self._registry.board(hello.device)
        if known:
            return Enrolment(known, fresh=False)
        self._progress(f"{hello.model} {hello.device.hex()}: asking what it measures")
        board = self._describe(hello)
        self._registry.record(board)
        return Enrolment(board, fresh)

    def _hello(self) -> Hello:
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
                        return
        raise QcotError(UNPROVEN, f"no proof of possession from board {device.hex()} in {ENROL_TIMEOUT:.0f} s")

    def _describe(self, hello: Hello) -> EnrolledBoard:
        device_key = self._registry.key(hello.device)
        opened: Opened | None = None
        found: dict[int, ChannelInfo] = {}
        self._session.open(hello, device_key, Resume(), secrets.token_bytes(keys.NONCE_SIZE))
        for event in self._events(UNPROVEN, f"board {hello.device.hex()} opens no session under its key"):
            match event:
                case SawHello(hello=again) if again.device == hello.device and not opened:
                    self._session.open(again, device_key, Resume(), secrets.token_bytes(keys.NONCE_SIZE))
                case SessionOpened():
                    opened = event.opened
                    for index in range(hello.channels):
                        self._session.describe(index)
                case SawChannel(channel=channel):
                    found[channel.index] = ChannelInfo.of(channel)
                case Trouble(fatal=True):
                    raise QcotError(event.problem, event.reason)
                case _:
                    pass
            if opened and len(found) >= hello.channels:
                channels = tuple(found[index] for index in range(hello.channels))
                return EnrolledBoard(opened.device, hello.model, opened.firmware, opened.image, channels)
        raise AssertionError

    def _events(self, problem: Problem, reason: str) -> Iterator[Event]:
        """What the session tells until the window ends, which raises ``problem``."""
        while time.monotonic() < self._end:
            yield from self._session.take(self._frames(), time.monotonic())
            self._port.write(self._session.poll(time.monotonic()))
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

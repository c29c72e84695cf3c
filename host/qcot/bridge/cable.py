"""A person at a cable sees to a board's own key, without a bridge. Its readings stay on the board meanwhile."""

from __future__ import annotations

import secrets
import select
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from qcot.boards.enroll import ENROLLED_ELSEWHERE, SILENT
from qcot.boards.nodes import NodeStore, SignerState
from qcot.boards.registry import BoardRegistry, EnrolledBoard
from qcot.bridge.making import Outcome, Progress, Signed, Told
from qcot.bridge.problems import SIGNER_UNKNOWN, UNENROLLED
from qcot.bridge.signer import SINCE, SignerDriver
from qcot.errors import QcotError
from qcot.link import keys
from qcot.link.events import Event, Resume, SawHello, SessionOpened
from qcot.link.messages import Hello
from qcot.link.session import Session
from qcot.link.signer import Phase
from qcot.link.transport import SerialPort

FIND_S = 30.0
_POLL = 0.02
_STAY_S = 3.0
"""A board that hears nothing for 10 s while readings wait gives the session up."""


class Cable:
    """Open on ``port``, for the board that is enrolled here. ``tell`` hears of troubles on the way.

    Raises QcotError `port-...`, `board-silent`, `board-unenrolled`, `enrolled-elsewhere`, `signer-unknown`,
    `key-file-...`; each method raises what keeps it from its end, by name.
    """

    def __init__(self, port: str, registry: BoardRegistry, tell: Callable[[Told], None] = lambda _: None) -> None:
        self._registry = registry
        self._tell = tell
        self._port = SerialPort(port)
        self._session = Session(takes_readings=False)
        self._found: EnrolledBoard | None = None
        self._driver: SignerDriver | None = None
        self._stream = self._outcomes()
        try:
            self._find()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Give the port back."""
        self._port.close()

    def __enter__(self) -> Cable:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def board(self) -> EnrolledBoard:
        """Whose key it is."""
        assert self._found is not None
        return self._found

    def note(self) -> SignerState:
        """How the board's key stands, with the proof that is kept here; on disk when this returns."""
        state = self._driving.state
        assert state is not None
        self._registry.keep_signer(self.board.device, state)
        return self._registry.signer(self.board.device) or state

    def begin(self) -> None:
        """Have a key begun; it is finished by :meth:`make_key`, or by a bridge."""
        self._work().want_key()
        for _ in self._stream:
            state = self._driving.state
            if state is not None and state.phase in (Phase.GENERATING, Phase.READY) and not self._driving.wants_key:
                return

    def make_key(self, progress: Callable[[Progress], None] = lambda _: None) -> bytes:
        """The board's public key: made, or finished, or there already with its leaves looked for."""
        self._work().want_key()
        return self._until_ready(progress)

    def find_leaves(self, progress: Callable[[Progress], None] = lambda _: None, *, anew: bool = False) -> bytes:
        """The board's public key, once all of its leaves are here; ``anew`` has all of them computed again."""
        self._work().start()
        public = self._until_ready(progress)
        if anew:
            self._driving.rebuild()
            public = self._until_ready(progress)
        return public

    def sign(self) -> Signed:
        """The chain's checkpoint as it stands, signed with the next leaf and verified; a key's first is its proof."""
        self._work().want_signature()
        for each in self._stream:
            if isinstance(each, Signed):
                state = self.note()
                if state.proof is None:
                    self._registry.keep_signer(self.board.device, replace(state, proof=each.proof))
                return each
        raise AssertionError

    def prove(self) -> None:
        """Keep a signature that proves that the board has its key, unless one is kept."""
        if self.note().proof is None:
            self._registry.require_room(self.board.device)
            self.sign()

    @property
    def _driving(self) -> SignerDriver:
        assert self._driver is not None
        return self._driver

    def _work(self) -> SignerDriver:
        self._driving.looks_only = False
        return self._driving

    def _until_ready(self, progress: Callable[[Progress], None]) -> bytes:
        for each in self._stream:
            if isinstance(each, Progress):
                progress(each)
            public = self._driving.public
            if self._driving.ready and public is not None:
                return public
        raise AssertionError

    def _find(self) -> None:
        """Open a session, and hear how the board's key stands."""
        end = time.monotonic() + FIND_S
        for _ in self._stream:
            if self._driver is not None and self._driver.state is not None:
                return
            if time.monotonic() > end:
                raise QcotError(SILENT, f"no session in {FIND_S:.0f} s" if self._found else "no HELLO came")

    def _outcomes(self) -> Iterator[Outcome | None]:
        """What comes of the board's key, and None now and then; a trouble that ends the work is raised."""
        asked = time.monotonic()
        while True:
            ready, _, _ = select.select([self._port.fd], [], [], _POLL)
            now = time.monotonic()
            for event in self._session.receive(self._port.read() if ready else b"", now):
                yield from self._handle(event, now)
            events: list[Event] = []
            self._port.write(self._session.poll(now, events))
            for event in events:
                yield from self._handle(event, now)
            if self._driver is not None:
                yield from self._sift(self._driver.tick(now))
                if now - asked >= _STAY_S:
                    asked = now
                    self._session.ask_signer()
            yield None

    def _handle(self, event: Event, now: float) -> Iterator[Outcome]:
        match event:
            case SawHello(hello=hello):
                self._hello(hello)
            case SessionOpened(opened=opened):
                if opened.firmware < SINCE:
                    raise QcotError(SIGNER_UNKNOWN, f"its firmware is {'.'.join(map(str, opened.firmware))}")
                if self._driver is None:
                    nodes = self._registry.nodes
                    self._driver = SignerDriver(opened.device, self._session, lambda name: NodeStore(nodes, name))
                    self._driver.looks_only = True
                self._driver.start()
            case _ if self._driver is not None:
                yield from self._sift(self._driver.take(event, now))
            case _:
                pass

    def _sift(self, outcomes: list[Outcome]) -> Iterator[Outcome]:
        for each in outcomes:
            if isinstance(each, Told):
                if each.ends:
                    raise QcotError(each.problem, each.reason)
                self._tell(each)
            yield each

    def _hello(self, hello: Hello) -> None:
        if not hello.enrolled:
            raise QcotError(UNENROLLED, f"{hello.model} has no identity")
        board = self._registry.board(hello.device)
        if board is None or not self._registry.has_key(hello.device):
            raise QcotError(ENROLLED_ELSEWHERE, f"board {hello.device.hex()} has an identity and its key is not here")
        if self._found is not None and self._found.device != board.device:
            raise QcotError(SILENT, f"another board, {board.device.hex()}, is on the port now")
        self._found = board
        nonce = secrets.token_bytes(keys.NONCE_SIZE)
        self._session.open(hello, self._registry.key(hello.device), Resume(), nonce)
